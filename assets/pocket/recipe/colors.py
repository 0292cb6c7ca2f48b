"""Colour words: as plain backdrops, and as hues of objects."""

import numpy as np
from PIL import Image

BACKDROPS = {
    "white": (255, 255, 255),
    "black": (18, 18, 20),
    "gray": (140, 142, 148),
    "red": (216, 52, 56),
    "orange": (244, 140, 44),
    "yellow": (250, 214, 66),
    "green": (72, 168, 84),
    "teal": (44, 160, 160),
    "blue": (58, 112, 220),
    "light blue": (150, 205, 245),
    "purple": (128, 82, 196),
    "pink": (246, 152, 190),
    "brown": (132, 88, 58),
    "cream": (250, 240, 216),
}
# Degrees on the colour circle.
HUES = {"red": 355, "orange": 28, "yellow": 50, "green": 115, "teal": 175, "blue": 215, "purple": 272, "pink": 328}
NEAR = 14  # degrees within which a word is true of an object as it is


def hue_of(rgba):
    """(mean hue in degrees, share of the object in it, how bright and how saturated it is there), 0..1 each.

    A share of 0 means that the object has no one hue.
    """
    solid = rgba[..., 3] > 200
    hue, saturation, value = np.asarray(Image.fromarray(rgba[..., :3]).convert("HSV"))[solid].T.astype(np.float64) / 255
    chromatic = (saturation > 0.3) & (value > 0.3)
    if not chromatic.any():
        return 0.0, 0.0, 0.0, 0.0
    mean = (saturation * np.exp(2j * np.pi * hue))[chromatic].mean() / saturation[chromatic].mean()
    share = chromatic.mean() if abs(mean) > 0.8 else 0.0
    return (
        float(np.degrees(np.angle(mean)) % 360),
        float(share),
        float(value[chromatic].mean()),
        float(saturation[chromatic].mean()),
    )


def apart(a, b):
    """Distance of two hues in degrees."""
    return abs((a - b + 180) % 360 - 180)


def own_word(hue, share, value, saturation):
    """The colour word that is true of the object as it is, or None."""
    if share < 0.55 or saturation < 0.5 or value < 0.6:
        return None
    word = min(HUES, key=lambda word: apart(HUES[word], hue))
    return word if apart(HUES[word], hue) <= NEAR else None


def can_shift(share, value, saturation):
    """Whether the object has one strong hue, so that a colour word is true after a shift of it."""
    return share >= 0.55 and saturation >= 0.5 and value >= 0.6


def shifted(rgba, hue, word):
    """The object with its one hue turned to the word's."""
    turn = round((HUES[word] - hue) / 360 * 256)
    parts = np.array(Image.fromarray(rgba[..., :3]).convert("HSV"))
    parts[..., 0] = (parts[..., 0].astype(np.int32) + turn) % 256
    if word == "pink":
        parts[..., 1] = parts[..., 1] // 5 * 3  # a saturated one would be called magenta
    rgb = np.asarray(Image.fromarray(parts, "HSV").convert("RGB"))
    return np.concatenate([rgb, rgba[..., 3:]], 2)
