"""Checks of notebook 01."""

import numpy as np

from helpers.data.cifar import load_cifar
from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def cifar100_statistics(answer) -> str:
    """Mean and standard deviation over all pixels of CIFAR-100's training images."""
    if len(answer) != 2:
        return f"two things are needed, (mean, standard deviation); you gave {len(answer)}"
    mean, std = (np.asarray(part, dtype=float) for part in answer)
    if mean.shape != (3,) or std.shape != (3,):
        return f"three numbers each are needed, one per color; these have shapes {mean.shape} and {std.shape}"
    true_mean, true_std = _over_all_pixels(load_cifar("cifar100", "train").images.numpy())
    if np.allclose(mean, true_mean * 255, rtol=1e-2):
        return "divide the pixels by 255: the scale is 0–1"
    if np.allclose(mean, true_std, atol=1e-3) and np.allclose(std, true_mean, atol=1e-3):
        return "the right numbers in the wrong order: the mean first"
    if not np.allclose(mean, true_mean, atol=1e-3):
        return "the mean is off: average over images, rows and columns, but not over colors"
    if np.allclose(std, true_std, atol=1e-3):
        return ""
    if np.allclose(std, true_std**2, atol=1e-3):
        return "that is the variance: its root is missing"
    if (std < 0.95 * true_std).all():
        return "these are averages of per-image spreads; what about the differences between images?"
    return "the mean is right, the standard deviation is not: take it over all pixels of a color"


def _over_all_pixels(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each color of uint8 images (N, 3, H, W), from how often each value occurs."""
    values = np.arange(256) / 255
    counts = [np.bincount(images[:, color].ravel(), minlength=256) for color in range(3)]
    mean = np.array([np.average(values, weights=count) for count in counts])
    mean_square = np.array([np.average(values**2, weights=count) for count in counts])
    return mean, np.sqrt(mean_square - mean**2)


@exercise
def two_flat_images(answer) -> str:
    """Spread over all pixels, and mean of per-image spreads, of images that are 0.2 and 0.8 throughout."""
    if len(answer) != 2:
        return f"two numbers are needed, (over all pixels, mean of the images' own); you gave {len(answer)}"
    over_pixels, per_image = (number(part) for part in answer)
    if abs(over_pixels - 0.3) < 1e-6 and abs(per_image) < 1e-6:
        return ""
    if abs(over_pixels) < 1e-6 and abs(per_image - 0.3) < 1e-6:
        return "the right numbers in the wrong order: over all pixels first"
    if abs(per_image) > 1e-6:
        return "the second number: how much do the pixels of one flat image differ from each other?"
    if abs(over_pixels - 0.6) < 1e-6:
        return "0.6 is the distance of the two; the spread is measured from their mean"
    if abs(over_pixels - 0.09) < 1e-6:
        return "that is the variance: its root is missing"
    return "the first number: how far is each pixel from the mean of all?"
