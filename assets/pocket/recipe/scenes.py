"""Captioned scenes: cut-outs composed on procedural backdrops.

sample(rng, objects) -> Scene(image uint8 [height, width, 3], caption, …). About 15 ms on one core.
What split.held_out names is left out, unless asked for by `parts`.
"""

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

import backdrops
import captions
import colors
from canvas import disc
from split import held_out

PEOPLE = {0, 1}  # emojibase's groups of faces and people: their skin keeps its hue
MIRRORED = {3, 4}  # animals and food look right both ways
WANDERING = 0.2  # single objects of any size anywhere, which no word says: where a fill's hole may be
STYLES = {"3d": 0.75, "flat": 0.25}


@dataclass
class Thing:
    """One kind of object in a scene, as the caption speaks of it."""

    index: int
    name: str
    style: str
    style_word: str = ""
    color: str = ""
    size_word: str = ""
    where: str = ""
    count: int = 1


@dataclass
class Scene:
    """A picture with what is known of it. boxes: (thing's place in things, x, y, size) in pixels."""

    image: np.ndarray
    caption: str
    things: list
    kind: str
    relation: str | None
    boxes: list = field(default_factory=list)


def pick_things(rng, objects, count, style=None):
    """Different objects whose pairs are not held out, all in one style."""
    style = style or rng.choices(list(STYLES), STYLES.values())[0]
    while True:
        indices = rng.sample(range(len(objects)), count)
        names = [objects[i]["name"] for i in indices]
        if all(style in objects[i]["rgba"] for i in indices) and not any(
            held_out(a, b) for k, a in enumerate(names) for b in names[:k]
        ):
            break
    style_word = rng.choice(captions.STYLE_WORDS[style]) if rng.random() < (0.92 if style == "flat" else 0.06) else ""
    things = []
    for i in indices:
        synonyms = objects[i]["synonyms"]
        name = rng.choice(synonyms) if synonyms and rng.random() < 0.16 else objects[i]["name"]
        things.append(Thing(i, name, style, style_word, color_for(rng, objects[i], style)))
    return things


def color_for(rng, item, style, likely=0.18):
    """A colour word for the object by chance: its own, or one that it is to be shifted to."""
    hue, share, value, saturation = item["hue"][style]
    if rng.random() >= likely or item["group"] in PEOPLE:
        return ""
    own = colors.own_word(hue, share, value, saturation)
    if own and rng.random() < 0.3:
        return own
    return rng.choice(list(colors.HUES)) if colors.can_shift(share, value, saturation) else ""


def cut_out(item, thing):
    """The object's picture in its style and colour."""
    rgba, (hue, share, value, saturation) = item["rgba"][thing.style], item["hue"][thing.style]
    if not thing.color or thing.color == colors.own_word(hue, share, value, saturation):
        return rgba
    return colors.shifted(rgba, hue, thing.color)


def place(image, rgba, size, x, y, shadow, mirrored):
    """Lays the cut-out, `size` pixels at its longest, round (x, y)."""
    scale = size / max(rgba.shape[:2])
    picture = Image.fromarray(rgba).resize(
        [max(2, round(length * scale)) for length in rgba.shape[1::-1]], Image.LANCZOS, reducing_gap=2.0
    )
    if mirrored:
        picture = picture.transpose(Image.FLIP_LEFT_RIGHT)
    pixels = np.asarray(picture).astype(np.float32)
    h, w = pixels.shape[:2]
    height, width = image.shape[:2]
    x0, y0 = round(x - w / 2), round(y - h / 2)
    if shadow:
        side = min(height, width)
        disc(image, (x - width / 2) / side, (y0 + h - 1) / side, 0.46 * w / side, (0, 0, 0), 6, 0.3, 0.16)
    xa, ya, xb, yb = max(0, x0), max(0, y0), min(width, x0 + w), min(height, y0 + h)
    if xb > xa and yb > ya:
        part = pixels[ya - y0 : yb - y0, xa - x0 : xb - x0]
        alpha = part[..., 3:] / 255
        image[ya:yb, xa:xb] += alpha * (part[..., :3] - image[ya:yb, xa:xb])


def layout_one(rng, thing, side, width):
    """(size, x from the middle) of a single object, with the words that say so."""
    size, x, chance = rng.uniform(0.47, 0.74), rng.uniform(-0.08, 0.08), rng.random()
    if chance < 0.1:
        size, thing.size_word = rng.uniform(0.22, 0.33), rng.choice(captions.SMALL)
    elif chance < 0.2:
        size, thing.size_word = rng.uniform(0.8, 0.94), rng.choice(captions.LARGE)
    if size < 0.55 and rng.random() < 0.25:
        x = rng.uniform(0.2, 0.29) * width / side * rng.choice([-1, 1])
        thing.where = "on the left" if x < 0 else "on the right"
    elif rng.random() < 0.04 and size < 0.8:
        x = rng.uniform(0.34, 0.46) * width / side * rng.choice([-1, 1])  # cut by the border
    return size, x


