"""Teaches a low-rank addition to the UNet to paint in 4 steps without guidance.

usage: distil.py WORK MODEL PICTURES     writes WORK/few_step/pytorch_lora_weights.safetensors (PEFT's names)

Progressive distillation (Salimans & Ho 2022) with the guidance folded in (Meng et al. 2023): for the first half of
PICTURES 8 steps learn to do what two of 16 guided steps of MODEL do, then 4 steps what two of those 8 do. Steps are
DDIM's on the trailing grid, so the first one begins at pure noise. Resumes from few_step.pt.
"""

import copy
import os
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrize

import latents
import network
from painter import GUIDANCE
from trainer import NATIVE, Data
from workplace import DEVICE, Log, Schedule, Stop, autocast, save

RANK, PEAK, BATCH = 16, 1e-3, 32
HALVINGS = [(16, 8), (8, 4)]


class LowRank(nn.Module):
    """Adds B A to a weight; B starts at zero."""

    def __init__(self, weight):
        super().__init__()
        self.a = nn.Parameter(torch.randn(RANK, weight[0].numel(), device=weight.device) * weight[0].numel() ** -0.5)
        self.b = nn.Parameter(torch.zeros(weight.shape[0], RANK, device=weight.device))

    def forward(self, weight):
        return weight + (self.b @ self.a).view_as(weight)


def add_factors(unet):
    """Freezes the net and gives each matrix and kernel wider than RANK its factors; returns them by name."""
    unet.requires_grad_(False)
    chosen = {
        name: module
        for name, module in unet.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d)) and min(module.weight.shape[0], module.weight[0].numel()) > 2 * RANK
    }
    for module in chosen.values():
        parametrize.register_parametrization(module, "weight", LowRank(module.weight))
    return {name: module.parametrizations.weight[0] for name, module in chosen.items()}


class Grid:
    """The trailing steps of a count, and what they do with a v-prediction."""

    def __init__(self, alphas, steps):
        self.times = ((torch.arange(steps, 0, -1) * len(alphas) / steps).round().long() - 1).to(alphas.device)
        self.alpha, self.sigma = alphas.sqrt(), (1 - alphas).sqrt()

    def level(self, t):
        """Signal and noise at times t, where -1 is the clean end."""
        clean, t = (t < 0).view(-1, 1, 1, 1), t.clamp(min=0)
        signal, noise = self.alpha[t].view(-1, 1, 1, 1), self.sigma[t].view(-1, 1, 1, 1)
        return torch.where(clean, 1.0, signal), torch.where(clean, 0.0, noise)

    def after(self, i):
        """The times that follow the steps with indices i."""
        return torch.cat([self.times, self.times.new_tensor([-1])])[i + 1]

    def step(self, z, v, t, target):
        """DDIM from times t to times `target`."""
        (a, s), (b, r) = self.level(t), self.level(target)
        return b * (a * z - s * v) + r * (s * z + a * v)

    def velocity(self, z, found, t, target):
        """The prediction with which one step leads from z at t to `found` at `target`."""
        (a, s), (b, r) = self.level(t), self.level(target)
        x = (found - (r / s) * z) / (b - (r / s) * a)
        return a * (z - a * x) / s - s * x


