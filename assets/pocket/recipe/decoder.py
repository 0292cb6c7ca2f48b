"""Trains the autoencoder's decoder on by itself, for sharpness: its latents stay, so that a UNet trained on them does.

usage: decoder.py WORK CROPS

Reads WORK/vae and writes it again with the decoder's new weights; WORK/decoder.pt resumes, a TERM or INT signal saves
and ends. CROPS counts those of earlier calls, too.

A decoder that is trained on errors alone paints what it is unsure of too faintly: at 34.1 dB it kept 0.62 of the
scenes' energy above a quarter of the sampling frequency. Here the powers of those frequencies, window by window, are
wanted, too: their mean is what is learnt, so that none is lost; where their places are known, that costs next to no
decibels.
"""

import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

import vae as autoencoder
from looks import fine_energy
from muon import MuonWithAdamW
from norms import use_kernels
from workplace import DEVICE, Log, Schedule, Stop, autocast, load_objects, save, to_images, to_tensor, unseen

PEAK, WARMUP, BATCH, FINE = 5e-4, 960, autoencoder.BATCH, 800.0
WINDOW, FAINT = 16, 1e-4
TRAINED = ("decoder.", "post_quant_conv.")


def fine_powers(x):
    """Powers of the frequencies above a quarter of the sampling frequency, in windows that overlap by half."""
    windows = F.unfold(x.mean(1, keepdim=True), WINDOW, stride=WINDOW // 2).transpose(1, 2)
    taper = torch.hann_window(WINDOW, device=x.device)
    windows = windows.unflatten(-1, (WINDOW, WINDOW)) * taper * taper[:, None]
    across, down = torch.fft.rfftfreq(WINDOW, device=x.device), torch.fft.fftfreq(WINDOW, device=x.device)
    seen = torch.fft.rfft2(windows, norm="ortho")[..., torch.hypot(across, down[:, None]) > 0.25]
    return seen.real**2 + seen.imag**2


def loss_of(x, y):
    """The autoencoder's own, and squared differences of the fine powers, beside those that were painted."""
    painted, wanted = fine_powers(y), fine_powers(x)
    return autoencoder.error_of(x, y) + FINE * ((painted - wanted) ** 2 / (painted.detach() + FAINT)).mean()


@torch.no_grad()
def look(vae, weights, objects, count):
    """"34.1 dB, fine energy 0.62" of unseen scenes."""
    copied = autoencoder.use_weights(vae, weights)
    images = [scene.image for scene in unseen(objects, count, seed=12)]
    again = [to_images(copied.decode(copied.encode(to_tensor([image])).latent_dist.mean).sample)[0] for image in images]
    energy = [np.mean([fine_energy(image) for image in group]) for group in (again, images)]
    return f"{autoencoder.psnr(copied, objects, count):.2f} dB, fine energy {energy[0] / energy[1]:.2f}"


def main(work, crops):
    torch.manual_seed(0)
    os.chdir(work)
    log, objects = Log("vae.log"), load_objects(".")
    vae = use_kernels(AutoencoderKL.from_pretrained("vae").float().to(DEVICE, memory_format=torch.channels_last))
    for name, p in vae.named_parameters():
        p.requires_grad_(name.startswith(TRAINED))
    trained = [(name, p) for name, p in vae.named_parameters() if p.requires_grad]
    optimiser, schedule = MuonWithAdamW(trained, PEAK), Schedule(PEAK, WARMUP, crops, fall=0.8)
    average, seen = {key: value.clone() for key, value in vae.state_dict().items()}, 0
    frozen = [key for key in average if not key.startswith(TRAINED)]
    if os.path.exists("decoder.pt"):
        state = torch.load("decoder.pt", weights_only=True, map_location=DEVICE)
        # What is not trained is what it was trained for, or its latents would be others.
        if any(not torch.equal(value, average[key]) for key, value in state["average"].items() if key in frozen):
            sys.exit("decoder.pt is of another autoencoder; remove it")
        vae.load_state_dict(state["vae"])
        optimiser.load_state_dict(state["optimiser"])
        average, seen = state["average"], state["seen"]

    @torch.compile(dynamic=False)
    def decode(z):
        return vae.decode(z).sample

    @torch.compile(dynamic=False)
    @torch.no_grad()
    def encode(x):
        code = vae.encode(x).latent_dist
        return code.mean, code.logvar

    def store():
        state = {"vae": vae.state_dict(), "average": average, "optimiser": optimiser.state_dict(), "seen": seen}
        save(state, "decoder.pt")

    stop, saved, losses = Stop(), time.time(), []
    log(f"decoder from {seen} crops: {look(vae, average, objects, 60)}")
    # Whole scenes: norms see what they will see in use.
    source = autoencoder.batches(objects, autoencoder.WHOLE_SIDE, 5000 + seen)
    while seen < crops and not stop:
        for group in optimiser.param_groups:
            group["lr"] = schedule.at(seen)
        x = next(source)
        with autocast():
            mean, logvar = encode(x)
            y = decode(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean))
        loss = loss_of(x, y.float())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in trained], 1.0)
        optimiser.step()
        keep = min(0.999, (16 + seen) / (160 + seen))
        with torch.no_grad():
            for key, value in trained:
                average[key].lerp_(value, 1 - keep)
        losses.append(loss.item())
        seen += BATCH
        if len(losses) == 50:
            log(f"{seen} crops of the decoder, loss {np.mean(losses):.4f}, rate {schedule.at(seen):.1e}")
            losses = []
        if seen % autoencoder.LOOK_EVERY < BATCH:
            log(f"{seen} crops of the decoder: {look(vae, average, objects, 60)}")
        if time.time() - saved > 300:
            store()
            saved = time.time()
    store()
    if stop:
        return
    log(f"{seen} crops of the decoder: {look(vae, average, objects, 200)}")
    vae.load_state_dict(average)
    vae.save_pretrained("vae")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
