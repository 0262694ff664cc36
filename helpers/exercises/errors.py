"""Checks of notebook 06."""

import numpy as np
import torch

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def accuracy_of_the_surest(function) -> str:
    """A function (confidence, right) → accuracy of the k surest answers, for k = 1 … N."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    confidence = np.array([0.5, 0.9, 0.3, 0.8, 0.6, 0.7])
    right = np.array([True, True, False, True, False, False])
    given = function(confidence.copy(), right.copy())
    if given is None:
        return "the function returns nothing: is there a return?"
    given = np.asarray(given, dtype=float).ravel()
    if given.shape != confidence.shape:
        return f"one accuracy for each k from 1 to {len(confidence)}; this has {given.size}"
    surest_first = [True, True, False, False, True, False]
    if np.allclose(given, _running_share(surest_first), atol=1e-3):
        return ""
    mistakes = {
        "the first to be kept is the surest, and here it is the least sure: turn the order round":
            _running_share(surest_first[::-1]),
        "that is the share of wrong answers; accuracy is one minus it": 1 - _running_share(surest_first),
        "the answers stand in the order of the images: sort them by confidence first": _running_share(right.tolist()),
        "that counts the right answers: divide by how many are kept": np.cumsum(surest_first),
        "divide by how many are *kept*, k, and not by all": np.cumsum(surest_first) / len(confidence),
        "that is the accuracy at each place; of the k surest take the mean": np.array(surest_first, dtype=float),
    }
    for hint, mistake in mistakes.items():
        if np.allclose(given, mistake, atol=1e-3):
            return hint
    return "sort `right` by falling confidence; its cumulated sum, divided by 1, 2, 3, …, is wanted"


def _running_share(right: list[bool]) -> np.ndarray:
    """Share of right answers among the first 1, 2, 3, … of a list."""
    return np.array([sum(right[:kept]) / kept for kept in range(1, len(right) + 1)])


@exercise
def precision(answer, matrix) -> str:
    """Share of each column of a confusion matrix that lies on its diagonal."""
    answer, matrix = np.asarray(answer, float), np.asarray(matrix)
    if answer.shape != (len(matrix),):
        return f"one number per class is needed: shape {(len(matrix),)}, not {answer.shape}"
    right = [int(matrix[c][c]) for c in range(len(matrix))]
    answered = [sum(int(row[c]) for row in matrix) for c in range(len(matrix))]
    present = [sum(int(cell) for cell in row) for row in matrix]
    of_answers = [hits / max(count, 1) for hits, count in zip(right, answered, strict=True)]
    of_images = [hits / max(count, 1) for hits, count in zip(right, present, strict=True)]
    if np.allclose(answer, of_answers, atol=1e-3) or np.allclose(answer, np.round(of_answers, 2), atol=1e-9):
        return ""
    if np.allclose(answer, of_images, atol=1e-3):
        return "that is the share of each true class that was found (recall); precision divides by a column's sum"
    if np.allclose(answer, 100 * np.array(of_answers), atol=0.1):
        return "fractions, not percent"
    return "divide the diagonal by how often each class was predicted"


@exercise
def lower_end(answer) -> str:
    """Lower end of Wilson's 95 % interval of 45 out of 50."""
    answer = number(answer)
    lower, upper = 0.7864, 0.9565
    normal = 0.9 - 1.96 * (0.9 * 0.1 / 50) ** 0.5
    if abs(answer - lower) < 5e-3:  # 0.79 will do
        return ""
    if abs(answer - normal) < 5e-3:
        return "that is the normal approximation, which is poor for few images; look for wilson_interval"
    if abs(answer - upper) < 5e-3:
        return "that is the upper end: wilson_interval returns the lower one first"
    if abs(answer - 100 * lower) < 0.5:
        return "a fraction, not percent"
    return "the interval is not symmetric around 0.9; see wilson_interval"


@exercise
def covered(function) -> str:
    """A function (image, row, column, size) → a copy of the image (3, H, W) whose square there is 0."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    image = torch.arange(1.0, 3 * 6 * 8 + 1).view(3, 6, 8)
    kept = image.clone()
    given = function(image, 1, 4, 3)
    if given is None:
        return "the function returns nothing: is there a return?"
    given = torch.as_tensor(given).float()
    if not torch.equal(image, kept):
        return "it changes the image that it was given, and the next square would be added to this one: clone it first"
    if given.shape != image.shape:
        return f"an image of the same shape {tuple(image.shape)} is wanted; this has {tuple(given.shape)}"
    return _covered_hint(given, image)


def _covered_hint(given: torch.Tensor, image: torch.Tensor) -> str:
    channels, rows, columns = (torch.arange(n) for n in image.shape)

    def square(row, column, size, of_channels=3):
        inside = ((rows >= row) & (rows < row + size))[:, None] & ((columns >= column) & (columns < column + size))
        return inside & (channels < of_channels)[:, None, None]

    if torch.equal(given, image.masked_fill(square(1, 4, 3), 0)):
        return ""
    mistakes = {
        "row and column are swapped: the axes are channel, row, column": square(4, 1, 3),
        "one pixel too many on each side: a slice from row to row + size has size pixels": square(1, 4, 4),
        "only one of the three channels is covered": square(1, 4, 3, of_channels=1),
        "only the corner is covered; the square goes from row to row + size": square(1, 4, 1),
    }
    for hint, places in mistakes.items():
        if torch.equal(given, image.masked_fill(places, 0)):
            return hint
    if torch.equal(given, image * square(1, 4, 3)):
        return "the square is kept and the rest is covered: the other way round"
    if not (given == 0).any():
        return "nothing is 0: fill the square with 0, the mean color of normalized images"
    return "all channels, rows from row to row + size, columns from column to column + size become 0, all else stays"
