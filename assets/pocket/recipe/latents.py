"""Scenes, encoded once: shards of one shape each, made in turn with training.

usage: latents.py WORK SHARDS     encodes until there are that many

A shard is WORK/latents/NNNNN.npz: z f16 [n, 4, h, w] (as the UNet sees them) and captions. Its number
seeds its scenes and says its shape, so that a shard is the same whenever it is made.
"""

import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

import scenes
from workplace import DEVICE, WORKERS, autocast, leave_signals_to_main, load_objects, share_of_worker, to_tensor

SCENES, BATCH = 1000, 20
NATIVE = (256, 256)
SMALL = (192, 192)
# Height and width of the first shards. After them most are small: what a thing looks like is learnt from those, too, at
# half the price.
SHAPES = [
    *[NATIVE, NATIVE, (256, 320), NATIVE, NATIVE, (320, 256), NATIVE, NATIVE, SMALL, NATIVE],
    *[NATIVE, NATIVE, (256, 384), NATIVE, NATIVE, (384, 256), NATIVE, NATIVE, (320, 320), NATIVE],
]
LATER = [SMALL, SMALL, NATIVE, SMALL, SMALL, NATIVE, SMALL, SMALL, NATIVE, (256, 320)] * 2
LATER[-1] = (320, 256)


def shape(number):
    """Height and width of a shard."""
    return SHAPES[number] if number < len(SHAPES) else LATER[number % len(LATER)]


class Stream(torch.utils.data.IterableDataset):
    """The scenes of one shard."""

    def __init__(self, objects, number):
        self.objects, self.number = objects, number

    def __iter__(self):
        first, step = share_of_worker()
        for i in range(first, SCENES, step):
            rng = random.Random(f"scene {i} of shard {self.number}")
            scene = scenes.sample(rng, self.objects, *shape(self.number))
            yield torch.from_numpy(scene.image), scene.caption


class Encoder:
    """Makes shards with one autoencoder, loaded when it is first needed."""

    def __init__(self, work):
        self.work, self.ready = Path(work), None
        (self.work / "latents").mkdir(exist_ok=True)

    def paths(self, wanted=None):
        """The shards there are, in order; of one shape, if one is wanted."""
        every = sorted((self.work / "latents").glob("*.npz"))
        return [path for path in every if wanted is None or shape(int(path.stem)) == wanted]

    def load(self):
        vae = AutoencoderKL.from_pretrained(self.work / "vae").eval().to(DEVICE, memory_format=torch.channels_last)
        self.ready = load_objects(self.work), torch.compile(lambda x: vae.encode(x).latent_dist.mean, dynamic=False)

    @torch.no_grad()
    def add(self):
        """One more shard; returns its path and the scenes a second."""
        if self.ready is None:
            self.load()
        objects, encode = self.ready
        number = len(self.paths())
        parts, captions, start = [], [], time.time()
        for x, texts in torch.utils.data.DataLoader(
            Stream(objects, number), batch_size=BATCH, num_workers=WORKERS, prefetch_factor=4, worker_init_fn=leave_signals_to_main
        ):
            with autocast():
                parts.append(encode(to_tensor(x)).half().cpu().numpy())
            captions += texts
        path = self.work / "latents" / f"{number:05d}.npz"
        partial = path.with_suffix(".tmp")
        with open(partial, "wb") as file:
            np.savez(file, z=np.concatenate(parts), captions=np.array(captions))
        partial.rename(path)
        return path, SCENES / (time.time() - start)


def main(work, count):
    encoder = Encoder(work)
    while len(encoder.paths()) < count:
        path, rate = encoder.add()
        print(f"{path.name}: {rate:.1f} scenes a second", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
