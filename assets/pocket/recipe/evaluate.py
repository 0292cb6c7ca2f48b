"""What a trained model can do, as a table.  usage: evaluate.py WORK MODEL [SCALE [FACTORS]]

WORK holds objects.pkl and classifier.pt; MODEL is what export.py wrote. SCALE below 1 takes fewer pictures for each
figure; 1 is the figure to quote (about 10,000 pictures). FACTORS, which distil.py wrote, measures the 4-step form.
"unseen" are the combinations that split.py keeps from training; "scenes" in brackets is what the classifier says of
real scenes of the same things, the most that a picture can reach. Seconds per picture are `pentimento bench`'s to say.
What is measured is kept in WORK/figures/, by the model's hashes: called again it goes on with the next row.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import torch

import classifier
from measures import Bench
from painter import Painter
from workplace import load_objects, write_json


def figures(bench):
    """(names of its rows, must and goal of each, what measures them), in the order of the table."""
    yield ["autoencoder PSNR, unseen scenes"], [("34 dB", "36 dB")], lambda: [bench.reconstruction()]
    for style in ("3d", "flat"):
        names = [f"one object, plain backdrop, {style}: top-1 / top-5", f"never among the top 5, {style}"]
        yield names, [("95 / 99 %", "98 / 99.8 %"), ("", "")], lambda style=style: one(bench, style)
    for relation in ("left", "above"):
        for unseen in (False, True):
            name = f"two objects, {relation}: both named{', unseen pairs' if unseen else ''}"
            yield [name], [("90 %", "95 %")], lambda r=relation, u=unseen: [bench.pairs(r, u, 2 + u)]
    yield ["three objects: all named"], [("75 %", "88 %")], lambda: [bench.threes()]
    yield ["counts, two to four"], [("70 %", "85 %")], lambda: [bench.counts()]
    for unseen in (False, True):
        name = f"backdrop named{', unseen with the object' if unseen else ''}"
        yield [name], [("95 %", "99 %")], lambda u=unseen: [bench.backdrops(u)]
    yield ["colour word obeyed"], [("70 %", "85 %")], lambda: [bench.color_words()]
    yield ["masked fill: named"], [("70 %", "85 %")], lambda: [bench.fill()]
    yield ["scribble at 0.7: named; silhouette"], [("50 %; 0.5", "70 %; 0.65")], lambda: [bench.scribble()]
    yield ["variety over 8 seeds"], [("", "within 20 %")], lambda: [bench.variety()]
    names = ["Fréchet distance to unseen scenes", "fine energy beside the scenes'"]
    yield names, [("3 ×", "1.5 ×"), ("0.8", "0.95")], bench.looks


def one(bench, style):
    value, missed = bench.one(style)
    return value, ", ".join(missed) or "none"


def kept(work, model, scale, factors):
    """The file that holds what is measured of this model, so far."""
    parts = [Path(model, "model.sha256").read_bytes(), str(scale).encode()]
    if factors:
        parts.append(Path(factors).read_bytes())
    folder = Path(work, "figures")
    folder.mkdir(exist_ok=True)
    return folder / f"{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}.json"


def main(work, model, scale, factors):
    objects = load_objects(work)
    net, found = classifier.load(f"{work}/classifier.pt", objects)
    path = kept(work, model, scale, factors)
    known = json.loads(path.read_text()) if path.exists() else {}
    print("| figure | value | must | goal |\n|---|---|---|---|")
    trust = ", ".join(f"{value:.1%}" for value in found)
    print(f"| classifier on unseen renderings: objects, backdrops, counts | {trust} | 98 % | |")
    start = time.time()
    for names, wanted, measure in figures(Bench(Painter.load(model, factors), net, objects, scale)):
        if names[0] not in known:
            known |= dict(zip(names, measure()))
            write_json(known, path)
        for name, (must, goal) in zip(names, wanted):
            print(f"| {name} | {known[name]} | {must} | {goal} |", flush=True)
    print(f"\n{time.time() - start:.0f} s at scale {scale}")


if __name__ == "__main__":
    torch.manual_seed(0)
    work, model, *rest = sys.argv[1:]
    main(work, model, float(rest[0]) if rest else 1.0, rest[1] if len(rest) > 1 else None)
