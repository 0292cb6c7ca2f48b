"""Trains the KL autoencoder on crops of fresh scenes.

usage: vae.py WORK PICTURES [START]

WORK holds objects.pkl; vae/ and vae.pt are written there, and vae.pt resumes; a TERM or INT signal saves and ends.
PICTURES counts crops in all, earlier calls with it. START is a folder with an autoencoder to begin from.

What was learned:
- with diffusers' default initialisation it hardly starts; zeroed second convolutions of the residual blocks,
  orthogonal shortcuts and downsamplers, identity-like upsamplers and a posterior that starts narrow do;
- the group norm's compiled backward pass took half of the time, fresh pages from the system for every large tensor
  a quarter: see norms.py and the allocator's settings in run.sh;
- Muon at 1e-3 is worth several times the steps of AdamW; one norm group keeps flat colours;
- factor 8 with 4 channels (48 numbers to 1) trains much faster than factor 16 with 8 (96 to 1).
"""

import os
import random
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import nn

import scenes
from muon import MuonWithAdamW
from norms import use_kernels
from workplace import (
    DEVICE,
    WORKERS,
    Log,
    Schedule,
    Stop,
    autocast,
    leave_signals_to_main,
    load_objects,
    save,
    share_of_worker,
    to_tensor,
    unseen,
)

CROP, BATCH, LATENT, FACTOR, PEAK = 128, 16, 4, 8, 1e-3
WHOLE, WHOLE_SIDE = 0.6, 256  # the last part of the run sees whole scenes: norms then see what they will see in use
LOOK_EVERY = 2000
CONFIG = {
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": (32, 64, 96, 128),  # whole tiles of a matrix unit: narrower ones cost the same
    "layers_per_block": 1,
    "latent_channels": LATENT,
    "norm_num_groups": 1,
    "sample_size": 256,
}


@torch.no_grad()
def initialise(vae):
    """Weights from which it starts at once."""
    for name, module in vae.named_modules():
        if not isinstance(module, nn.Conv2d) and not name.endswith("to_out.0"):
            continue
        nn.init.zeros_(module.bias)
        if name.endswith((".conv2", "to_out.0")):
            nn.init.zeros_(module.weight)
        elif name.endswith("conv1"):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif name.endswith("upsamplers.0.conv"):
            nn.init.dirac_(module.weight)
            module.weight.add_(torch.randn_like(module.weight) * 0.02)
        else:
            weight = torch.empty(module.weight.shape[0], module.weight[0].numel())
            nn.init.orthogonal_(
                weight, gain=2.0 if name == "encoder.conv_in" else 1.4 if name.endswith("conv_out") else 1.0
            )
            module.weight.copy_(weight.view_as(module.weight))
    vae.quant_conv.bias[LATENT:] = -7.0
    vae.quant_conv.weight[LATENT:] *= 0.1


@torch.no_grad()
def take_over(vae, old):
    """Copies a narrower (or equal) autoencoder's weights; what is new does not touch what was there."""
    known = old.state_dict()
    for name, weight in vae.state_dict().items():
        part = known[name]
        if part.ndim > 1:
            weight[: part.shape[0]] = 0
        weight[tuple(slice(0, length) for length in part.shape)] = part


class Crops(torch.utils.data.IterableDataset):
    """Two crops of each fresh scene, or the whole of it."""

    def __init__(self, objects, side, seed):
        self.objects, self.side, self.seed = objects, side, seed

    def __iter__(self):
        rng = random.Random(f"{self.seed} {share_of_worker()[0]}")
        while True:
            image = scenes.sample(rng, self.objects).image
            for _ in range(2 if self.side < image.shape[0] else 1):
                y, x = (rng.randrange(length - self.side + 1) for length in image.shape[:2])
                yield torch.from_numpy(image[y : y + self.side, x : x + self.side].copy())


def batches(objects, side, seen):
    """Batches with as many pixels as BATCH crops have."""
    loader = torch.utils.data.DataLoader(
        Crops(objects, side, 1000 + seen),
        batch_size=BATCH * CROP**2 // side**2,
        num_workers=WORKERS,
        prefetch_factor=4,
        worker_init_fn=leave_signals_to_main,
    )
    return map(to_tensor, loader)


def edges(x):
    """Differences of neighbours, across and down."""
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def loss_of(x, y, mean, logvar):
    """The error, and a light KL term."""
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum((1, 2, 3)).mean() / x[0, 0].numel()
    return error_of(x, y) + 1e-4 * kl


