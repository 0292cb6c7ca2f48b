"""A small classifier, trained apart from the generator: the measure of what its pictures show.

usage: classifier.py WORK [VIEWS] [EPOCHS]     writes WORK/classifier.pt

One trunk with three heads: the object (in whatever style and colour), the backdrop, and how many. It sees
whole scenes of one kind of object, and halves and thirds of scenes with more, squeezed to 96 x 96.
"""

import os
import random
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import backdrops
import scenes
from workplace import DEVICE, Log, autocast, load_objects, save, to_tensor

VIEW, FEATURES, MOST = 96, 256, 4
KINDS = backdrops.names()
PARTS = 16
NONE = -1  # the label of what a view does not show


def view(image):
    """A picture, or a part of one, as the classifier sees it."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize((VIEW, VIEW), Image.BOX))


def parts(image, relation):
    """Where a scene's things are to be looked for, in the order of its things."""
    height, width = image.shape[:2]
    if relation == "left":
        return [image[:, : width // 2], image[:, width // 2 :]]
    if relation == "above":
        return [image[: height // 2], image[height // 2 :]]
    return [image[:, i * width // 3 : (i + 1) * width // 3] for i in range(3)]


def examples(objects, count, seed):
    """Views, and for each its object, backdrop and number of things, NONE where it does not apply."""
    rng, views, labels = random.Random(seed), [], []
    while len(views) < count:
        scene = scenes.sample(rng, objects)
        if scene.relation == "front":
            continue
        if scene.relation is None:
            views.append(view(scene.image))
            labels.append((scene.things[0].index, KINDS.index(scene.kind), scene.things[0].count - 1))
            continue
        views.append(view(scene.image))
        labels.append((NONE, KINDS.index(scene.kind), NONE))
        for part, thing in zip(parts(scene.image, scene.relation), scene.things):
            views.append(view(part))
            labels.append((thing.index, NONE, NONE))
    return np.stack(views), np.array(labels)


def examples_for(work, count, seed):
    """The same in a process of its own, which reads the objects rather than being sent them."""
    return examples(load_objects(work), count, seed)


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inner, outer, stride):
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(inner, outer, 3, stride, 1, bias=False),
            nn.Conv2d(outer, outer, 3, 1, 1, bias=False),
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(outer), nn.BatchNorm2d(outer)])
        self.skip = nn.Conv2d(inner, outer, 1, stride, bias=False)

    def forward(self, x):
        return F.relu(self.skip(x) + self.norms[1](self.second(F.relu(self.norms[0](self.first(x))))))


class Classifier(nn.Module):
    """forward -> object, backdrop and count logits, and the features before them."""

    def __init__(self, objects):
        super().__init__()
        blocks = [Block(32, 64, 2), Block(64, 128, 2), Block(128, 256, 2), Block(256, FEATURES, 1)]
        self.trunk = nn.Sequential(nn.Conv2d(3, 32, 5, 2, 2), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.heads = nn.ModuleList([nn.Linear(FEATURES, classes) for classes in (objects, len(KINDS), MOST)])

    def forward(self, x):
        features = self.trunk(x)
        return [head(features) for head in self.heads], features

    @torch.no_grad()
    def look(self, views, batch=128):
        """For uint8 views: the three heads' logits and the features, all on one pile."""
        seen = [self(to_tensor(np.stack(views[start : start + batch]))) for start in range(0, len(views), batch)]
        heads = [torch.cat([logits[k] for logits, _ in seen]).cpu() for k in range(3)]
        return heads, torch.cat([features for _, features in seen]).cpu()


def worsen(x):
    """Shifts, brightness, noise and softness, so that a generated picture is no stranger."""
    x = torch.roll(x, (random.randrange(-6, 7), random.randrange(-6, 7)), (2, 3)) * (
        0.85 + 0.3 * torch.rand(len(x), 1, 1, 1, device=x.device)
    )
    x = x + 0.05 * torch.randn(len(x), 3, 1, 1, device=x.device) + 0.05 * random.random() * torch.randn_like(x)
    if random.random() < 0.4:
        small = F.interpolate(x, scale_factor=random.uniform(0.45, 0.9), mode="bilinear", antialias=True)
        x = F.interpolate(small, VIEW, mode="bilinear")
    return x.contiguous(memory_format=torch.channels_last)


def accuracy(net, views, labels):
    """Share that each head names right."""
    heads, _ = net.look(list(views))
    wanted = torch.from_numpy(labels)
    return [
        (logits.argmax(1) == wanted[:, k])[wanted[:, k] != NONE].float().mean().item() for k, logits in enumerate(heads)
    ]


def load(path, objects):
    """A trained one, with its accuracies."""
    state = torch.load(path, weights_only=True, map_location=DEVICE)
    net = Classifier(len(objects)).to(DEVICE)
    net.load_state_dict(state["net"])
    return net.eval(), state["accuracy"]


def main(work, count, epochs):
    objects, log = load_objects(work), Log(f"{work}/classifier.log")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(examples_for, [work] * PARTS, [count // PARTS] * PARTS, range(100, 100 + PARTS)))
    views, labels = (
        np.concatenate([part[0] for part in done]),
        torch.from_numpy(np.concatenate([part[1] for part in done])).to(DEVICE),
    )
    tests = examples(objects, 3000, 7)
    log(f"{len(views)} views")
    net = Classifier(len(objects)).to(DEVICE, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=epochs * (len(views) // 128) + 1)
    for epoch in range(epochs):
        net.train()
        for pick in torch.randperm(len(views))[: len(views) // 128 * 128].split(128):
            x = worsen(to_tensor(views[pick.numpy()]))
            with autocast():
                heads, _ = net(x)
            wanted = labels[pick.to(DEVICE)]
            losses = [
                F.cross_entropy(logits.float(), wanted[:, k], ignore_index=NONE, label_smoothing=0.05)
                for k, logits in enumerate(heads)
            ]
            optimiser.zero_grad()
            sum(losses).backward()
            optimiser.step()
            schedule.step()
        net.eval()
        found = accuracy(net, *tests)
        log(f"epoch {epoch + 1}: objects {found[0]:.3f}, backdrops {found[1]:.3f}, counts {found[2]:.3f}")
        save({"net": net.state_dict(), "accuracy": found}, f"{work}/classifier.pt")


if __name__ == "__main__":
    torch.manual_seed(0)
    random.seed(0)
    work, *numbers = sys.argv[1:]
    main(work, int(numbers[0]) if numbers else 80000, int(numbers[1]) if len(numbers) > 1 else 10)
