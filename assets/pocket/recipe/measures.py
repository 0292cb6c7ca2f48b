"""Each figure of the table: what is asked for, painted and looked at. Called by evaluate.py alone."""

import random

import numpy as np
import torch
from scipy import linalg

import backdrops
import captions
import classifier
import colors
import scenes
import vae as autoencoder
from split import held_out
from workplace import to_images, to_tensor, unseen


def share(hits):
    """A mean as per cent."""
    return f"{100 * float(np.mean(np.asarray(hits))):.1f} %" if len(hits) else "–"


def plain_prompt(name, style):
    """One object on a colour that it is never trained on, if there is one."""
    color = next((color for color in colors.BACKDROPS if held_out(name, color)), "white")
    return f"{captions.article(name, 'flat' if style == 'flat' else '')} on {captions.article(color)} background"


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

    def one(self, style, seed=0):
        chosen = self.some(random.Random(1), 2000, style)
        pictures = self.painter.paint([plain_prompt(self.name(i), style) for i in chosen], 1000 + seed)
        top1, top5 = self.named(pictures, chosen), self.named(pictures, chosen, 5)
        missed = [self.name(i) for i, hit in zip(chosen, top5) if not hit]
        return f"{share(top1)} / {share(top5)} of {len(chosen)}", missed

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
        pictures = self.painter.paint(prompts, seed * 1000)
        return share(self.all_named(pictures, relation, truth))

    def all_named(self, pictures, relation, truth):
        views = [part for picture in pictures for part in classifier.parts(picture, relation)]
        hits = self.named(views, [i for group in truth for i in group])
        return np.array(hits).reshape(len(truth), -1).all(1)

    def threes(self):
        rng = random.Random(3)
        truth = [rng.sample(range(len(self.objects)), 3) for _ in range(self.count(256))]
        prompts = ["{}, {} and {}".format(*(captions.article(self.name(i)) for i in group)) for group in truth]
        return share(self.all_named(self.painter.paint(prompts, 3000), "row", truth))

    def counts(self):
        rng, prompts, truth = random.Random(4), [], []
        for k in range(self.count(255)):
            i = rng.randrange(len(self.objects))
            truth.append((i, 2 + k % 3))
            prompts.append(f"{captions.NUMBERS[2 + k % 3]} {captions.plural(self.name(i))}")
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
        hits = []
        for picture, hue in zip(self.painter.paint(prompts, 6000), wanted):
            hits.append(colors.apart(main_hue(picture), hue) <= 30)
        return share(hits)

    def looks(self):
        """Fréchet distances to unseen scenes, of pictures for their captions and of their reconstructions; fine energy."""
        others, mine = unseen(self.objects, self.count(5000), seed=11), unseen(self.objects, self.count(5000), seed=12)
        pictures = self.painter.paint([scene.caption for scene in mine], 7000)
        real = [scene.image for scene in others]
        again = []
        with torch.no_grad():
            for start in range(0, len(mine), 16):
                x = to_tensor([scene.image for scene in mine[start : start + 16]])
                again.extend(to_images(self.painter.vae.decode(self.painter.vae.encode(x).latent_dist.mean).sample))
        features = [self.look(group)[1].numpy() for group in (real, pictures, again)]
        ours, floor = frechet(features[1], features[0]), frechet(features[2], features[0])
        energy = [
            np.mean([fine_energy(picture) for picture in group])
            for group in (pictures, [scene.image for scene in mine])
        ]
        return f"{ours:.1f}, reconstructions {floor:.1f}: {ours / floor:.1f} ×", f"{energy[0] / energy[1]:.2f}"

    def fill(self):
        """A named object painted into a hole of 10 to 40 % of a scene without it."""
        rng, hits = random.Random(8), []
        for start in range(0, self.count(200), 8):
            images, masks, boxes, prompts, truth = [], [], [], [], []
            for _ in range(8):
                i, kind = rng.randrange(len(self.objects)), rng.choice(list(backdrops.PHRASES))
                image, words = backdrops.draw(kind, rng, 256, 256)
                side = round(256 * np.sqrt(rng.uniform(0.1, 0.4)) / 8) * 8
                x, y = (rng.randrange(0, 256 - side + 1, 8) for _ in range(2))
                mask = np.zeros((1, 32, 32), np.float32)
                mask[:, y // 8 : (y + side) // 8, x // 8 : (x + side) // 8] = 1
                images.append(np.clip(image, 0, 255).astype(np.uint8))
                masks.append(mask)
                boxes.append((x, y, side))
                prompts.append(f"{captions.article(self.name(i))} {words}")
                truth.append(i)
            z = self.painter.encode(np.stack(images))
            found = self.painter.decode(
                self.painter.latents(prompts, 8000 + start, image=z, mask=torch.from_numpy(np.stack(masks)).to(z.device))
            )
            hits += self.named([picture[y : y + s, x : x + s] for picture, (x, y, s) in zip(found, boxes)], truth)
        return share(hits)

    def scribble(self):
        """A silhouette in the object's mean colour, repainted at strength 0.7."""
        rng, hits, overlap = random.Random(9), [], []
        chosen = self.some(rng, 200)[: self.count(200)]
        for start in range(0, len(chosen), 8):
            part, images, shapes = chosen[start : start + 8], [], []
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
        return f"{share(hits)}; IoU {np.mean(overlap):.2f}"

    def variety(self):
        """Mean distance of features over 8 seeds, beside that of 8 scenes with the same things."""
        rng, ours, theirs = random.Random(10), [], []
        for k in range(max(4, self.count(48) // 4)):
            i, kind = rng.randrange(len(self.objects)), rng.choice(list(backdrops.PHRASES))
            thing = scenes.Thing(i, self.name(i), "3d")
            real = [scenes.sample(rng, self.objects, things=[thing], kind=kind).image for _ in range(8)]
            prompt = f"{captions.article(self.name(i))} {backdrops.PHRASES[kind][0]}"
            for group, into in ((real, theirs), (self.painter.paint([prompt] * 8, 10000 + 8 * k), ours)):
                into.append(torch.pdist(self.look(group)[1]).mean().item())
        return f"{np.mean(ours):.2f}, scenes {np.mean(theirs):.2f}"


def solid(image):
    """What is not the white backdrop."""
    return image.min(2) < 225


def main_hue(picture):
    """The hue of what stands on white, in degrees."""
    return colors.hue_of(np.concatenate([picture, (solid(picture) * 255).astype(np.uint8)[..., None]], 2))[0]


def frechet(a, b):
    """Distance of two Gaussians fitted to features (Heusel et al. 2017)."""
    root = linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root))


def fine_energy(picture):
    """Energy above a quarter of the sampling frequency."""
    gray = picture.astype(np.float32).mean(2)
    across, down = np.meshgrid(np.fft.fftfreq(gray.shape[1]), np.fft.fftfreq(gray.shape[0]))
    return float((np.abs(np.fft.fft2(gray))[np.hypot(across, down) > 0.25] ** 2).mean())