class Distiller:
    """Teacher, student and one halving after the other."""

    def __init__(self, model):
        self.tokenizer, self.ids_of = network.load_tokenizer(".")
        nets = network.build(self.tokenizer, model).eval()
        self.text = nets["text"].requires_grad_(False)
        self.student = nets["unet"]
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.factors = add_factors(self.student)
        self.alphas = network.scheduler().alphas_cumprod.to(DEVICE)
        self.nothing = self.ids_of([""]).to(DEVICE)
        self.parameters = [p for part in self.factors.values() for p in part.parameters()]
        self.optimiser = torch.optim.AdamW(self.parameters, PEAK, betas=(0.9, 0.98), weight_decay=0.0)
        self.average = [p.detach().clone() for p in self.parameters]
        self.halving, self.seen = 0, 0
        self.mix = 0.005  # of the newest factors in their average, a step
        self.learn = torch.compile(lambda z, t, states: self.student(z, t, states).sample, dynamic=False)
        self.show = torch.compile(lambda z, t, states: self.teacher(z, t, states).sample, dynamic=False)

    @torch.no_grad()
    def promote(self):
        """The student's average becomes the second halving's teacher."""
        self.halving += 1
        for name, (a, b) in zip(self.factors, zip(self.average[::2], self.average[1::2])):
            weight = self.teacher.get_submodule(name).weight
            weight += (b @ a).view_as(weight)

    def guided(self, z, t, states, free):
        """What the teacher predicts: with guidance in the first halving alone, since later it is folded in."""
        if self.halving:
            return self.show(z, t, states).float()
        both = self.show(torch.cat([z, z]), torch.cat([t, t]), torch.cat([free, states])).float()
        return both[: len(z)] + GUIDANCE * (both[len(z) :] - both[: len(z)])

    def step(self, z, ids, generator, rate):
        """One batch; returns its loss."""
        fine, coarse = (Grid(self.alphas, steps) for steps in HALVINGS[self.halving])
        i = torch.randint(0, len(coarse.times), (len(z),), generator=generator).to(DEVICE)
        t, middle, end = coarse.times[i], fine.after(2 * i), coarse.after(i)
        noise = torch.randn(z.shape, generator=generator).to(DEVICE)
        signal, sigma = coarse.level(t)
        z = (signal * z + sigma * noise).contiguous(memory_format=torch.channels_last)
        with autocast():
            with torch.no_grad():
                states = self.text(ids).last_hidden_state
                free = self.text(self.nothing.expand(len(z), -1)).last_hidden_state
                half = fine.step(z, self.guided(z, t, states, free), t, middle)
                half = half.contiguous(memory_format=torch.channels_last)
                found = fine.step(half, self.guided(half, middle, states, free), middle, end)
                target = coarse.velocity(z, found, t, end)
            v = self.learn(z, t, states)
        loss = ((v.float() - target) ** 2).mean()
        self.optimiser.param_groups[0]["lr"] = rate
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.parameters, self.mix)
        self.seen += len(z)
        return loss.item()

    def store(self, path):
        state = {"parameters": [p.detach() for p in self.parameters], "average": self.average, "seen": self.seen}
        teacher = self.teacher.state_dict() if self.halving else None
        save(state | {"optimiser": self.optimiser.state_dict(), "halving": self.halving, "teacher": teacher}, path)

    @torch.no_grad()
    def restore(self, path):
        state = torch.load(path, weights_only=True, map_location=DEVICE)
        for own, saved in zip(self.parameters, state["parameters"]):
            own.copy_(saved)
        self.average, self.seen, self.halving = state["average"], state["seen"], state["halving"]
        self.optimiser.load_state_dict(state["optimiser"])
        if state["teacher"]:
            self.teacher.load_state_dict(state["teacher"])

    @torch.no_grad()
    def write(self, folder):
        """The averaged factors under PEFT's names, f16; a convolution's A keeps its kernel's shape."""
        for own, mean in zip(self.parameters, self.average):
            own.copy_(mean)
        weights = {}
        for name, part in self.factors.items():
            shape = self.student.get_submodule(name).weight.shape
            weights[f"unet.{name}.lora_A.weight"] = part.a.view(RANK, *shape[1:]).half().cpu().contiguous()
            weights[f"unet.{name}.lora_B.weight"] = part.b.view(-1, RANK, *[1] * (len(shape) - 2)).half().cpu().contiguous()
        Path(folder).mkdir(exist_ok=True)
        save_file(weights, f"{folder}/pytorch_lora_weights.safetensors")


def main(work, model, pictures):
    torch.manual_seed(0)
    model = os.path.abspath(model)
    os.chdir(work)
    log, distiller = Log("distil.log"), Distiller(model)
    if os.path.exists("few_step.pt"):
        distiller.restore("few_step.pt")
    data = Data(distiller.ids_of, BATCH * NATIVE)
    data.load(latents.Encoder(".").paths(latents.NATIVE))
    generator, stop, part = torch.Generator().manual_seed(distiller.seen), Stop(), pictures / len(HALVINGS)
    # The average spans a tenth of a halving, so that nothing of its beginning is left at its end.
    distiller.mix = min(1, max(distiller.mix, 10 * BATCH / part))
    schedule, saved, losses = Schedule(PEAK, 2000, part, fall=0.5), time.time(), []
    log(f"distilling from {distiller.seen} of {pictures} pictures, {sum(p.numel() for p in distiller.parameters) / 1e6:.1f} M")
    while distiller.seen < pictures and not stop:
        if distiller.seen >= part * (distiller.halving + 1):
            distiller.promote()
        z, ids = data.batch(generator)
        rate = schedule.at(distiller.seen - part * distiller.halving)
        losses.append(distiller.step(z, ids, generator, rate))
        if len(losses) == 50:
            log(f"{distiller.seen} pictures, to {HALVINGS[distiller.halving][1]} steps, loss {sum(losses) / 50:.4f}, rate {rate:.1e}")
            losses = []
        if time.time() - saved > 600:
            distiller.store("few_step.pt")
            saved = time.time()
    distiller.store("few_step.pt")
    if distiller.seen >= pictures:
        distiller.write("few_step")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
