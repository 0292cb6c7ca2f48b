"""The little pictures beside the words that the program completes.

usage: faces.py NODE_MODULES OUT.webp [LIST]

One sheet: cells of SIDE pixels, COLUMNS in a row, in the order of words.py: objects of LIST, colours, places. Objects
are the 3D cut-outs, colours and places what backdrops.py draws; all have a clear border of one pixel, so that no cell
shows its neighbour when it is drawn smaller.
"""

import json
import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import backdrops
import colors
from objects import LIST, clean, cut_out, wanted
from words import places

SIDE, COLUMNS = 40, 32
ROUND = 6  # radius of the corners of backdrops
DRAWN = 160  # pixels that a backdrop is drawn at


def object_face(rgba):
    """A cut-out, fitted into the cell's inside."""
    scale = (SIDE - 2) / max(rgba.shape[:2])
    size = [max(1, round(length * scale)) for length in rgba.shape[1::-1]]
    # Resized with its colours weighted by how solid they are, or the clear surround would bleed in.
    return Image.fromarray(rgba).convert("RGBa").resize(size, Image.LANCZOS).convert("RGBA")


def backdrop_face(kind):
    """A backdrop with round corners."""
    image, _ = backdrops.draw(kind, random.Random(kind), DRAWN, DRAWN)
    picture = Image.fromarray(np.clip(image + 0.5, 0, 255).astype(np.uint8)).resize([SIDE - 2] * 2, Image.LANCZOS)
    corners = Image.new("L", [4 * (SIDE - 2)] * 2)
    ImageDraw.Draw(corners).rounded_rectangle([0, 0, *(length - 1 for length in corners.size)], 4 * ROUND, 255)
    picture.putalpha(corners.resize(picture.size, Image.LANCZOS))
    return picture


def main(modules, out, source):
    labels = {clean(entry["label"]): entry for entry in json.loads((modules / "emojibase-data/en/data.json").read_text())}
    pictures = {
        path.stem.replace("-fe0f", ""): path for path in (modules / "@lobehub/fluent-emoji-3d/assets").glob("*.webp")
    }
    code = lambda label: labels[label]["hexcode"].lower().replace("-fe0f", "")
    faces = [object_face(cut_out(pictures[code(label)])) for _, label, _ in wanted(source)]
    faces += [backdrop_face(kind) for kind in [*colors.BACKDROPS, *(kind for kind, _ in places())]]
    sheet = Image.new("RGBA", (COLUMNS * SIDE, -(-len(faces) // COLUMNS) * SIDE))
    for index, face in enumerate(faces):
        x, y = index % COLUMNS * SIDE, index // COLUMNS * SIDE
        sheet.paste(face, (x + (SIDE - face.width) // 2, y + (SIDE - face.height) // 2))
    sheet.save(out, quality=80, alpha_quality=60, method=6)
    print(len(faces), "pictures,", Path(out).stat().st_size, "bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else LIST)
