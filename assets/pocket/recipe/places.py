"""Drawn places: meadow, beach, city, …, each (rng, height, width) -> float RGB [height, width, 3].

Called through backdrops.draw alone. Sizes are shares of the shorter side.
"""

import math

import numpy as np

from canvas import blend, box, cloud, cover, disc, dots, gradient, grid, hill, jitter, triangle
from colors import BACKDROPS


def somewhere(rng, width, height, low=0.1, high=0.28):
    """A point in the sky."""
    half = width / min(width, height) / 2 - 0.12
    return rng.uniform(-half, half), rng.uniform(low, high)


def sky(rng, height, width, top, bottom, clouds=0.5):
    """Air, with a cloud or two by chance."""
    image = gradient(height, width, jitter(top, rng), jitter(bottom, rng))
    for _ in range(2):
        if rng.random() < clouds:
            cloud(image, rng, *somewhere(rng, width, height), rng.uniform(0.05, 0.11))
    return image


def bottom_of(height, width):
    """The lower edge, in shares of the shorter side."""
    return height / min(height, width)


def meadow(rng, h, w):
    image = sky(rng, h, w, (96, 178, 240), (206, 232, 250))
    if rng.random() < 0.3:
        disc(image, *somewhere(rng, w, h), 0.065, (255, 226, 96))
    base = bottom_of(h, w)
    hill(
        image,
        rng,
        base - rng.uniform(0.38, 0.52),
        rng.uniform(0.015, 0.05),
        jitter((122, 196, 86), rng),
        jitter((76, 150, 62), rng),
    )
    hill(
        image,
        rng,
        base - rng.uniform(0.26, 0.36),
        rng.uniform(0.015, 0.04),
        jitter((104, 184, 74), rng),
        jitter((60, 136, 56), rng),
    )
    return image


def forest(rng, h, w):
    image = sky(rng, h, w, (150, 204, 214), (222, 238, 214), 0.1)
    base = bottom_of(h, w)
    half = w / min(h, w) / 2
    for depth in range(2):
        tone = jitter(((96, 150, 108), (50, 112, 70))[depth], rng)
        x = -half - 0.05
        while x < half + 0.05:
            size, foot = rng.uniform(0.09, 0.15), base - 0.3 + 0.08 * depth
            box(image, x - 0.014, foot - 0.1, x + 0.014, foot + 0.02, (98, 70, 52))
            for layer in range(3):
                triangle(
                    image,
                    x,
                    foot - 0.14 - size * (2.6 - 0.75 * layer),
                    size * (0.55 + 0.22 * layer),
                    size * 1.3,
                    tone * (0.92 + 0.06 * layer),
                )
            x += rng.uniform(0.14, 0.24)
    hill(image, rng, base - rng.uniform(0.24, 0.3), 0.015, jitter((92, 150, 72), rng), jitter((52, 104, 50), rng))
    return image


def sea_and_sky(rng, h, w, horizon):
    image = sky(rng, h, w, (110, 190, 245), (214, 238, 250), 0.4)
    row = int(horizon * min(h, w))
    image[row:] = gradient(h - row, w, jitter((40, 140, 196), rng), jitter((96, 200, 214), rng))
    return image


def beach(rng, h, w):
    base = bottom_of(h, w)
    image = sea_and_sky(rng, h, w, base - rng.uniform(0.46, 0.56))
    hill(
        image,
        rng,
        base - rng.uniform(0.24, 0.33),
        rng.uniform(0.01, 0.03),
        jitter((240, 218, 166), rng),
        jitter((226, 196, 138), rng),
    )
    if rng.random() < 0.4:
        disc(image, *somewhere(rng, w, h), 0.066, (255, 228, 110))
    return image


def ocean(rng, h, w):
    base = bottom_of(h, w)
    image = sea_and_sky(rng, h, w, base - rng.uniform(0.42, 0.52))
    shade = jitter((30, 120, 186), rng)
    for k in range(4):
        hill(image, rng, base - 0.36 + 0.1 * k, 0.012, shade * (1.15 - 0.08 * k), shade * (1.0 - 0.08 * k), ridges=4)
    return image


def underwater(rng, h, w):
    image = gradient(h, w, jitter((70, 184, 224), rng), jitter((14, 60, 120), rng))
    base = bottom_of(h, w)
    hill(
        image,
        rng,
        base - rng.uniform(0.11, 0.19),
        rng.uniform(0.01, 0.03),
        jitter((214, 196, 150), rng),
        jitter((170, 150, 110), rng),
    )
    half = w / min(h, w) / 2
    for _ in range(rng.randrange(4, 12)):
        x, y, radius = rng.uniform(-half, half), rng.uniform(0, base), rng.uniform(0.01, 0.026)
        disc(image, x, y, radius, (196, 232, 246))
        disc(image, x, y, radius - 0.007, (90, 180, 220))
    return image


