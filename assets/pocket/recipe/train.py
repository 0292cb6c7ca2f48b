"""Trains text encoder and UNet together on encoded scenes (v-prediction, zero terminal SNR).

usage: train.py WORK [--start MODEL] [--pictures N] [--hours H]
       train.py WORK --cool N

The first form warms up and then holds the rate for as long as it runs (or until N pictures in all, or H
hours of this call), resumes from state.pt, and adds a shard of new scenes after every EVERY pictures. The
second form branches off: it copies state.pt to cool.pt, trains N pictures more with a falling rate and
writes the averaged weights as model/, ready for export; called again it resumes (remove cool.pt to branch
off anew), and state.pt stays as it was, for the long run to go on from. An ended branch may be gone on from
by a further one, which warms up again: make its cool.pt the state.pt. --start takes the weights of an
exported model when there is no state.pt. A TERM or INT signal saves and ends.
"""

import argparse
import os
import shutil
import time

import numpy as np
import torch

import grid
from latents import Encoder
from trainer import PIXELS, Data, Trainer
from workplace import Log, Schedule, Stop

PEAK, WARMUP, FLOOR = 2e-3, 20_000, 0.03
FIRST_SHARDS, MOST_SHARDS, EVERY = 12, 300, 8000
CHECKPOINT_SECONDS, GRID_PICTURES, REPORT_STEPS = 600, 100_000, 50
CORES = torch.get_num_threads()  # hours are those of this many cores at work, whatever else ran beside


class Report:
    """A line about every REPORT_STEPS steps."""

    def __init__(self, log, trainer):
        self.log, self.trainer, self.losses = log, trainer, []
        self.seen, self.clock, self.worked = trainer.seen, time.time(), time.process_time()

    def add(self, loss, rate, scenes):
        self.losses.append(loss)
        if len(self.losses) < REPORT_STEPS:
            return
        trainer, now, worked = self.trainer, time.time(), time.process_time()
        trainer.hours += (worked - self.worked) / 3600 / CORES
        pace = (trainer.seen - self.seen) / (now - self.clock)
        self.log(
            f"{trainer.seen} pictures, {trainer.hours:.2f} hours at work, {pace:.1f} a second, "
            f"loss {np.mean(self.losses):.4f}, rate {rate:.1e}, {scenes} scenes"
        )
        self.losses, self.seen, self.clock, self.worked = [], trainer.seen, now, worked


def prepare(encoder, data, stop, log):
    """Loads the shards there are, after encoding the first ones."""
    while len(encoder.paths()) < FIRST_SHARDS and not stop:
        shard, rate = encoder.add()
        log(f"encoded {shard.name}, {rate:.1f} scenes a second")
    data.load(encoder.paths())


class Held:
    """The long run: the rate is held, up to a number of pictures, if there is one."""

    def __init__(self, trainer, pictures):
        self.trainer, self.pictures, self.schedule = trainer, pictures, Schedule(PEAK, WARMUP)

    def over(self):
        return bool(self.pictures) and self.trainer.seen >= self.pictures

    def rate(self):
        return self.schedule.at(self.trainer.seen)

    def small(self):
        return 1.0


class Cooling:
    """The branch: the rate falls to FLOOR over so many pictures; those of its second half are mostly of native size."""

    def __init__(self, trainer, pictures):
        self.trainer, self.pictures = trainer, pictures
        if trainer.branch is None:
            trainer.branch = trainer.seen

    def run(self):
        """Pictures of the branch so far."""
        return self.trainer.seen - self.trainer.branch

    def left(self):
        """The share of the branch that is left."""
        return 1 - self.run() / self.pictures

    def over(self):
        return self.left() <= 0

    def rate(self):
        # It may begin from an ended branch, whose rate had fallen: every branch warms up.
        return PEAK * max(FLOOR, self.left()) * min(1, (self.run() + 1) / WARMUP)

    def small(self):
        return 1.0 if self.left() > 0.5 else 0.15


def train(trainer, way, path, stop, log):
    """Goes on until the way is over or a stop is asked for; the file `path` is then as far as the nets are."""
    encoder, data = Encoder("."), Data(trainer.ids_of, PIXELS)
    prepare(encoder, data, stop, log)
    log(
        f"training {path} from {trainer.seen} pictures, {trainer.hours:.2f} hours, {data.count} scenes, "
        f"{trainer.size:.1f} M parameters"
    )
    report, saved, fresh, looked = Report(log, trainer), time.time(), 0, trainer.seen
    while not stop and not way.over():
        rate, data.small = way.rate(), way.small()
        loss, count = trainer.step(data, rate)
        report.add(loss, rate, data.count)
        fresh += count
        if time.time() - saved > CHECKPOINT_SECONDS:
            trainer.store(path)
            saved = time.time()
        if fresh >= EVERY and len(encoder.paths()) < MOST_SHARDS:
            shard, pace = encoder.add()
            data.load([shard])
            log(f"encoded {shard.name}, {pace:.1f} scenes a second")
            fresh = 0
        if trainer.seen - looked >= GRID_PICTURES:
            trainer.store(path)
            grid.save(".", trainer.average, f"grid_{trainer.seen // 1000:05d}k.png")
            looked = trainer.seen
    trainer.store(path)
    log(f"ended at {trainer.seen} pictures")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--start", type=os.path.abspath)
    parser.add_argument("--pictures", type=int)
    parser.add_argument("--hours", type=float)
    parser.add_argument("--cool", type=int)
    arguments = parser.parse_args()
    os.chdir(arguments.work)
    torch.manual_seed(0)
    log, stop = Log("train.log"), Stop(arguments.hours)
    trainer = Trainer(None if os.path.exists("state.pt") else arguments.start)
    path = "cool.pt" if arguments.cool else "state.pt"
    begins = arguments.cool and not os.path.exists(path)
    if begins:
        shutil.copy("state.pt", path)
    if os.path.exists(path):
        trainer.restore(path)
    if begins:
        trainer.branch = None
        trainer.store(path)  # or another call would take it for one that goes on
    way = Cooling(trainer, arguments.cool) if arguments.cool else Held(trainer, arguments.pictures)
    try:
        train(trainer, way, path, stop, log)
    except Exception:
        if not stop:
            raise
        trainer.store(path)  # a signal to the whole group also ends the compiler that a new shape waits for
    if arguments.cool and way.over():
        trainer.write_model("model")


if __name__ == "__main__":
    main()