def error_of(x, y):
    """Absolute, edge, coarse and squared error.

    The squared error weighs as much as the absolute one where a pixel is wrong by a sixteenth of the range: wrong
    outlines are mended before faint textures.
    """
    edge = sum((a - b).abs().mean() for a, b in zip(edges(y), edges(x)))
    coarse = (F.avg_pool2d(y, 4) - F.avg_pool2d(x, 4)).abs().mean()
    return (y - x).abs().mean() + edge + 0.5 * coarse + 8 * F.mse_loss(y, x)


def use_weights(vae, weights):
    """A copy of the autoencoder with other weights, for looking."""
    copied = AutoencoderKL.from_config(vae.config).to(DEVICE).eval()
    copied.load_state_dict(weights)
    return copied


@torch.no_grad()
def psnr(vae, objects, count=100):
    """Mean decibels over unseen scenes."""
    total = []
    held = unseen(objects, count)
    for start in range(0, count, 10):
        x = to_tensor([scene.image for scene in held[start : start + 10]])
        y = vae.decode(vae.encode(x).latent_dist.mean).sample.clamp(-1, 1)
        total += (10 * torch.log10(4 / ((x - y) ** 2).mean((1, 2, 3)))).tolist()
    return float(np.mean(total))


@torch.no_grad()
def normalise(vae, objects):
    """Folds each latent channel's mean and deviation into the 1 x 1 convolutions round it, so that scaling_factor is 1."""
    z = torch.cat([vae.encode(to_tensor([scene.image])).latent_dist.mean for scene in unseen(objects, 200, seed=7)])
    mean, std = z.mean((0, 2, 3)), z.std((0, 2, 3))
    before, after = vae.quant_conv, vae.post_quant_conv
    before.weight[:LATENT] /= std.view(-1, 1, 1, 1)
    before.bias[:LATENT] = (before.bias[:LATENT] - mean) / std
    before.bias[LATENT:] -= 2 * std.log()
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight *= std.view(1, -1, 1, 1)
    vae.register_to_config(scaling_factor=1.0)


def main(work, pictures, start):
    torch.manual_seed(0)
    os.chdir(work)
    log, objects = Log("vae.log"), load_objects(".")
    vae = AutoencoderKL(**CONFIG)
    initialise(vae)
    if start:
        take_over(vae, AutoencoderKL.from_pretrained(start).float())
    vae = use_kernels(vae.to(DEVICE, memory_format=torch.channels_last))
    optimiser, schedule = MuonWithAdamW(vae.named_parameters(), PEAK), Schedule(PEAK, 60 * BATCH, pictures, fall=0.5)
    average, seen = {key: value.clone() for key, value in vae.state_dict().items()}, 0
    if os.path.exists("vae.pt"):
        state = torch.load("vae.pt", weights_only=True, map_location=DEVICE)
        vae.load_state_dict(state["vae"])
        optimiser.load_state_dict(state["optimiser"])
        average, seen = state["average"], state["seen"]

    @torch.compile(dynamic=False)
    def forward(x, noise):
        code = vae.encode(x).latent_dist
        return vae.decode(code.mean + torch.exp(0.5 * code.logvar) * noise).sample, code.mean, code.logvar

    def store():
        save({"vae": vae.state_dict(), "average": average, "optimiser": optimiser.state_dict(), "seen": seen}, "vae.pt")

    stop, saved, losses, side, source = Stop(), time.time(), [], 0, None
    while seen < pictures and not stop:
        for group in optimiser.param_groups:
            group["lr"] = schedule.at(seen)
        if side != (side := CROP if seen < WHOLE * pictures else WHOLE_SIDE):
            source = batches(objects, side, seen)
        x = next(source)
        with autocast():
            y, mean, logvar = forward(x, torch.randn(len(x), LATENT, side // FACTOR, side // FACTOR, device=DEVICE))
        loss = loss_of(x, y.float(), mean.float(), logvar.float())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        keep = min(0.999, (16 + seen) / (160 + seen))
        with torch.no_grad():
            for key, value in vae.state_dict().items():
                if value.is_floating_point():
                    average[key].lerp_(value, 1 - keep)
        losses.append(loss.item())
        seen += BATCH
        if len(losses) == 50:
            log(f"{seen} crops, loss {np.mean(losses):.4f}, rate {schedule.at(seen):.1e}")
            losses = []
        if seen % LOOK_EVERY < BATCH:
            log(f"{seen} crops, PSNR {psnr(use_weights(vae, average), objects, 40):.2f} dB of the average")
        if time.time() - saved > 300:
            store()
            saved = time.time()
    store()
    if stop:
        return
    vae.load_state_dict(average)
    vae.eval()
    log(f"{seen} crops, PSNR {psnr(vae, objects):.2f} dB on unseen scenes")
    normalise(vae, objects)
    vae.save_pretrained("vae")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
