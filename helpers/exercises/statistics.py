"""Checks of notebook 01."""

import numpy as np
import torch

from helpers.exercises import exercise
from helpers.exercises.answers import letters

TRUE_SENTENCES = {"b", "d", "e"}
HAND_OVER = "hand over the function itself: its name, without parentheses"
RETURNS_NOTHING = "the function returns nothing: is there a `return`?"


def _random_images(count: int, low: int, high: int, seed: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (count, 3, 8, 8), dtype=torch.uint8, generator=source)


@exercise
def nearest_mean(function) -> str:
    """A repaired function (images, means), both uint8 → for each image the place of the nearest mean."""
    if not callable(function):
        return HAND_OVER
    images, means = _random_images(200, 0, 256, 0), _random_images(10, 90, 160, 1)
    result = function(images.clone(), means.clone())
    if result is None:
        return RETURNS_NOTHING
    found = np.asarray(result)
    if found.shape != (200,):
        return f"one class per image is wanted, 200 of them; this has the shape {found.shape}"
    return _nearest_hint(found, images.numpy().reshape(200, -1), means.numpy().reshape(10, -1))


def _nearest_hint(found: np.ndarray, images: np.ndarray, means: np.ndarray) -> str:
    from scipy.spatial.distance import cdist

    distances = cdist(images.astype(float), means.astype(float))
    if np.array_equal(found, distances.argmin(1)):
        return ""
    wrapped = (images[:, None] - means[None]) ** 2  # in uint8, as NumPy and torch leave it
    if np.array_equal(found, wrapped.sum(2, dtype=np.int64).argmin(1)):
        return "it still computes in uint8: what is 3 − 5 there? Convert before the subtraction"
    late = (images[:, None] - means[None]).astype(float) ** 2
    if np.array_equal(found, late.sum(2).argmin(1)):
        return "the conversion comes too late: the subtraction has wrapped around before it"
    if np.array_equal(found, distances.argmax(1)):
        return "that is the farthest mean: the smallest distance is wanted"
    plain = images.astype(float).sum(1)[:, None] - means.astype(float).sum(1)
    if np.array_equal(found, plain.argmin(1)):
        return "differences of both signs cancel: square each before they are added"
    return "squared differences, added over colors, rows and columns; then the place of the smallest sum"


@exercise
def pixel_statistics(function) -> str:
    """A function of batches, uint8 (n, 3, H, W) → mean and standard deviation over all pixels, three numbers each."""
    if not callable(function):
        return HAND_OVER
    batches = [_random_images(6, 0, 120, 0), _random_images(6, 60, 256, 1), _random_images(2, 200, 256, 2)]
    result = function([batch.clone() for batch in batches])
    if result is None:
        return RETURNS_NOTHING
    if len(result) != 2:
        return f"two things are wanted, (mean, standard deviation); this returns {len(result)}"
    mean, std = (np.asarray(part, dtype=float) for part in result)
    if mean.shape != (3,) or std.shape != (3,):
        return f"three numbers each are wanted, one per color; these have the shapes {mean.shape} and {std.shape}"
    return _statistics_hint(mean, std, [batch.numpy() / 255 for batch in batches])


def _statistics_hint(mean: np.ndarray, std: np.ndarray, batches: list[np.ndarray]) -> str:
    pixels = np.concatenate(batches)
    right_mean, right_std = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3))
    if _near(mean, right_std) and _near(std, right_mean):
        return "the right numbers in the wrong order: the mean first"
    if _near(mean, 255 * right_mean):
        return "divide the pixels by 255: the scale is 0–1"
    if _near(mean, np.mean([batch.mean((0, 2, 3)) for batch in batches], axis=0)):
        return "that is the mean of the batches' means; the last batch is smaller, and must count less"
    if not _near(mean, right_mean):
        return "the mean is not that over all pixels of a color: add up sums, and divide once, at the end"
    return "" if _near(std, right_std) else _spread_hint(std, right_std, batches)


def _spread_hint(std: np.ndarray, right: np.ndarray, batches: list[np.ndarray]) -> str:
    if _near(std, right**2):
        return "the mean is right; the other is the variance: its root is missing"
    per_image = np.concatenate([batch.std((2, 3)) for batch in batches]).mean(0)
    if np.allclose(std, per_image, rtol=0.02):
        return "these are averages of per-image spreads; what about the differences between images?"
    per_batch = [batch.std((0, 2, 3)) for batch in batches]
    if _near(std, np.mean(per_batch, axis=0)) or _near(std, np.average(per_batch, axis=0, weights=[6, 6, 2])):
        return "these are averages of the batches' spreads; what about the differences between batches?"
    if _near(std**2, np.average(np.square(per_batch), axis=0, weights=[6, 6, 2])):
        return "that is the variance within batches alone; the batches' means differ, too"
    return "the mean is right, the standard deviation is not: mean of the squares minus square of the mean"


def _near(found: np.ndarray, right: np.ndarray) -> bool:
    return np.allclose(found, right, rtol=3e-3)  # n or n − 1 in the denominator


CASES = [  # (found, listed) as indices of twelve images
    ([0, 1, 2, 3], [2, 3, 4, 5, 6, 7, 8, 9]),
    ([5], [5, 6]),
    ([0, 1, 2, 3, 4], [4]),
]


@exercise
def precision_recall(function) -> str:
    """A function (found, listed), both bool (N,) → precision and recall."""
    if not callable(function):
        return HAND_OVER
    for case in CASES:
        found, listed = (torch.zeros(12, dtype=torch.bool).index_fill(0, torch.tensor(part), True) for part in case)
        result = function(found, listed)
        if result is None:
            return RETURNS_NOTHING
        given = tuple(float(part) for part in result)
        if len(given) != 2:
            return f"two numbers are wanted, (precision, recall); this returns {len(given)}"
        if hint := _precision_hint(given, *(set(part) for part in case)):
            return hint
    return ""


def _precision_hint(given: tuple[float, float], found: set, listed: set) -> str:
    both = len(found & listed)
    right = both / len(found), both / len(listed)
    told = f"{len(found)} found, {len(listed)} listed, {both} both: {right[0]:.3f} and {right[1]:.3f} are right"
    if np.allclose(given, right, atol=1e-3):
        return ""
    if np.allclose(given, right[::-1], atol=1e-3):
        return f"swapped: precision is a share of what was found, recall of what is listed. {told}"
    if np.allclose(given, (both / 12, both / 12), atol=1e-3):
        return f"that is a share of all images; most are neither found nor listed. {told}"
    if max(given) > 1:
        return f"shares are at most 1: divide the count by found.sum(), and by listed.sum(). {told}"
    return f"count those that are found and listed; divide by what was found, and by what is listed. {told}"


@exercise
def sentences(answer) -> str:
    """Which of the five sentences the measurements support, by letter."""
    given = letters(answer, "abcde")
    if given == TRUE_SENTENCES:
        return ""
    if "a" in given:
        return "a: look again at the pairs that were found and are not listed"
    if "c" in given:
        return "c: is the part between images, which a mean of spreads leaves out, smaller where there are more images?"
    if "b" not in given:
        return "b: count 9,500 right answers, take the twins away from both numbers, and divide"
    if "e" not in given:
        return "e: what made the columns \"wrong order\" agree, and which pictures have no color to tell apart?"
    return "d: compare what each network lost in the record, with its interval"
