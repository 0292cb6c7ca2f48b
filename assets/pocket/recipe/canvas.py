"""Drawing with soft edges on a float RGB array [height, width, 3], 0..255. Lengths are shares of the shorter side."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=16)
def grid(height, width):
    """Rows and columns of pixel centres, in shares of the shorter side, from the middle of the top edge."""
    side = min(height, width)
    return (np.arange(height, dtype=np.float32)[:, None] + 0.5) / side, (
        np.arange(width, dtype=np.float32)[None] + 0.5 - width / 2
    ) / side


def jitter(color, rng, by=10):
    """A colour near this one."""
    return np.clip([value + rng.uniform(-by, by) for value in color], 0, 255).astype(np.float32)


def gradient(height, width, top, bottom):
    """A picture that goes from one colour to another."""
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.broadcast_to(
        np.asarray(top, np.float32) * (1 - t) + np.asarray(bottom, np.float32) * t, (height, width, 3)
    ).copy()


def blend(image, alpha, color):
    """Lays a colour (or a picture) over the image where alpha (0..1, [h, w]) says so."""
    image += alpha[..., None] * (np.asarray(color, np.float32) - image)


def cover(distance, side, soft=1.0):
    """Alpha of a shape from the signed distance to its edge (shares of the side, positive inside)."""
    return np.clip(distance * side / soft + 0.5, 0, 1)


def window(image, x, y, reach_x, reach_y):
    """The part of the image within reach of a point, with its grid; parts outside are cut."""
    height, width = image.shape[:2]
    side = min(height, width)
    x0, x1 = (int(np.clip(v * side + width / 2, 0, width)) for v in (x - reach_x, x + reach_x))
    y0, y1 = (int(np.clip(v * side, 0, height)) for v in (y - reach_y, y + reach_y))
    rows, columns = grid(height, width)
    return image[y0 : y1 + 1, x0 : x1 + 1], rows[y0 : y1 + 1], columns[:, x0 : x1 + 1], side


def disc(image, x, y, radius, color, soft=1.2, strength=1.0, squash=1.0):
    """A filled circle; squash < 1 makes it flat."""
    reach = radius + 0.02
    part, rows, columns, side = window(image, x, y, reach, reach)
    blend(part, strength * cover(radius - np.hypot(columns - x, (rows - y) / squash), side, soft), color)


def box(image, x0, y0, x1, y1, color, strength=1.0):
    """A filled rectangle."""
    part, rows, columns, side = window(image, (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2 + 0.01, (y1 - y0) / 2 + 0.01)
    inside = np.minimum(np.minimum(columns - x0, x1 - columns), np.minimum(rows - y0, y1 - rows))
    blend(part, strength * cover(inside, side), color)


def triangle(image, x, top, half_width, height, color):
    """One that stands on its base, its tip at (x, top)."""
    part, rows, columns, side = window(image, x, top + height / 2, half_width + 0.01, height / 2 + 0.01)
    slope = half_width / height
    inside = np.minimum((slope * (rows - top) - np.abs(columns - x)) / np.hypot(1, slope), top + height - rows)
    blend(part, cover(inside, side), color)


def hill(image, rng, horizon, amplitude, near, far, ridges=1.0):
    """Ground below a wavy line, shaded from `near` at the line to `far` at the bottom."""
    height, width = image.shape[:2]
    rows, columns = grid(height, width)
    line = horizon + amplitude * np.sin(columns * 6.28 * rng.uniform(0.6, 1.8) * ridges + rng.uniform(0, 6.28))
    line = line + 0.3 * amplitude * np.sin(columns * 6.28 * rng.uniform(2, 4) * ridges + rng.uniform(0, 6.28))
    bottom = height / min(height, width)
    t = np.clip((rows - line) / max(0.05, bottom - horizon), 0, 1)[..., None]
    blend(
        image,
        cover(rows - line, min(height, width)),
        np.asarray(near, np.float32) * (1 - t) + np.asarray(far, np.float32) * t,
    )


def cloud(image, rng, x, y, size, color=(255, 255, 255), strength=0.92):
    """Four discs with a flat base."""
    part, rows, columns, side = window(image, x, y, size * 2.2, size * 1.2)
    inside = np.full(part.shape[:2], -1.0, np.float32)
    for k in range(4):
        radius = size * (0.5 if k in (0, 3) else rng.uniform(0.7, 0.85))
        inside = np.maximum(inside, radius - np.hypot(columns - x - (k - 1.5) * size * 0.62, (rows - y) * 1.12))
    blend(part, strength * cover(np.minimum(inside, y + size * 0.33 - rows), side, 1.5), color)


def dots(image, rng, count, sizes, color, y1=9.0, strength=(0.6, 1.0)):
    """Small squares of 1 to 3 pixels: stars, snow."""
    height, width = image.shape[:2]
    lowest = min(height, int(y1 * min(height, width)))
    for _ in range(int(count * height * width / 65536)):
        x, y, s, a = rng.randrange(width), rng.randrange(lowest), rng.choice(sizes), rng.uniform(*strength)
        part = image[y : y + s, x : x + s]
        part += a * (np.asarray(color, np.float32) - part)
