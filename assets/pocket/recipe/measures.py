"""Each figure of the table: what is asked for, painted and looked at. Called by evaluate.py alone."""

import random

import numpy as np
import torch
from PIL import Image

import backdrops
import captions
import classifier
import colors
import scenes
import vae as autoencoder
from looks import fine_energy, frechet, has_hue, shows_on_white, solid
from split import held_out
from workplace import unseen

AT_ONCE = 40  # fills and scribbles painted together


def share(hits):
    """A mean as per cent."""
    return f"{100 * float(np.mean(np.asarray(hits))):.1f} %" if len(hits) else "–"


def plain_backdrop(item, style):
    """A colour that the object is never trained on, if there is one: the one that it is told from best."""
    pixels = item["rgba"][style]
    mean = pixels[pixels[..., 3] > 200][:, :3].mean(0)
    unseen_ones = [color for color in colors.BACKDROPS if held_out(item["name"], color)]
    return max(unseen_ones or colors.BACKDROPS, key=lambda color: np.abs(mean - colors.BACKDROPS[color]).sum())


def plain_prompt(name, style, color):
    return f"{captions.article(name, 'flat' if style == 'flat' else '')} on {captions.article(color)} background"


def close_up(x, y, side, whole):
    """Left, top and size of what is worked on round a square hole; as src/engine/area.rs has it."""
    size = side + 2 * max(16, -(-side * 20 // 100))
    if size * size > 0.9 * whole * whole or size > whole:
        return 0, 0, whole
    left, top = (min(max(at + side // 2 - size // 2, 0), whole - size) for at in (x, y))
    return left, top, size


class Bench:
    """A painter, the classifier and the objects, and how many pictures each figure may take."""

    def __init__(self, painter, net, objects, scale):
        self.painter, self.net, self.objects, self.scale = painter, net, objects, scale

    def count(self, full):
        return max(16, round(full * self.scale))

    def look(self, pictures):
        return self.net.look([classifier.view(picture) for picture in pictures])

    def named(self, pictures, truth, k=1):
        """Whether the object is among the k likeliest."""
        best = self.look(pictures)[0][0].topk(k).indices
        return (best == torch.tensor(truth)[:, None]).any(1).tolist()

    def some(self, rng, full, style="3d"):
        """Indices of objects: all of them when there is room."""
        every = [i for i, item in enumerate(self.objects) if style in item["rgba"]]
        return every if len(every) <= self.count(full) else sorted(rng.sample(every, self.count(full)))

    def name(self, i):
        return self.objects[i]["name"]

    # The figures, in the order of the table.

    def reconstruction(self):
        return f"{autoencoder.psnr(self.painter.vae, self.objects, max(10, self.count(500) // 10 * 10)):.2f} dB"

    def real(self, rng, things, relation, kind):
        """A scene as the prompt asks for it, to say what the classifier makes of a faultless picture."""
        return scenes.sample(rng, self.objects, things=things, relation=relation, kind=kind).image

    def one(self, style):
        rng = random.Random(1)
        chosen = self.some(rng, 2000, style)
        kinds = [plain_backdrop(self.objects[i], style) for i in chosen]
        pictures = self.painter.paint([plain_prompt(self.name(i), style, kind) for i, kind in zip(chosen, kinds)], 1000)
        top1, top5 = self.named(pictures, chosen), self.named(pictures, chosen, 5)
        real = [self.real(rng, [scenes.Thing(i, self.name(i), style)], None, kind) for i, kind in zip(chosen, kinds)]
        missed = [self.name(i) for i, hit in zip(chosen, top5) if not hit]
        ceiling = f"{share(self.named(real, chosen))} / {share(self.named(real, chosen, 5))}"
        return f"{share(top1)} / {share(top5)} of {len(chosen)} (scenes: {ceiling})", missed

    def pairs(self, relation, unseen_only, seed):
        """Both things named where they should be."""
        rng, prompts, truth = random.Random(seed), [], []
        while len(prompts) < self.count(256):
            i, j = rng.sample(range(len(self.objects)), 2)
            if held_out(self.name(i), self.name(j)) != unseen_only:
                continue
            first, second = captions.article(self.name(i)), captions.article(self.name(j))
            prompts.append(f"{first} to the left of {second}" if relation == "left" else f"{first} above {second}")
            truth.append((i, j))
        return self.beside_real(rng, self.painter.paint(prompts, seed * 1000), relation, truth)

    def beside_real(self, rng, pictures, relation, truth):
        """How many groups are all named, in pictures and in scenes of the same things."""
        things = [[scenes.Thing(i, self.name(i), "3d") for i in group] for group in truth]
        real = [self.real(rng, group, relation, "white") for group in things]
        found, ceiling = (self.all_named(group, relation, truth) for group in (pictures, real))
        return f"{share(found)} (scenes: {share(ceiling)})"

    def all_named(self, pictures, relation, truth):
        views = [part for picture in pictures for part in classifier.parts(picture, relation)]
        hits = self.named(views, [i for group in truth for i in group])
        return np.array(hits).reshape(len(truth), -1).all(1)

    def threes(self):
        rng = random.Random(3)
        truth = [rng.sample(range(len(self.objects)), 3) for _ in range(self.count(256))]
        prompts = ["{}, {} and {}".format(*(captions.article(self.name(i)) for i in group)) for group in truth]
        return self.beside_real(rng, self.painter.paint(prompts, 3000), "row", truth)

    def counts(self):
        rng, prompts, truth = random.Random(4), [], []
        names = {item["name"] for item in self.objects}
        while len(prompts) < self.count(255):
            i, number = rng.randrange(len(self.objects)), 2 + len(prompts) % 3
            prompt = f"{captions.NUMBERS[number]} {captions.plural(self.name(i))}"
            if prompt not in names:  # "two hearts" is an object of its own
                truth.append((i, number))
                prompts.append(prompt)
        heads, _ = self.look(self.painter.paint(prompts, 4000))
        right = heads[2].argmax(1) + 1 == torch.tensor([number for _, number in truth])
        named = heads[0].argmax(1) == torch.tensor([i for i, _ in truth])
        return f"{share(right.float())} (and named: {share((right & named).float())})"

    def backdrops(self, unseen_only):
        rng, prompts, truth = random.Random(5), [], []
        kinds = [*backdrops.PHRASES, *colors.BACKDROPS]
        while len(prompts) < self.count(350):
            i, kind = rng.randrange(len(self.objects)), kinds[len(prompts) % len(kinds)]
            if held_out(self.name(i), kind) != unseen_only:
                continue
            words = (
                backdrops.PHRASES[kind][0] if kind in backdrops.PHRASES else f"on {captions.article(kind)} background"
            )
            prompts.append(f"{captions.article(self.name(i))} {words}")
            truth.append(classifier.KINDS.index(kind))
        heads, _ = self.look(self.painter.paint(prompts, 5000))
        return share((heads[1].argmax(1) == torch.tensor(truth)).float())

    def color_words(self):
        rng, prompts, wanted = random.Random(6), [], []
        able = [
            item
            for item in self.objects
            if item["group"] not in scenes.PEOPLE and colors.can_shift(*item["hue"]["3d"][1:])
        ]
        for _ in range(self.count(256)):
            word = rng.choice(list(colors.HUES))
            prompts.append(f"{captions.article(rng.choice(able)['name'], word)} on a white background")
            wanted.append(colors.HUES[word])
        return share([has_hue(picture, hue) for picture, hue in zip(self.painter.paint(prompts, 6000), wanted)])

    def looks(self):
        """Fréchet distances to unseen scenes, of pictures for the captions of others and of those others' reconstructions;
        of the reconstructions to their own scenes, too; and fine energy."""
        others, mine = unseen(self.objects, self.count(5000), seed=11), unseen(self.objects, self.count(5000), seed=12)
        pictures = self.painter.paint([scene.caption for scene in mine], 7000)
        images = [scene.image for scene in mine]
        again = self.painter.decode(self.painter.encode(images))
        features = [self.look(group)[1].numpy() for group in ([scene.image for scene in others], images, pictures, again)]
        ours, floor = frechet(features[2], features[0]), frechet(features[3], features[0])
        energy = [np.mean([fine_energy(picture) for picture in group]) for group in (pictures, images)]
        distance = f"{ours:.1f}, reconstructions {floor:.1f}: {ours / floor:.1f} ×"
        return f"{distance} (to their own scenes {frechet(features[3], features[1]):.1f})", f"{energy[0] / energy[1]:.2f}"

    def fill(self):
        """A named object painted into a hole of 10 to 40 % of a scene without it, as the program does: close up."""
        rng, hits = random.Random(8), []
        for start in range(0, self.count(200), AT_ONCE):
            parts, masks, boxes, prompts, truth = [], [], [], [], []
            for _ in range(AT_ONCE):
                i, kind = rng.randrange(len(self.objects)), rng.choice(list(backdrops.PHRASES))
                image, words = backdrops.draw(kind, rng, 256, 256)
                image = np.clip(image, 0, 255).astype(np.uint8)
                side = round(256 * np.sqrt(rng.uniform(0.1, 0.4)) / 8) * 8
                x, y = (rng.randrange(0, 256 - side + 1, 8) for _ in range(2))
                left, top, size = close_up(x, y, side, 256)
                part = Image.fromarray(image[top : top + size, left : left + size])
                parts.append(np.asarray(part.resize((256, 256), Image.Resampling.BICUBIC)))
                box = [round(at * 256 / size) for at in (x - left, y - top, x - left + side, y - top + side)]
                mask = np.zeros((1, 32, 32), np.float32)
                mask[:, box[1] // 8 : -(-box[3] // 8), box[0] // 8 : -(-box[2] // 8)] = 1
                masks.append(mask)
                boxes.append(box)
                prompts.append(f"{captions.article(self.name(i))} {words}")
                truth.append(i)
            z = self.painter.encode(np.stack(parts))
            found = self.painter.decode(
                self.painter.latents(prompts, 8000 + start, image=z, mask=torch.from_numpy(np.stack(masks)).to(z.device))
            )
            cut = [picture[y0:y1, x0:x1] for picture, (x0, y0, x1, y1) in zip(found, boxes)]
            hits += self.named(cut, truth)
        return share(hits)

    def scribble(self):
        """A silhouette in the object's mean colour, repainted at strength 0.7; of objects that show on white."""
        rng, hits, overlap = random.Random(9), [], []
        able = [i for i, item in enumerate(self.objects) if shows_on_white(item["rgba"]["3d"])]
        chosen = rng.sample(able, min(len(able), self.count(200)))
        for start in range(0, len(chosen), AT_ONCE):
            part, images, shapes = chosen[start : start + AT_ONCE], [], []
            for i in part:
                rgba = self.objects[i]["rgba"]["3d"]
                flat = rgba.copy()
                flat[..., :3] = rgba[rgba[..., 3] > 200][:, :3].mean(0)
                image = np.full((256, 256, 3), 255, np.float32)
                scenes.place(image, flat, 160, 128, 128, False, False)
                images.append(image.astype(np.uint8))
                shapes.append(solid(images[-1]))
            prompts = [f"{captions.article(self.name(i))} on a white background" for i in part]
            found = self.painter.decode(
                self.painter.latents(prompts, 9000 + start, image=self.painter.encode(np.stack(images)), strength=0.7)
            )
            hits += self.named(found, part)
            overlap += [(solid(a) & b).sum() / max(1, (solid(a) | b).sum()) for a, b in zip(found, shapes)]
        return f"{share(hits)}; IoU {np.mean(overlap):.2f} ({len(self.objects) - len(able)} pale objects left out)"

    def variety(self):
        """Mean distance of features over 8 seeds, beside that of 8 scenes with the same things and the same caption."""
        rng, prompts, real = random.Random(10), [], []
        while len(prompts) < 8 * max(4, self.count(24)):
            i, kind = rng.randrange(len(self.objects)), rng.choice(list(backdrops.PHRASES))
            prompts += [f"{captions.article(self.name(i))} {backdrops.PHRASES[kind][0]}"] * 8
            real += [self.unspoken(rng, i, kind) for _ in range(8)]
        ours, theirs = (
            np.mean([torch.pdist(part).mean().item() for part in self.look(group)[1].split(8)])
            for group in (self.painter.paint(prompts, 10000), real)
        )
        return f"{ours:.2f}, scenes {theirs:.2f}: {ours / theirs:.2f} ×"

    def unspoken(self, rng, i, kind):
        """A scene whose caption would say nothing of size or place."""
        while True:
            thing = scenes.Thing(i, self.name(i), "3d")
            image = self.real(rng, [thing], None, kind)
            if not thing.size_word and not thing.where:
                return image
