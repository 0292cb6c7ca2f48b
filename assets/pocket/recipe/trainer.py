"""The nets in training, and the scenes that they are trained on. Called by train.py, which says when and how fast."""

import copy

import numpy as np
import torch
from torch import nn

import network
from muon import MuonWithAdamW
from workplace import DEVICE, autocast, save

NATIVE = 32 * 32  # latent pixels of a picture of the native size
PIXELS, DROP_CAPTION, DECAY = 128 * NATIVE, 0.1, 0.01  # the optimiser's share of a step halves with twice the batch
KEEP, AVERAGE_EVERY = 0.998, 4  # of the average, a step; in steps
SNR_CAP, LEAST_WEIGHT = 20.0, 0.1


class Data:
    """Latents and captions by shape, in memory. Small ones are drawn `small` times as often as their number says.

    A batch holds as many as fill `pixels` latent pixels.
    """

    def __init__(self, ids_of, pixels):
        self.ids_of, self.pixels = ids_of, pixels
        self.small, self.loaded, self.shapes, self.count = 1.0, set(), {}, 0

    def load(self, paths):
        for path in paths:
            if path in self.loaded:
                continue
            with np.load(path) as shard:
                z, ids = torch.from_numpy(shard["z"]).to(DEVICE), self.ids_of(shard["captions"].tolist()).to(DEVICE)
            old = self.shapes.get(tuple(z.shape[2:]))
            self.shapes[tuple(z.shape[2:])] = (torch.cat([old[0], z]), torch.cat([old[1], ids])) if old else (z, ids)
            self.loaded.add(path)
            self.count += len(z)

    def batch(self, generator):
        """Latents f32 [n, 4, h, w] of one shape and ids [n, positions]."""
        shapes = list(self.shapes)
        share = torch.tensor([float(len(self.shapes[shape][0]) * shape[0] * shape[1]) for shape in shapes])
        share *= torch.tensor([self.small if shape[0] * shape[1] < NATIVE else 1.0 for shape in shapes])
        shape = shapes[torch.multinomial(share, 1, generator=generator)]
        z, ids = self.shapes[shape]
        pick = torch.randint(0, len(z), (self.pixels // (shape[0] * shape[1]),), generator=generator).to(DEVICE)
        return z[pick].float(), ids[pick]


def loss_weight(alphas):
    """min-SNR weights for v-prediction (Hang et al. 2023), with a floor so that the last, fine steps count."""
    snr = alphas / (1 - alphas).clamp(min=1e-6)
    return (snr.clamp(max=SNR_CAP) / (snr + 1)).clamp(min=LEAST_WEIGHT)


def timesteps(count, of, generator):
    """So many timesteps, each in a part of its own of all there are: a batch's loss varies less than with free ones."""
    spread = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    return (spread * of / count).long().clamp(max=of - 1)


class Trainer:
    """The nets, their average, the optimiser, and how far they are.

    `branch` is how many pictures were seen when the rate began to fall.
    """

    def __init__(self, start):
        self.tokenizer, self.ids_of = network.load_tokenizer(".")
        self.nets = network.build(self.tokenizer, start)
        self.average = copy.deepcopy(self.nets).requires_grad_(False)
        self.optimiser = MuonWithAdamW(
            self.nets.named_parameters(), lr=0.0, plain=("embedding", "conv_in", "conv_out"), weight_decay=DECAY
        )
        self.alphas = network.scheduler().alphas_cumprod.to(DEVICE)
        self.nothing = self.ids_of([""])[0].to(DEVICE)
        self.seen, self.steps, self.hours, self.branch = 0, 0, 0.0, None
        self.size = sum(p.numel() for p in self.nets.parameters()) / 1e6
        self.generator = torch.Generator().manual_seed(0)
        self.predict = torch.compile(self.velocity, dynamic=False)

    def velocity(self, x, t, ids):
        return self.nets["unet"](x, t, self.nets["text"](ids).last_hidden_state).sample

    def store(self, path):
        state = {
            "nets": self.nets.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        save(state | {"seen": self.seen, "steps": self.steps, "hours": self.hours, "branch": self.branch}, path)

    def restore(self, path):
        state = torch.load(path, weights_only=True, map_location=DEVICE)
        self.nets.load_state_dict(state["nets"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.seen, self.steps, self.hours = (state[key] for key in ("seen", "steps", "hours"))
        self.branch = state.get("branch")
        self.generator.manual_seed(self.seen)

    def step(self, data, rate):
        """One batch; returns its loss and how many pictures it held."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        generator = self.generator
        z, ids = data.batch(generator)
        ids[(torch.rand(len(ids), generator=generator) < DROP_CAPTION).to(DEVICE)] = self.nothing
        t = timesteps(len(z), len(self.alphas), generator).to(DEVICE)
        noise = torch.randn(z.shape, generator=generator).to(DEVICE)
        a = self.alphas[t].view(-1, 1, 1, 1)
        target = a.sqrt() * noise - (1 - a).sqrt() * z
        noisy = (a.sqrt() * z + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        with autocast():
            v = self.predict(noisy, t, ids)
        loss = (((v.float() - target) ** 2).mean((1, 2, 3)) * loss_weight(a.flatten())).mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.nets.parameters(), 1.0)
        self.optimiser.step()
        self.steps += 1
        if self.steps % AVERAGE_EVERY == 0:
            keep = min(KEEP, self.steps / (10 + self.steps)) ** AVERAGE_EVERY
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.parameters()), list(self.nets.parameters()), 1 - keep)
        self.seen += len(z)
        return loss.item(), len(z)

    def write_model(self, folder):
        """The averaged weights in diffusers' layout."""
        self.average["unet"].save_pretrained(f"{folder}/unet")
        self.average["text"].save_pretrained(f"{folder}/text_encoder")
        network.scheduler().save_pretrained(f"{folder}/scheduler")
