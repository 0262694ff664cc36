"""Checks of notebook 08."""

from itertools import combinations

import numpy as np
import torch
from torch import nn

from helpers.exercises import exercise
from helpers.exercises.answers import ask_for_missing, letters

BOXES = [(0.75, 16, 16, 32), (0.5, 2, 30, 32), (0.7, 31, 5, 32), (0.3, 12, 3, 24)]  # share, row, column, size
ALLOWED = {"b", "d"}


@exercise
def cutmix_box(function) -> str:
    """A function (share, row, column, size) → top, bottom, left, right of the box, and what share stays."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    for case in BOXES:
        given = function(*case)
        if given is None:
            return "the function returns nothing: is there a return?"
        given = np.array([float(number) for number in given])
        if given.shape != (5,):
            return f"five numbers are wanted: top, bottom, left, right, share; this has {given.size}"
        if not np.allclose(given, _box(*case), atol=2e-3):
            return _box_hint(given, case)
    return ""


def _box(share: float, row: int, column: int, size: int) -> list[float]:
    half = int(size * (1 - share) ** 0.5 / 2)
    top, left = max(row - half, 0), max(column - half, 0)
    bottom, right = min(row + half, size), min(column + half, size)
    return [top, bottom, left, right, 1 - (bottom - top) * (right - left) / size**2]


def _box_hint(given: np.ndarray, case: tuple) -> str:
    share, row, column, size = case
    right = _box(*case)
    ends = given[:4]
    if np.array_equal(ends, right[:4]):
        return _share_hint(given[4], share, right[4])
    if (ends < 0).any() or (ends > size).any():
        return f"this box, {_told(ends)}, hangs over the border of a picture of {size} pixels: cut it off"
    wrong_halves = {
        "with half a side of size · (1 − share) / 2 its *area* is (1 − share)²: there is a root missing":
            int(size * (1 - share) / 2),
        "that is the box of the share that *stays*; the box is what is pasted, 1 − share":
            int(size * share**0.5 / 2),
        "that is twice the side: go half of it to each side of the center":
            int(size * (1 - share) ** 0.5),
        "half of a side is cut to a whole number by int, not rounded":
            round(size * (1 - share) ** 0.5 / 2),
    }
    for hint, half in wrong_halves.items():
        box = np.clip([row - half, row + half, column - half, column + half], 0, size)
        if np.array_equal(ends, box):
            return hint
    if np.array_equal(ends[[2, 3, 0, 1]], right[:4]):
        return "rows and columns are swapped: top and bottom belong to the row"
    case = f"share {share}, center ({row}, {column}), size {size}"
    return f"for {case} the box is {_told(right[:4])}, not {_told(ends)}"


def _share_hint(given: float, asked: float, right: float) -> str:
    if abs(given - asked) < 2e-3:
        return "the box is right, the share is not: part of it is cut off, so *more* stays than was asked for"
    if abs(given - (1 - right)) < 2e-3:
        return "the box is right; the share is that of the pasted part: 1 minus it stays"
    return "the box is right, the share is not: 1 minus its height × width, divided by the picture's area"


def _told(ends) -> str:
    return ", ".join(f"{end:g}" for end in ends)


@exercise
def mixed_accuracy(function) -> str:
    """A function (model, batches) → share of the answers that name the larger partner; it gets train mode."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    model, batches = _questions()
    before = [value.clone() for value in model.state_dict().values()]
    given = function(model, batches)
    if given is None:
        return "the function returns nothing: is there a return?"
    given = float(given)
    after = model.state_dict().values()
    moved = not all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    faults = {
        "the network came in train mode, where batch norm looks at the batch: call model.eval()":
            dict(evaluate=False),
        "an answer that names the *smaller* partner is counted as right": dict(either=True),
        "the last batch is small, and weighs as much as the others: count right answers, divide once":
            dict(sums=False),
    }
    for number_of_faults in (0, 1, 2, 3):
        for chosen in combinations(faults, number_of_faults):
            change = {name: value for hint in chosen for name, value in faults[hint].items()}
            measured = _accuracy(*_questions(), **change)
            if abs(given - measured) < 1e-4 and moved == ("evaluate" in change):
                left = f" (and {number_of_faults - 1} more)" if number_of_faults > 1 else ""
                return chosen[0] + left if chosen else ""
    if moved:
        return "measuring has changed the network: in train mode batch norm moves its averages"
    return "right is an answer equal to labels.argmax(1); add these up over all batches, divide by all images"