def snow(rng, h, w):
    image = gradient(h, w, jitter((160, 190, 222), rng), jitter((224, 234, 246), rng))
    hill(
        image,
        rng,
        bottom_of(h, w) - rng.uniform(0.31, 0.45),
        rng.uniform(0.015, 0.05),
        (248, 250, 254),
        (214, 226, 242),
    )
    dots(image, rng, 60, [1, 2, 2, 3], (255, 255, 255), strength=(0.9, 1.0))
    return image


def desert(rng, h, w):
    image = gradient(h, w, jitter((120, 196, 240), rng), jitter((250, 230, 190), rng))
    if rng.random() < 0.5:
        disc(image, *somewhere(rng, w, h), 0.06, (255, 240, 170))
    base = bottom_of(h, w)
    hill(
        image,
        rng,
        base - rng.uniform(0.38, 0.48),
        rng.uniform(0.025, 0.07),
        jitter((236, 190, 116), rng),
        jitter((206, 148, 84), rng),
    )
    hill(
        image,
        rng,
        base - rng.uniform(0.22, 0.33),
        rng.uniform(0.015, 0.045),
        jitter((226, 172, 98), rng),
        jitter((190, 130, 72), rng),
    )
    return image


def night(rng, h, w):
    image = gradient(h, w, jitter((14, 18, 52), rng, 6), jitter((48, 50, 104), rng, 8))
    dots(image, rng, 90, [1, 1, 2], (255, 255, 255), bottom_of(h, w) - 0.33)
    if rng.random() < 0.6:
        disc(image, *somewhere(rng, w, h), rng.uniform(0.045, 0.08), (246, 240, 208))
    hill(
        image,
        rng,
        bottom_of(h, w) - rng.uniform(0.27, 0.4),
        rng.uniform(0.015, 0.05),
        jitter((30, 44, 56), rng, 6),
        jitter((16, 26, 36), rng, 4),
    )
    return image


def space(rng, h, w):
    image = gradient(h, w, jitter((8, 8, 24), rng, 6), jitter((26, 12, 48), rng, 8))
    rows, columns = grid(h, w)
    for _ in range(2):
        x, y, spread = rng.uniform(-0.5, 0.5), rng.uniform(0, bottom_of(h, w)), rng.uniform(0.16, 0.32)
        fog = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2)) * rng.uniform(0.2, 0.45)
        blend(image, fog, rng.choice([(120, 60, 200), (40, 90, 200), (200, 60, 120)]))
    dots(image, rng, 140, [1, 1, 2], (255, 255, 255))
    return image


def sunset(rng, h, w):
    image = gradient(h, w, jitter((92, 60, 140), rng), jitter((255, 158, 84), rng))
    base = bottom_of(h, w)
    disc(image, rng.uniform(-0.26, 0.26), base - rng.uniform(0.42, 0.56), rng.uniform(0.08, 0.12), (255, 222, 120))
    hill(
        image,
        rng,
        base - rng.uniform(0.28, 0.41),
        rng.uniform(0.01, 0.045),
        jitter((78, 44, 72), rng),
        jitter((40, 24, 48), rng),
    )
    return image


def skyline(image, rng, foot, tones, lit, share):
    """Houses with windows, standing at `foot`."""
    half = image.shape[1] / min(image.shape[:2]) / 2
    x = -half - rng.uniform(0, 0.1)
    while x < half:
        breadth, tall, tone = rng.uniform(0.11, 0.19), rng.uniform(0.22, 0.5), jitter(rng.choice(tones), rng)
        box(image, x, foot - tall, x + breadth, foot + 0.1, tone)
        step = 0.048
        for row in range(int(tall / step) - 1):
            for column in range(int(breadth / step)):
                if rng.random() < share:
                    left, top = x + 0.014 + column * step, foot - tall + 0.02 + row * step
                    box(image, left, top, left + 0.024, top + 0.026, lit)
        x += breadth + rng.choice([0.0, 0.012, 0.04])


def pavement(image, rng, foot, tone):
    """A street, a little lighter at its edge."""
    half = image.shape[1] / min(image.shape[:2]) / 2
    box(image, -half - 0.02, foot, half + 0.02, bottom_of(*image.shape[:2]) + 0.02, tone)
    box(image, -half - 0.02, foot, half + 0.02, foot + 0.018, np.minimum(255, np.asarray(tone) * 1.35))


