"""What pictures look like, in numbers: silhouettes, hues, distances of features, fine energy. Called by measures.py."""

import numpy as np
from scipy import ndimage

import colors


def solid(image):
    """What is not the white backdrop, with what it encloses."""
    return ndimage.binary_fill_holes(image.min(2) < 225)


def shows_on_white(rgba):
    """Whether a cut-out can be told from a white backdrop all over; a ghost or an envelope cannot."""
    pixels = rgba[rgba[..., 3] > 200][:, :3]
    return len(pixels) > 0 and pixels.mean(0).min() < 200 and (pixels.min(1) < 225).mean() > 0.8


def has_hue(picture, wanted):
    """Whether what stands on white has one hue, within 30 degrees of the one that is wanted."""
    hue, share, _, _ = colors.hue_of(np.concatenate([picture, (solid(picture) * 255).astype(np.uint8)[..., None]], 2))
    return share > 0 and colors.apart(hue, wanted) <= 30


def frechet(a, b):
    """Distance of two Gaussians fitted to features (Heusel et al. 2017)."""
    first, second = np.cov(a.T), np.cov(b.T)
    values, vectors = np.linalg.eigh(first)
    half = (vectors * np.sqrt(values.clip(0))) @ vectors.T  # so that features that are always 0 do no harm
    cross = np.sqrt(np.linalg.eigvalsh(half @ second @ half).clip(0)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * cross)


def fine_energy(picture):
    """Energy above a quarter of the sampling frequency."""
    gray = picture.astype(np.float32).mean(2)
    across, down = np.meshgrid(np.fft.fftfreq(gray.shape[1]), np.fft.fftfreq(gray.shape[0]))
    return float((np.abs(np.fft.fft2(gray))[np.hypot(across, down) > 0.25] ** 2).mean())
