"""What the stages share: the working folder's layout, safe writes, batches of scenes, the log."""

import json
import os
import pickle
import random
import signal
import time
from pathlib import Path

import numpy as np
import torch

import scenes

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
WORKERS = max(1, (os.cpu_count() or 2) - 1)  # processes that draw scenes


def autocast():
    """bf16 where it is safe, on whatever computes."""
    return torch.autocast(DEVICE.type, dtype=torch.bfloat16)


def share_of_worker():
    """(number of this data worker, how many there are)."""
    info = torch.utils.data.get_worker_info()
    return (info.id, info.num_workers) if info else (0, 1)


def leave_signals_to_main(_worker):
    """For data workers: a signal to the whole group must not take them from under a step that is to be saved."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, signal.SIG_IGN)


def load_objects(work):
    """What objects.py wrote."""
    return pickle.loads(Path(work, "objects.pkl").read_bytes())


def save(state, path):
    """Writes a checkpoint so that a kill leaves the old one or the new one, never half of one."""
    torch.save(state, f"{path}.tmp")
    os.replace(f"{path}.tmp", path)


def write_json(value, path):
    """The same for JSON."""
    Path(f"{path}.tmp").write_text(json.dumps(value))
    os.replace(f"{path}.tmp", path)


def to_tensor(images):
    """uint8 [n, h, w, 3] to -1..1 [n, 3, h, w] where it is computed, channels last in memory."""
    return (
        torch.as_tensor(np.asarray(images))
        .to(DEVICE)
        .permute(0, 3, 1, 2)
        .float()
        .div(127.5)
        .sub(1)
        .contiguous(memory_format=torch.channels_last)
    )


def to_images(x):
    """-1..1 [n, 3, h, w] to uint8 [n, h, w, 3]."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1).byte().cpu().numpy()


def unseen(objects, count, seed=999, height=256, width=256):
    """Scenes for measuring, from a stream of their own."""
    rng = random.Random(seed)
    return [scenes.sample(rng, objects, height, width) for _ in range(count)]


class Stop:
    """Becomes true at a TERM or INT signal, or when the hours of this call are over."""

    def __init__(self, hours=None):
        self.said, self.end = False, time.time() + 3600 * hours if hours else float("inf")
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self.say)

    def say(self, *_):
        self.said = True

    def __bool__(self):
        return self.said or time.time() > self.end


class Log:
    """Lines with the time on the screen and in a file."""

    def __init__(self, path):
        self.path = path

    def __call__(self, text):
        line = f"{time.strftime('%m-%d %H:%M:%S')} {text}"
        print(line, flush=True)
        with open(self.path, "a") as file:
            file.write(line + "\n")


class Schedule:
    """Learning rate by pictures seen: warm up, hold, and fall over the last share of `total`, if there is one."""

    def __init__(self, peak, warmup, total=None, fall=0.3, floor=0.03):
        self.peak, self.warmup, self.total, self.fall, self.floor = peak, warmup, total, fall, floor

    def at(self, seen):
        rate = min(1, (seen + 1) / self.warmup)
        if self.total:
            rate *= max(self.floor, min(1, (1 - seen / self.total) / self.fall))
        return self.peak * rate
