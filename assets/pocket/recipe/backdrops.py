"""Procedural backdrops: plain colours, patterns and places, each with the words for it.

draw(kind, rng, height, width) -> (float RGB [height, width, 3], words). Sizes are shares of the
shorter side. GROUNDED says where things stand rather than float.
"""

import math

import numpy as np

from canvas import blend, cover, gradient, grid, jitter
from colors import BACKDROPS
from places import PLACES

PHRASES = {
    "meadow": ["in a meadow", "on green grass", "in a green field", "on a lawn"],
    "forest": ["in a forest", "in the woods", "among trees"],
    "beach": ["on the beach", "at the beach", "on the sand by the sea"],
    "ocean": ["at sea", "on the ocean", "on the water"],
    "underwater": ["under the sea", "underwater", "at the bottom of the sea"],
    "snow": ["in the snow", "on a snowy hill", "in winter"],
    "desert": ["in the desert", "among sand dunes"],
    "night": ["at night", "under the night sky", "under the stars"],
    "space": ["in space", "in outer space", "among the stars"],
    "sunset": ["at sunset", "in the evening sun"],
    "city": ["in the city", "in front of skyscrapers", "in a street"],
    "night city": ["in the city at night", "in front of a skyline at night"],
    "room": ["in a room", "indoors", "in a living room"],
    "kitchen": ["in a kitchen", "on a kitchen counter"],
    "table": ["on a wooden table", "on a table"],
    "rain": ["in the rain", "on a rainy day"],
    "mountains": ["in the mountains", "in front of mountains"],
    "sky": ["in the sky", "among clouds", "in the clouds"],
    "autumn": ["in autumn", "among autumn leaves"],
    "garden": ["in a garden", "among flowers"],
    "stage": ["on a stage", "in a spotlight"],
}
NEUTRAL = {"white", "black", "gray", "cream"}  # where a tint would show
FLOATING = {"space", "sky", "underwater"}
PATTERNS = ["gradient", "striped", "dotted", "checkered"]
GROUNDED = set(PHRASES) - FLOATING


def names():
    """All kinds: colours, patterns, places."""
    return [*BACKDROPS, *PATTERNS, *PHRASES]


def draw(kind, rng, height, width):
    """A backdrop and words for it, such as "in a meadow" or "on a blue background"."""
    if kind in BACKDROPS:
        by = 3 if kind in NEUTRAL else 8
        color = jitter(BACKDROPS[kind], rng, by)
        an = "an" if kind[0] == "o" else "a"
        return gradient(height, width, color, jitter(color, rng, by)), rng.choice(
            [f"on {an} {kind} background", f"on {kind}", f"{kind} background"]
        )
    if kind in PATTERNS:
        return pattern(kind, rng, height, width)
    return PLACES[kind](rng, height, width), rng.choice(PHRASES[kind])


def pattern(kind, rng, height, width):
    """Two colours: a gradient, stripes, dots or a chequerboard."""
    first, second = rng.sample(list(BACKDROPS), 2)
    a, b = jitter(BACKDROPS[first], rng), jitter(BACKDROPS[second], rng)
    if kind == "gradient":
        return gradient(height, width, a, b), rng.choice(
            [f"on a {first} and {second} gradient", "on a gradient background"]
        )
    rows, columns = grid(height, width)
    image = gradient(height, width, a, a)
    period = rng.uniform(0.11, 0.2)
    wave = lambda t: np.abs((t / period + 0.5) % 2 - 1) - 0.5
    if kind == "striped":
        across = rng.choice([columns + 0 * rows, rows + 0 * columns, (columns + rows) / math.sqrt(2)])
        blend(image, cover(wave(across) * period, min(height, width)), b)
    elif kind == "checkered":
        x, y = wave(columns), wave(rows)
        blend(image, cover(np.sign(x * y) * np.minimum(np.abs(x), np.abs(y)) * period, min(height, width)), b)
    else:
        x, y = (columns / period) % 1 - 0.5, (rows / period) % 1 - 0.5
        blend(image, cover((rng.uniform(0.2, 0.32) - np.hypot(x, y)) * period, min(height, width)), b)
    return image, rng.choice([f"on a {kind} background", f"on a {first} and {second} {kind} background"])
