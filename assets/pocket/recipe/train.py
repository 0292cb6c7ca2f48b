"""Trains text encoder and UNet together on encoded scenes (v-prediction, zero terminal SNR).

usage: train.py WORK [--start MODEL] [--pictures N] [--hours H]
       train.py WORK --cool N

The first form warms up and then holds the rate for as long as it runs (or until N pictures in all, or H
hours of this call), resumes from state.pt, and adds a shard of new scenes after every EVERY pictures. The
second form branches off: it copies state.pt to cool.pt, trains N pictures more with a falling rate and
writes the averaged weights as model/, ready for export; called again it resumes, and state.pt stays as
it was, for the long run to go on from. --start takes the weights of an exported model when there is no
state.pt. A TERM or INT signal saves and ends.
"""

import argparse
import copy
import os
import shutil
import signal
import time

import numpy as np
import torch
from torch import nn

import grid
import network
from latents import Encoder
from muon import MuonWithAdamW
from workplace import Log, Schedule, save

PEAK, WARMUP, PIXELS, DROP_CAPTION, DECAY = 1e-3, 20_000, 64 * 1024, 0.1, 0.01
FIRST_SHARDS, MOST_SHARDS, EVERY = 12, 300, 4000
CHECKPOINT_SECONDS, GRID_PICTURES = 600, 100_000
SNR_CAP, LEAST_WEIGHT, AVERAGE_EVERY = 20.0, 0.1, 4
CORES = torch.get_num_threads()  # hours are those of this many cores at work, whatever else ran beside


