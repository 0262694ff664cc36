"""Checks of notebook 01."""

import numpy as np

from helpers.checks import exercise
from helpers.data import load_cifar


@exercise
def cifar100_statistics(answer) -> str:
    """Mean and standard deviation over all pixels of CIFAR-100's training images."""
    mean, std = (np.asarray(part, dtype=float) for part in answer)
    images = load_cifar("cifar100", "train").images.numpy()
    counts = [np.bincount(images[:, c].ravel(), minlength=256) for c in range(3)]
    values = np.arange(256) / 255
    true_mean = np.array([np.average(values, weights=c) for c in counts])
    squares = np.array([np.average(values**2, weights=c) for c in counts])
    true_std = np.sqrt(squares - true_mean**2)
    if mean.shape != (3,) or std.shape != (3,):
        return f"three numbers each are needed, one a color; these have shapes {mean.shape} and {std.shape}"
    if np.allclose(mean, true_mean * 255, rtol=1e-2):
        return "divide the pixels by 255: the scale is 0–1"
    if not np.allclose(mean, true_mean, atol=1e-3):
        return "the mean is off: average over images, rows and columns, but not over colors"
    if np.allclose(std, true_std, atol=1e-3):
        return ""
    if (std < 0.95 * true_std).all():
        return "these are averages of per-image spreads; what about the differences between images?"
    return "the mean is right, the standard deviation is not: take it over all pixels of a color"


@exercise
def chance(answer) -> str:
    """Accuracy of guessing among ten balanced classes."""
    if abs(answer - 10) < 1e-6:
        return "a fraction, not percent"
    return "" if abs(answer - 0.1) < 1e-6 else "each of ten answers is equally likely, and one is right"


@exercise
def too_small(answer) -> str:
    """Spread after dividing by four fifths of the true standard deviation."""
    if abs(answer - 0.8) < 1e-6:
        return "the batch is divided by the standard deviation"
    if abs(answer - 1.2) < 1e-6:
        return "close, but dividing by 0.8 is not multiplying by 1.2"
    return "" if abs(answer - 1.25) < 1e-6 else "what is σ / (0.8 σ)?"