def layout(rng, things, relation, side, height, width, ground):
    """Where things lie, back to front: (thing's place, size, x, y, stands) in shares of the side; x from the middle."""
    breadth, base = width / side, height / side
    foot = lambda size: base - rng.uniform(0.12, 0.22) - size / 2 if ground else base / 2 + rng.uniform(-0.06, 0.06)
    if relation is None:
        thing = things[0]
        if thing.count == 1 and rng.random() < WANDERING:
            size = rng.uniform(0.28, 0.62)
            x, y = ((length - size) * rng.uniform(-0.5, 0.5) for length in (breadth, base))
            return [(0, size, x, base / 2 + y, False)]
        if thing.count == 1:
            size, x = layout_one(rng, thing, side, width)
            y = max(foot(size), size * 0.45)
            return [(0, size, x, min(y, base - size * 0.45), ground)]
        return crowd(rng, thing.count, breadth, base, foot, ground)
    if relation == "left":
        sizes = [rng.uniform(0.33, 0.47), rng.uniform(0.33, 0.47)]
        if rng.random() < 0.2:
            order = rng.sample([0, 1], 2)
            for i, bounds, words in zip(order, [(0.42, 0.5), (0.19, 0.26)], [captions.LARGE, captions.SMALL]):
                sizes[i], things[i].size_word = rng.uniform(*bounds), rng.choice(words)
        return [
            (i, size, (i - 0.5) * breadth * rng.uniform(0.44, 0.54), foot(size), ground) for i, size in enumerate(sizes)
        ]
    if relation == "above":
        sizes = [rng.uniform(0.3, 0.41) * max(1, base * 0.9) for _ in things]
        y = [base * rng.uniform(0.24, 0.29), base * rng.uniform(0.71, 0.76)]
        return [(i, sizes[i], rng.uniform(-0.06, 0.06), y[i], ground and i == 1) for i in (1, 0)]
    if relation == "front":
        back, front = rng.uniform(0.52, 0.68), rng.uniform(0.3, 0.4)
        x = rng.uniform(-0.06, 0.06)
        y = base - rng.uniform(0.26, 0.32) - back / 2
        return [
            (1, back, x, max(y, back * 0.47), ground),
            (0, front, x + rng.uniform(0.08, 0.24) * rng.choice([-1, 1]), base - 0.08 - front / 2, ground),
        ]
    return [
        (i, rng.uniform(0.27, 0.33) * breadth, (i - 1) * breadth * 0.33 + rng.uniform(-0.015, 0.015), foot(0.3), ground)
        for i in range(len(things))
    ]


def crowd(rng, count, breadth, base, foot, ground):
    """Two to four of one kind: in a row, a triangle or a square."""
    if count == 4 or (count == 3 and rng.random() < 0.4):
        spots = (
            [(-0.25, 0.27), (0.25, 0.27), (-0.25, 0.75), (0.25, 0.75)]
            if count == 4
            else [(0.0, 0.27), (-0.25, 0.75), (0.25, 0.75)]
        )
        return [
            (
                0,
                rng.uniform(0.33, 0.4),
                x * breadth + rng.uniform(-0.02, 0.02),
                y * base + rng.uniform(-0.02, 0.02),
                ground and y > 0.5,
            )
            for x, y in spots
        ]
    size, y = (0.38, foot(0.4)) if count == 2 else (0.29, foot(0.3))
    step = breadth / count
    return [
        (
            0,
            size * rng.uniform(0.92, 1.08),
            (i - (count - 1) / 2) * step * 0.97 + rng.uniform(-0.015, 0.015),
            y + rng.uniform(-0.01, 0.01),
            ground,
        )
        for i in range(count)
    ]


def pick_backdrop(rng, names):
    """A kind that is held out with none of the objects."""
    while True:
        chance = rng.random()
        if chance < 0.42:
            kind = rng.choice(["white", "white", "white", *colors.BACKDROPS])
        else:
            kind = rng.choice(backdrops.PATTERNS) if chance < 0.48 else rng.choice(list(backdrops.PHRASES))
        if not any(held_out(name, kind) for name in names):
            return kind


def sample(rng, objects, height=256, width=256, things=None, relation=None, kind=None):
    """A scene by chance; `things` (with their relation) and `kind` fix what is in it."""
    if things is None:
        relation = rng.choices([None, "count", "left", "above", "front", "row"], [0.5, 0.1, 0.18, 0.07, 0.05, 0.1])[0]
        things = pick_things(rng, objects, {None: 1, "count": 1, "row": 3}.get(relation, 2))
        if relation == "count":
            relation, things[0].count = None, rng.choices([2, 3, 4], [0.4, 0.35, 0.25])[0]
    kind = kind or pick_backdrop(rng, [objects[thing.index]["name"] for thing in things])
    image, place_words = backdrops.draw(kind, rng, height, width)
    side, ground = min(height, width), kind in backdrops.GROUNDED
    spots = layout(rng, things, relation, side, height, width, ground)
    flips = [objects[thing.index]["group"] in MIRRORED and rng.random() < 0.3 for thing in things]
    pictures = [cut_out(objects[thing.index], thing) for thing in things]
    boxes = []
    for i, size, x, y, stands in spots:
        boxes.append((i, x * side + width / 2, y * side, size * side))
        place(image, pictures[i], size * side, *boxes[-1][1:3], stands, flips[i])
    unspoken = rng.random() < (0.5 if kind == "white" else 0.06)
    caption = captions.caption(rng, things, relation, "" if unspoken else place_words)
    return Scene(np.clip(image + 0.5, 0, 255).astype(np.uint8), caption, things, kind, relation, boxes)