class Data:
    """Latents and captions by shape, in memory."""

    def __init__(self, ids_of):
        self.ids_of, self.loaded, self.shapes, self.count = ids_of, set(), {}, 0

    def load(self, paths):
        for path in paths:
            if path in self.loaded:
                continue
            with np.load(path) as shard:
                z, ids = torch.from_numpy(shard["z"]), self.ids_of(shard["captions"].tolist())
            old = self.shapes.get(tuple(z.shape[2:]))
            self.shapes[tuple(z.shape[2:])] = (torch.cat([old[0], z]), torch.cat([old[1], ids])) if old else (z, ids)
            self.loaded.add(path)
            self.count += len(z)

    def batch(self, generator):
        """Latents f32 [n, 4, h, w] of one shape and ids [n, positions]; as many as fill PIXELS."""
        shapes = list(self.shapes)
        share = torch.tensor([float(len(self.shapes[shape][0]) * shape[0] * shape[1]) for shape in shapes])
        shape = shapes[torch.multinomial(share, 1, generator=generator)]
        z, ids = self.shapes[shape]
        pick = torch.randint(0, len(z), (PIXELS // (shape[0] * shape[1]),), generator=generator)
        return z[pick].float(), ids[pick]


def loss_weight(alphas):
    """min-SNR weights for v-prediction (Hang et al. 2023), with a floor so that the last, fine steps count."""
    snr = alphas / (1 - alphas).clamp(min=1e-6)
    return (snr.clamp(max=SNR_CAP) / (snr + 1)).clamp(min=LEAST_WEIGHT)


class Trainer:
    """The nets, their average, the optimiser, and how far they are."""

    def __init__(self, start):
        self.tokenizer, self.ids_of = network.load_tokenizer(".")
        self.nets = network.build(self.tokenizer, start)
        self.average = copy.deepcopy(self.nets).requires_grad_(False)
        self.optimiser = MuonWithAdamW(self.nets.named_parameters(), PEAK, plain=("embedding", "conv_in", "conv_out"), weight_decay=DECAY)
        self.alphas = network.scheduler().alphas_cumprod.clone()
        self.nothing = self.ids_of([""])[0]
        self.seen, self.steps, self.hours, self.cooled = 0, 0, 0.0, 0
        self.predict = torch.compile(self.velocity, dynamic=False)

    def velocity(self, x, t, ids):
        return self.nets["unet"](x, t, self.nets["text"](ids).last_hidden_state).sample

    def store(self, path):
        state = {"nets": self.nets.state_dict(), "average": self.average.state_dict(), "optimiser": self.optimiser.state_dict()}
        save(state | {"seen": self.seen, "steps": self.steps, "hours": self.hours, "cooled": self.cooled}, path)

    def restore(self, path):
        state = torch.load(path, weights_only=True)
        self.nets.load_state_dict(state["nets"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.seen, self.steps, self.hours, self.cooled = (state[key] for key in ("seen", "steps", "hours", "cooled"))

    def step(self, data, rate, generator):
        """One batch; returns its loss and how many pictures it held."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        z, ids = data.batch(generator)
        ids[torch.rand(len(ids), generator=generator) < DROP_CAPTION] = self.nothing
        t = torch.randint(0, len(self.alphas), (len(z),), generator=generator)
        noise = torch.randn(z.shape, generator=generator)
        a = self.alphas[t].view(-1, 1, 1, 1)
        target = a.sqrt() * noise - (1 - a).sqrt() * z
        noisy = (a.sqrt() * z + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            v = self.predict(noisy, t, ids)
        loss = (((v.float() - target) ** 2).mean((1, 2, 3)) * loss_weight(a.flatten())).mean()
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.nets.parameters(), 1.0)
        self.optimiser.step()
        self.steps += 1
        if self.steps % AVERAGE_EVERY == 0:
            keep = min(0.9995, self.steps / (10 + self.steps)) ** AVERAGE_EVERY
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.parameters()), list(self.nets.parameters()), 1 - keep)
        self.seen += len(z)
        return loss.item(), len(z)

    def write_model(self, folder):
        """The averaged weights in diffusers' layout."""
        self.average["unet"].save_pretrained(f"{folder}/unet")
        self.average["text"].save_pretrained(f"{folder}/text_encoder")
        network.scheduler().save_pretrained(f"{folder}/scheduler")


def run(arguments):
    """The loop of both forms."""
    cool = arguments.cool
    log, encoder = Log("train.log"), Encoder(".")
    trainer = Trainer(arguments.start if not os.path.exists("state.pt") else None)
    path = "cool.pt" if cool else "state.pt"
    if cool and not os.path.exists(path):
        shutil.copy("state.pt", path)
    if os.path.exists(path):
        trainer.restore(path)
    generator = torch.Generator().manual_seed(trainer.seen)
    data, stop = Data(trainer.ids_of), []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.append(True))
    while len(encoder.paths()) < FIRST_SHARDS and not stop:
        shard, rate = encoder.add()
        log(f"encoded {shard.name}, {rate:.1f} scenes a second")
    data.load(encoder.paths())
    log(f"{'cooling' if cool else 'training'} from {trainer.seen} pictures, {trainer.hours:.2f} hours, {data.count} scenes, {sum(p.numel() for p in trainer.nets.parameters()) / 1e6:.1f} M parameters")
    schedule, begun, saved = Schedule(PEAK, WARMUP), time.time(), time.time()
    losses, grid_at, fresh, reported, clock, worked = [], trainer.seen, 0, trainer.seen, time.time(), time.process_time()

    def finished():
        late = arguments.hours and time.time() - begun > 3600 * arguments.hours
        return stop or late or (trainer.cooled >= cool if cool else arguments.pictures and trainer.seen >= arguments.pictures)

    while not finished():
        rate = PEAK * max(schedule.floor, 1 - trainer.cooled / cool) if cool else schedule.at(trainer.seen)
        loss, count = trainer.step(data, rate, generator)
        losses.append(loss)
        fresh += count
        trainer.cooled += count if cool else 0
        if trainer.steps % 50 == 0:
            trainer.hours += (time.process_time() - worked) / 3600 / CORES
            pace = (trainer.seen - reported) / (time.time() - clock)
            clock, worked, reported = time.time(), time.process_time(), trainer.seen
            log(f"{trainer.seen} pictures, {trainer.hours:.2f} hours at work, {pace:.1f} a second, loss {np.mean(losses):.4f}, rate {rate:.1e}, {data.count} scenes")
            losses = []
        if time.time() - saved > CHECKPOINT_SECONDS:
            trainer.store(path)
            saved = time.time()
        if not cool and fresh >= EVERY and len(encoder.paths()) < MOST_SHARDS:
            shard, rate = encoder.add()
            data.load([shard])
            log(f"encoded {shard.name}, {rate:.1f} scenes a second")
            fresh = 0
        if trainer.seen - grid_at >= GRID_PICTURES:
            trainer.store(path)
            grid.save(".", trainer.average, f"grid_{trainer.seen // 1000:05d}k.png")
            grid_at = trainer.seen
    trainer.store(path)
    if cool and trainer.cooled >= cool:
        trainer.write_model("model")
        grid.save(".", trainer.average, "grid_cool.png")
        os.rename(path, f"cooled_{trainer.seen // 1000:05d}k.pt")
    log(f"ended at {trainer.seen} pictures")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--start")
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--hours", type=float)
    parser.add_argument("--cool", type=int, default=0)
    arguments = parser.parse_args()
    os.chdir(arguments.work)
    torch.manual_seed(0)
    run(arguments)


if __name__ == "__main__":
    main()
