"""What a trained model can do, as a table.  usage: evaluate.py WORK MODEL [SCALE]

WORK holds objects.pkl and classifier.pt. SCALE below 1 takes fewer pictures for each figure; 1 is the
figure to quote (about 12,000 pictures). "unseen" are the combinations that split.py keeps from training.
"""

import sys
import time

import torch

import classifier
from measures import Bench
from painter import Painter
from workplace import load_objects


def rows(bench):
    """(figure, value), one after the other as they are measured."""
    yield "autoencoder PSNR, unseen scenes", bench.reconstruction()
    missed = {}
    for style in ("3d", "flat"):
        value, missed[style] = bench.one(style)
        yield f"one object, plain backdrop, {style}: top-1 / top-5", value
    for relation in ("left", "above"):
        for unseen_only in (False, True):
            yield (
                f"two objects, {relation}: both named{', unseen pairs' if unseen_only else ''}",
                bench.pairs(relation, unseen_only, 2 + unseen_only),
            )
    yield "three objects: all named", bench.threes()
    yield "counts, two to four", bench.counts()
    for unseen_only in (False, True):
        yield f"backdrop named{', unseen with the object' if unseen_only else ''}", bench.backdrops(unseen_only)
    yield "colour word obeyed", bench.color_words()
    distance, energy = bench.looks()
    yield "Fréchet distance to unseen scenes", distance
    yield "fine energy beside the scenes'", energy
    yield "masked fill: named", bench.fill()
    yield "scribble at 0.7: named; silhouette", bench.scribble()
    yield "variety over 8 seeds", bench.variety()
    for style, names in missed.items():
        yield f"never among the top 5, {style}", ", ".join(names) or "none"


def main(work, model, scale):
    objects = load_objects(work)
    net, found = classifier.load(f"{work}/classifier.pt", objects)
    print(
        f"| figure | value |\n|---|---|\n| classifier on unseen renderings: objects, backdrops, counts | {', '.join(f'{value:.1%}' for value in found)} |"
    )
    start = time.time()
    for figure, value in rows(Bench(Painter.load(model), net, objects, scale)):
        print(f"| {figure} | {value} |", flush=True)
    print(f"\n{time.time() - start:.0f} s at scale {scale}")


if __name__ == "__main__":
    torch.manual_seed(0)
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 1.0)
