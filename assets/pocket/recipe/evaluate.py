"""What a trained model can do, as a table.  usage: evaluate.py WORK MODEL [SCALE [FACTORS]]

WORK holds objects.pkl and classifier.pt. SCALE below 1 takes fewer pictures for each figure; 1 is the
figure to quote (about 12,000 pictures). FACTORS, which distil.py wrote, measures the 4-step form. "unseen"
are the combinations that split.py keeps from training. Seconds per picture are `pentimento bench`'s to say.
"""

import sys
import time

import torch

import classifier
from measures import Bench
from painter import Painter
from workplace import load_objects


def rows(bench):
    """(figure, value, must, goal), one after the other as they are measured."""
    yield "autoencoder PSNR, unseen scenes", bench.reconstruction(), "34 dB", "36 dB"
    missed = {}
    for style in ("3d", "flat"):
        value, missed[style] = bench.one(style)
        yield f"one object, plain backdrop, {style}: top-1 / top-5", value, "95 / 99 %", "98 / 99.8 %"
    for relation in ("left", "above"):
        for unseen_only in (False, True):
            what = f"two objects, {relation}: both named{', unseen pairs' if unseen_only else ''}"
            yield what, bench.pairs(relation, unseen_only, 2 + unseen_only), "90 %", "95 %"
    yield "three objects: all named", bench.threes(), "75 %", "88 %"
    yield "counts, two to four", bench.counts(), "70 %", "85 %"
    for unseen_only in (False, True):
        what = f"backdrop named{', unseen with the object' if unseen_only else ''}"
        yield what, bench.backdrops(unseen_only), "95 %", "99 %"
    yield "colour word obeyed", bench.color_words(), "70 %", "85 %"
    distance, energy = bench.looks()
    yield "Fréchet distance to unseen scenes", distance, "3 ×", "1.5 ×"
    yield "fine energy beside the scenes'", energy, "0.8", "0.95"
    yield "masked fill: named", bench.fill(), "70 %", "85 %"
    yield "scribble at 0.7: named; silhouette", bench.scribble(), "50 %; 0.5", "70 %; 0.65"
    yield "variety over 8 seeds", bench.variety(), "", "within 20 %"
    for style, names in missed.items():
        yield f"never among the top 5, {style}", ", ".join(names) or "none", "", ""


def main(work, model, scale, factors):
    objects = load_objects(work)
    net, found = classifier.load(f"{work}/classifier.pt", objects)
    print("| figure | value | must | goal |\n|---|---|---|---|")
    trust = ", ".join(f"{value:.1%}" for value in found)
    print(f"| classifier on unseen renderings: objects, backdrops, counts | {trust} | 98 % | |")
    start = time.time()
    for row in rows(Bench(Painter.load(model, factors), net, objects, scale)):
        print(f"| {' | '.join(row)} |", flush=True)
    print(f"\n{time.time() - start:.0f} s at scale {scale}")


if __name__ == "__main__":
    torch.manual_seed(0)
    work, model, *rest = sys.argv[1:]
    main(work, model, float(rest[0]) if rest else 1.0, rest[1] if len(rest) > 1 else None)