def _questions() -> tuple[nn.Module, list]:
    """A network in train mode, its averages not those of the batches, and three batches, the last one small."""
    generator = torch.Generator().manual_seed(8)

    def numbers(*shape):
        return torch.randn(*shape, generator=generator)

    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3))
    model[0].running_mean.copy_(numbers(4))
    model[0].running_var.copy_(numbers(4).exp())
    with torch.no_grad():
        model[1].weight.copy_(numbers(3, 4))
        model[1].bias.copy_(numbers(3))
    images = numbers(47, 4)
    one_hot = torch.eye(3)[torch.arange(48) % 3]
    shares = 0.7 * one_hot[:-1] + 0.3 * one_hot[1:]
    return model.train(), list(zip(images.split(20), shares.split(20), strict=True))


@torch.no_grad()
def _accuracy(model, batches, *, evaluate=True, either=False, sums=True) -> float:
    """The right measurement, or one with some of the three faults."""
    model.train(not evaluate)
    rights = []
    for images, shares in batches:
        answers = model(images).argmax(1)
        of_answer = shares[range(len(shares)), answers]
        rights.append((of_answer > 0 if either else answers == shares.argmax(1)).double())
    if sums:
        return float(torch.cat(rights).mean())
    return float(torch.stack([right.mean() for right in rights]).mean())


CONFIDENCE = np.array([0.95, 0.93, 0.97, 0.91, 0.72, 0.78, 0.74, 0.55, 0.52, 0.31])
RIGHT = np.array([True, True, False, False, True, True, True, False, True, False])


@exercise
def calibration_error(function) -> str:
    """A function (confidence, right, num_bins) → expected calibration error, with equal bins from 0 to 1."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    given = function(CONFIDENCE.copy(), RIGHT.copy(), 5)
    if given is None:
        return "the function returns nothing: is there a return?"
    given = float(given)
    if np.isnan(given):
        return "NaN: is there a bin without answers? Its mean is 0 / 0; leave it out"
    gaps, counts = _gaps(CONFIDENCE, RIGHT, 5)
    if abs(given - _expected(5)) < 1e-3:
        of_four = float(function(CONFIDENCE.copy(), RIGHT.copy(), 4))
        return "" if abs(of_four - _expected(4)) < 1e-3 else "right for 5 bins, not for 4: is num_bins used?"
    mistakes = {
        "each bin weighs the same there: weigh its gap by the answers in it": np.abs(gaps[counts > 0]).mean(),
        "each bin weighs the same there, and the empty one counts: weigh by the answers": np.abs(gaps).mean(),
        "gaps of both signs cancel there: take each bin's absolute value":
            abs((gaps * counts).sum()) / counts.sum(),
        "those are single answers; each is right or wrong, so take the means of a bin first":
            np.abs(CONFIDENCE - RIGHT).mean(),
        "that is the largest gap; the *expected* one is their mean, weighted by count": np.abs(gaps).max(),
        "that is the sum over the answers: divide by their number": (np.abs(gaps) * counts).sum(),
    }
    for hint, mistake in mistakes.items():
        if abs(abs(given) - mistake) < 1e-3:
            return hint
    return "per bin: |mean confidence − share that is right| · its answers; their sum, divided by all answers"


def _gaps(confidence: np.ndarray, right: np.ndarray, num_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean confidence minus accuracy of each bin, 0 for an empty one, and the number of its answers."""
    gaps, counts = np.zeros(num_bins), np.zeros(num_bins)
    for b in range(num_bins):
        inside = (confidence > b / num_bins) & (confidence <= (b + 1) / num_bins)
        counts[b] = inside.sum()
        if counts[b]:
            gaps[b] = confidence[inside].mean() - right[inside].mean()
    return gaps, counts


def _expected(num_bins: int) -> float:
    gaps, counts = _gaps(CONFIDENCE, RIGHT, num_bins)
    return float((np.abs(gaps) * counts).sum() / counts.sum())


@exercise
def allowed(answer) -> str:
    """Which of five sentences, by letter, the reference record allows."""
    given = letters(answer, "abcde")
    if given == ALLOWED:
        return ""
    if "a" in given:
        return "a: does the interval of that difference leave out zero?"
    if "c" in given:
        return "c: a gap is training minus validation accuracy. Which of the two has fallen more?"
    if "e" in given:
        return "e: how many epochs does the record have?"
    return ask_for_missing(ALLOWED, given, {
        "b": "does the interval of CutMix's difference leave out zero, and by how much?",
        "d": "ask `difference` for val_confidence"})