def city(rng, h, w):
    image = sky(rng, h, w, (140, 196, 240), (224, 238, 248), 0.5)
    foot = bottom_of(h, w) - rng.uniform(0.24, 0.3)
    skyline(
        image, rng, foot, [(150, 160, 180), (186, 160, 150), (120, 138, 166), (200, 186, 166)], (226, 240, 250), 0.8
    )
    pavement(image, rng, foot, jitter((112, 114, 122), rng))
    return image


def night_city(rng, h, w):
    image = gradient(h, w, jitter((16, 16, 48), rng, 6), jitter((70, 50, 110), rng, 8))
    foot = bottom_of(h, w) - rng.uniform(0.24, 0.3)
    skyline(image, rng, foot, [(30, 34, 60), (42, 38, 72), (24, 30, 50)], (255, 214, 120), 0.5)
    pavement(image, rng, foot, jitter((38, 38, 52), rng, 5))
    return image


def room(rng, h, w):
    wall = jitter(BACKDROPS[rng.choice(["cream", "light blue", "pink", "gray", "teal", "yellow"])], rng)
    image = gradient(h, w, wall, wall * 0.92)
    foot = bottom_of(h, w) - rng.uniform(0.26, 0.36)
    half = w / min(h, w) / 2 + 0.02
    if rng.random() < 0.5:
        x = rng.uniform(-half + 0.25, half - 0.25)
        box(image, x - 0.15, 0.1, x + 0.15, 0.4, (250, 250, 250))
        for side in (-1, 1):
            box(image, x + side * 0.073 - 0.062, 0.115, x + side * 0.073 + 0.062, 0.385, jitter((160, 212, 246), rng))
    floor = jitter(rng.choice([(150, 108, 74), (120, 90, 70), (170, 170, 176)]), rng)
    row = int(foot * min(h, w))
    image[row:] = gradient(h - row, w, floor, floor * 0.8)
    box(image, -half, foot - 0.02, half, foot, (245, 245, 245))
    return image


def kitchen(rng, h, w):
    tile = jitter(rng.choice([(232, 238, 240), (214, 232, 226), (240, 228, 214), (206, 220, 236)]), rng)
    image = gradient(h, w, tile, tile * 0.97)
    rows, columns = grid(h, w)
    size = rng.uniform(0.1, 0.14)
    seam = np.minimum(np.abs((rows / size) % 1 - 0.5), np.abs((columns / size) % 1 - 0.5)) * size
    blend(image, cover(0.006 - seam, min(h, w)), tile * 0.86)
    foot = bottom_of(h, w) - rng.uniform(0.26, 0.34)
    half = w / min(h, w) / 2 + 0.02
    top = jitter(rng.choice([(120, 124, 132), (190, 150, 110), (70, 74, 84)]), rng)
    box(image, -half, foot, half, bottom_of(h, w) + 0.02, top)
    box(image, -half, bottom_of(h, w) - 0.1, half, bottom_of(h, w) + 0.02, top * 0.75)
    return image


def table(rng, h, w):
    wall = jitter(rng.choice([(226, 214, 196), (196, 210, 216), (214, 196, 206)]), rng)
    image = gradient(h, w, wall, wall * 0.92)
    row = int((bottom_of(h, w) - rng.uniform(0.31, 0.45)) * min(h, w))
    base = jitter((156, 104, 62), rng)
    rows = np.arange(h - row, dtype=np.float32)[:, None]
    grain = np.sin(
        rows * rng.uniform(0.3, 0.6) + 2 * np.sin(np.arange(w, dtype=np.float32)[None] / rng.uniform(18, 40))
    )
    image[row:] = np.clip(gradient(h - row, w, base * 1.1, base * 0.82) * (1 + 0.05 * grain)[..., None], 0, 255)
    return image


def rain(rng, h, w):
    image = gradient(h, w, jitter((96, 108, 128), rng), jitter((164, 174, 188), rng))
    base = bottom_of(h, w)
    half = w / min(h, w) / 2
    for k in range(4):
        cloud(
            image,
            rng,
            -half + (k + rng.uniform(0.2, 0.8)) * half / 2,
            rng.uniform(0.04, 0.12),
            rng.uniform(0.1, 0.15),
            jitter((120, 128, 146), rng),
        )
    hill(image, rng, base - rng.uniform(0.24, 0.32), 0.012, jitter((104, 120, 112), rng), jitter((74, 88, 84), rng))
    for _ in range(int(46 * half * 2 * base)):
        x, y, length = rng.uniform(-half, half), rng.uniform(0.1, base), rng.uniform(0.03, 0.06)
        box(image, x, y, x + 0.008, y + length, (206, 222, 240), 0.8)
    return image


