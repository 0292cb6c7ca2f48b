"""Cut-outs with names, synonyms and hues, in one or two styles.

usage: objects.py NODE_MODULES FLAT_FOLDER OUT.pkl

objects.txt lists those that can be told from one another by their looks. FLAT_FOLDER is what
rasterise.js wrote. Each entry of the list written: name, synonyms, group (emojibase's),
rgba {"3d": uint8 array [h, w, 4], "flat": …} (longest side SIDE), hue {style: see colors.hue_of}.
"""

import json
import pickle
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import colors

SIDE = 240
LIST = Path(__file__).with_name("objects.txt")


def clean(label):
    """An emoji's label as one would type it."""
    return re.sub(r"\s+", " ", re.sub(r"[’‘]", "'", label).replace(":", " ").strip("“”").lower())


def wanted(source=LIST):
    """(name, label, synonyms) for each line of objects.txt."""
    for line in source.read_text().splitlines():
        if line and not line.startswith("#"):
            name, label, words = [*(part.strip() for part in line.split("|")), "", ""][:3]
            yield name, label or name, [word.strip() for word in words.split(",") if word.strip()]


def cut_out(path):
    """The picture without its empty border, longest side SIDE."""
    image = Image.open(path).convert("RGBA")
    image = image.crop(image.getchannel("A").point(lambda alpha: 255 * (alpha > 8)).getbbox())
    scale = SIDE / max(image.size)
    return np.asarray(image.resize([max(1, round(length * scale)) for length in image.size], Image.LANCZOS))


def load(modules, flat):
    """All objects of the list, in its order."""
    entries = {
        clean(entry["label"]): entry for entry in json.loads((modules / "emojibase-data/en/data.json").read_text())
    }
    solid = {
        path.stem.replace("-fe0f", ""): path for path in (modules / "@lobehub/fluent-emoji-3d/assets").glob("*.webp")
    }
    found = []
    for name, label, words in wanted():
        entry = entries[label]
        code = entry["hexcode"].lower().replace("-fe0f", "")
        rgba = {"3d": cut_out(solid[code])}
        if (flat / f"{code}.png").exists():
            rgba["flat"] = cut_out(flat / f"{code}.png")
        found.append(
            {
                "name": name,
                "synonyms": words,
                "group": entry["group"],
                "rgba": rgba,
                "hue": {style: colors.hue_of(picture) for style, picture in rgba.items()},
            }
        )
    return found


if __name__ == "__main__":
    objects = load(Path(sys.argv[1]), Path(sys.argv[2]))
    with open(sys.argv[3], "wb") as file:
        pickle.dump(objects, file)
    print(
        len(objects),
        "objects,",
        sum(len(entry["rgba"]) for entry in objects),
        "with their styles,",
        sum(len(entry["synonyms"]) for entry in objects),
        "synonyms",
    )
