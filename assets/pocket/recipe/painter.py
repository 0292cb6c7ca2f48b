"""Paints with a model in diffusers' layout as the program does: DDIM, trailing, guidance, in batches."""

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

from norms import use_kernels
from workplace import DEVICE, autocast, to_images, to_tensor

STEPS, GUIDANCE, FEW = 20, 5.5, 4
AT_ONCE = 16  # pictures that the autoencoder takes at a time


@torch.no_grad()
def merge(unet, path):
    """Adds the low-rank factors that distil.py wrote."""
    factors = load_file(path)
    for key in factors:
        if key.endswith(".lora_A.weight"):
            name = key.removeprefix("unet.").removesuffix(".lora_A.weight")
            a, b = factors[key].float(), factors[key.replace("lora_A", "lora_B")].float()
            weight = unet.get_submodule(name).weight
            weight += (b.flatten(1) @ a.flatten(1)).view_as(weight)


class Painter:
    """Text encoder, UNet, autoencoder and schedule of one model."""

    def __init__(self, tokenizer, text, unet, vae, schedule, steps=STEPS, guidance=GUIDANCE):
        self.steps, self.guidance = steps, guidance
        self.tokenizer, self.text, self.unet, self.vae, self.schedule = (
            tokenizer,
            text.eval(),
            unet.eval(),
            vae.eval(),
            schedule,
        )
        self.predict = lambda z, t, states: self.unet(z, t, states).sample

    @classmethod
    def load(cls, folder, factors=None):
        """From an exported model; with its few-step factors it takes FEW steps without guidance."""
        kinds = [(CLIPTextModel, "text_encoder"), (UNet2DConditionModel, "unet"), (AutoencoderKL, "vae")]
        nets = [kind.from_pretrained(f"{folder}/{name}").float().to(DEVICE) for kind, name in kinds]
        if factors:
            merge(nets[1], factors)
        nets[1:] = [use_kernels(net.to(memory_format=torch.channels_last)) for net in nets[1:]]
        painter = cls(
            CLIPTokenizer.from_pretrained(f"{folder}/tokenizer"),
            *nets,
            DDIMScheduler.from_pretrained(f"{folder}/scheduler"),
            *((FEW, 1.0) if factors else ()),
        )
        painter.predict = torch.compile(painter.predict, dynamic=False)
        return painter

    def states(self, texts):
        """What the text encoder says of them."""
        length = self.text.config.max_position_embeddings
        ids = torch.tensor(
            self.tokenizer(list(texts), padding="max_length", max_length=length, truncation=True).input_ids
        )
        return self.text(ids.to(DEVICE)).last_hidden_state

    def noise(self, count, seed, height=256, width=256):
        """One seed a picture: seed, seed + 1, …"""
        shape = (1, self.unet.config.in_channels, height // 8, width // 8)
        noise = [torch.randn(shape, generator=torch.Generator().manual_seed(seed + i)) for i in range(count)]
        return torch.cat(noise).to(DEVICE)

    @torch.no_grad()
    def latents(self, prompts, seed, size=(256, 256), image=None, mask=None, strength=1.0):
        """Latents after the last step. With `image` (latents) it starts from it, noised by `strength`; where `mask` is 0 it is kept."""
        noise = self.noise(len(prompts), seed, *size)
        guided = self.guidance != 1
        states = self.states([""] * len(prompts) * guided + list(prompts))
        self.schedule.set_timesteps(self.steps)
        run = max(1, int(self.steps * strength + 1e-4))  # as diffusers and the program round
        timesteps = self.schedule.timesteps[self.steps - run :]
        z = noise if image is None else self.schedule.add_noise(image, noise, timesteps[:1].expand(len(noise)))
        for i, t in enumerate(timesteps):
            x = (torch.cat([z, z]) if guided else z).contiguous(memory_format=torch.channels_last)
            with autocast():
                v = self.predict(x, t.expand(len(x)).to(DEVICE), states).float()
            if guided:
                free, bound = v.chunk(2)
                v = free + self.guidance * (bound - free)
            z = self.schedule.step(v, t, z).prev_sample
            if mask is not None:
                last = i + 1 == len(timesteps)
                kept = (
                    image
                    if last
                    else self.schedule.add_noise(image, noise, timesteps[i + 1 : i + 2].expand(len(noise)))
                )
                z = mask * z + (1 - mask) * kept
        return z

    @torch.no_grad()
    def decode(self, z):
        """uint8 [n, h, w, 3]."""
        parts = []
        for part in (z / self.vae.config.scaling_factor).split(AT_ONCE):
            with autocast():
                parts.append(to_images(self.vae.decode(part).sample))
        return np.concatenate(parts)

    @torch.no_grad()
    def encode(self, images):
        """Latents of uint8 pictures."""
        parts = []
        for start in range(0, len(images), AT_ONCE):
            with autocast():
                parts.append(self.vae.encode(to_tensor(images[start : start + AT_ONCE])).latent_dist.mean.float())
        return torch.cat(parts) * self.vae.config.scaling_factor

    def paint(self, prompts, seed, batch=64, **options):
        """uint8 pictures [n, h, w, 3]; picture i has the seed `seed + i`. Every batch is full, so that one shape is compiled."""
        parts = []
        for start in range(0, len(prompts), batch):
            part = list(prompts[start : start + batch])
            full = part + part[-1:] * (min(batch, len(prompts)) - len(part))
            parts.append(self.decode(self.latents(full, seed + start, **options)[: len(part)]))
        return np.concatenate(parts)