def mountains(rng, h, w):
    image = sky(rng, h, w, (120, 184, 240), (220, 236, 248), 0.4)
    base, half = bottom_of(h, w), w / min(h, w) / 2
    for k in range(3):
        x, tall = (k - 1) * half * 0.8 + rng.uniform(-0.1, 0.1), rng.uniform(0.36, 0.56)
        tone = jitter((112, 126, 154), rng)
        triangle(image, x, base - 0.2 - tall, tall * 0.85, tall, tone)
        triangle(image, x, base - 0.2 - tall, tall * 0.85 * 0.3, tall * 0.3, (246, 250, 255))
    hill(image, rng, base - rng.uniform(0.24, 0.3), 0.02, jitter((110, 176, 96), rng), jitter((70, 130, 70), rng))
    return image


def clouds(rng, h, w):
    image = gradient(h, w, jitter((84, 160, 236), rng), jitter((190, 226, 250), rng))
    half, base = w / min(h, w) / 2, bottom_of(h, w)
    for k in range(6):
        cloud(image, rng, rng.uniform(-half, half), (k + 0.5) * base / 6, rng.uniform(0.07, 0.13))
    return image


def autumn(rng, h, w):
    image = sky(rng, h, w, (206, 222, 232), (246, 232, 206), 0.2)
    base, half = bottom_of(h, w), w / min(h, w) / 2
    hill(image, rng, base - rng.uniform(0.36, 0.46), 0.03, jitter((222, 150, 70), rng), jitter((190, 110, 56), rng))
    hill(image, rng, base - rng.uniform(0.24, 0.32), 0.02, jitter((200, 128, 62), rng), jitter((150, 86, 50), rng))
    for _ in range(int(34 * half * 2 * base)):
        disc(
            image,
            rng.uniform(-half, half),
            rng.uniform(0, base),
            rng.uniform(0.01, 0.02),
            rng.choice([(220, 70, 40), (240, 150, 40), (250, 200, 70), (170, 70, 40)]),
            squash=0.6,
        )
    return image


def garden(rng, h, w):
    image = meadow(rng, h, w)
    base, half = bottom_of(h, w), w / min(h, w) / 2
    for _ in range(int(22 * half * 2)):
        x, y, size = rng.uniform(-half, half), base - rng.uniform(0.02, 0.3), rng.uniform(0.012, 0.02)
        petal = rng.choice([(240, 90, 120), (250, 250, 250), (250, 210, 80), (170, 120, 230), (250, 140, 60)])
        for k in range(5):
            disc(image, x + size * math.cos(k * 1.2566), y + size * math.sin(k * 1.2566), size * 0.62, petal)
        disc(image, x, y, size * 0.5, (250, 220, 90))
    return image


def stage(rng, h, w):
    tone = jitter(rng.choice([(70, 20, 34), (30, 26, 60), (24, 44, 50)]), rng, 6)
    image = gradient(h, w, tone * 0.7, tone)
    rows, columns = grid(h, w)
    folds = np.sin(columns * rng.uniform(50, 80))
    image *= (1 + 0.12 * folds)[..., None]
    base = bottom_of(h, w)
    foot = base - rng.uniform(0.22, 0.28)
    half = w / min(h, w) / 2 + 0.02
    box(image, -half, foot, half, base + 0.02, jitter((120, 82, 56), rng))
    blend(
        image, 0.45 * cover(0.12 + rows * 0.28 - np.abs(columns), min(h, w), 6) * (rows < base - 0.1), (255, 244, 206)
    )
    disc(image, 0, base - 0.1, 0.4, (255, 240, 200), 3, 0.5, 0.22)
    return image


PLACES = {
    "meadow": meadow,
    "forest": forest,
    "beach": beach,
    "ocean": ocean,
    "underwater": underwater,
    "snow": snow,
    "desert": desert,
    "night": night,
    "space": space,
    "sunset": sunset,
    "city": city,
    "night city": night_city,
    "room": room,
    "kitchen": kitchen,
    "table": table,
    "rain": rain,
    "mountains": mountains,
    "sky": clouds,
    "autumn": autumn,
    "garden": garden,
    "stage": stage,
}
