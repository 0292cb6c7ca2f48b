"""Distils a preview decoder from the autoencoder: latents to RGB at half size, at most 0.4 G multiplications for 256 x 256.

usage: preview_decoder.py WORK PICTURES     writes WORK/preview_decoder/diffusion_pytorch_model.safetensors and config.json

Blocks as in diffusers' AutoencoderTiny: three convolutions and a shortcut, ReLU, nearest upsampling. Input is
a latent as the UNet sees it; the target is what the autoencoder decodes, averaged over 2 x 2 pixels, of LATENTS scenes
that are decoded once. It sees latents with some noise too, since a preview is an estimate.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from safetensors.torch import save_file
from torch import nn

import latents
from workplace import DEVICE, Log, Schedule, autocast, to_images, to_tensor

WIDTHS, BATCH, PEAK, NOISE = (48, 28, 16), 16, 2e-3, 0.15
LATENTS = 5000


class Block(nn.Module):
    """diffusers' AutoencoderTinyBlock with equal widths."""

    def __init__(self, width):
        super().__init__()
        conv = [nn.Conv2d(width, width, 3, padding=1) for _ in range(3)]
        self.conv = nn.Sequential(conv[0], nn.ReLU(), conv[1], nn.ReLU(), conv[2])

    def forward(self, x):
        return F.relu(self.conv(x) + x)


class PreviewDecoder(nn.Module):
    """[n, 4, h, w] to [n, 3, 4h, 4w] in -1..1."""

    def __init__(self, widths=WIDTHS, channels=4):
        super().__init__()
        layers = [nn.Conv2d(channels, widths[0], 3, padding=1), nn.ReLU(), Block(widths[0])]
        for inner, outer in zip(widths, widths[1:]):
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(inner, outer, 3, padding=1), Block(outer)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 3, 3, padding=1))

    def forward(self, z):
        return self.layers(3 * torch.tanh(z / 3))


def multiplications(net, side=32):
    """For a latent of that side."""
    total, hooks = [0], []
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(
                module.register_forward_hook(
                    lambda m, _, out: total.__setitem__(0, total[0] + m.weight.numel() * out.shape[-1] * out.shape[-2])
                )
            )
    net(torch.zeros(1, 4, side, side, device=DEVICE))
    for hook in hooks:
        hook.remove()
    return total[0]


@torch.no_grad()
def halves(vae, z):
    """uint8 [n, 4h, 4w, 3]: what the autoencoder makes of the latents, at half size."""
    parts = []
    for part in z.split(BATCH):
        with autocast():
            parts.append(to_images(F.avg_pool2d(vae.decode(part).sample.float().clamp(-1, 1), 2)))
    return np.concatenate(parts)


def main(work, pictures):
    torch.manual_seed(0)
    log = Log(f"{work}/preview.log")
    z = torch.cat([torch.from_numpy(np.load(path)["z"]) for path in latents.Encoder(work).paths(latents.NATIVE)])
    z = z[torch.randperm(len(z))[:LATENTS]].to(DEVICE).float()
    net = PreviewDecoder().to(DEVICE, memory_format=torch.channels_last)
    log(f"{multiplications(net) / 1e9:.2f} G multiplications, {len(z)} latents")
    targets = halves(AutoencoderKL.from_pretrained(f"{work}/vae").to(DEVICE).eval(), z)
    log("decoded")
    optimiser, schedule = torch.optim.AdamW(net.parameters(), PEAK), Schedule(PEAK, 50 * BATCH, pictures, fall=0.7)
    losses = []
    for seen in range(0, pictures, BATCH):
        for group in optimiser.param_groups:
            group["lr"] = schedule.at(seen)
        pick = torch.randint(0, len(z), (BATCH,))
        x, target = z[pick], to_tensor(targets[pick.numpy()])
        y = net(x + NOISE * torch.rand(BATCH, 1, 1, 1, device=DEVICE) * torch.randn_like(x))
        loss = (y - target).abs().mean() + sum(
            (a.diff(dim=d) - b.diff(dim=d)).abs().mean() for a, b in [(y, target)] for d in (2, 3)
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(((y.clamp(-1, 1) - target) ** 2).mean().item())
        if len(losses) == 50:
            log(f"{seen + BATCH} pictures, {10 * np.log10(4 / np.mean(losses)):.2f} dB")
            losses = []
    out = Path(work, "preview_decoder")
    out.mkdir(exist_ok=True)
    save_file(
        {name: value.half().cpu().contiguous() for name, value in net.state_dict().items()},
        out / "diffusion_pytorch_model.safetensors",
    )
    (out / "config.json").write_text(
        json.dumps({"block_out_channels": WIDTHS, "latent_channels": 4}, indent=2) + "\n"
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
