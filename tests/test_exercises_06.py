"""Checks of notebook 06: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import numpy as np
import pytest
import torch
from exercise_cases import make_tests

from helpers.exercises import errors as checks

MATRIX = np.array([[8, 2, 0], [1, 6, 3], [1, 4, 5]])


def surest(confidence, right):
    order = np.argsort(-confidence)
    return np.cumsum(right[order]) / np.arange(1, len(right) + 1)


def surest_by_torch(confidence, right):
    order = torch.from_numpy(confidence).argsort(descending=True)
    sorted_right = torch.from_numpy(right)[order].float()
    return torch.stack([sorted_right[:k].mean() for k in range(1, len(right) + 1)])


def kept(change):
    """The right function with one change to (sorted answers, how many are kept)."""
    def function(confidence, right):
        answers = right[np.argsort(-confidence)]
        return change(answers, np.arange(1, len(right) + 1))
    return function


def cover(image, row, column, size):
    copy = image.clone()
    copy[:, row:row + size, column:column + size] = 0
    return copy


def cover_by_mask(image, row, column, size):
    mask = torch.ones_like(image)
    mask[..., row:row + size, column:column + size] = 0
    return (image * mask).numpy()


def cover_in_place(image, row, column, size):
    image[:, row:row + size, column:column + size] = 0
    return image


def cover_one_channel(image, row, column, size):
    copy = image.clone()
    copy[0, row:row + size, column:column + size] = 0
    return copy


def with_matrix(check):
    """`precision` needs the matrix beside the answer."""
    def checked(answer):
        return check(answer, MATRIX)
    return checked


precision = with_matrix(checks.precision)
RIGHT = [
    (checks.accuracy_of_the_surest, surest), (checks.accuracy_of_the_surest, surest_by_torch),
    (precision, MATRIX.diagonal() / MATRIX.sum(0)), (precision, [0.8, 0.5, 0.625]), (precision, [0.8, 0.5, 0.62]),
    (checks.lower_end, 0.78639), (checks.lower_end, np.array([0.786])),
    (checks.lower_end, 0.79),
    (checks.covered, cover), (checks.covered, cover_by_mask),
]
WRONG = [
    (checks.accuracy_of_the_surest, 0.9, "the function itself"),
    (checks.accuracy_of_the_surest, lambda confidence, right: surest(-confidence, right), "turn the order round"),
    (checks.accuracy_of_the_surest, lambda confidence, right: 1 - surest(confidence, right), "share of wrong"),
    (checks.accuracy_of_the_surest, lambda confidence, right: surest(-np.arange(6.0), right), "by confidence first"),
    (checks.accuracy_of_the_surest, kept(lambda answers, k: np.cumsum(answers)), "counts the right answers"),
    (checks.accuracy_of_the_surest, kept(lambda answers, k: np.cumsum(answers) / 6), "not by all"),
    (checks.accuracy_of_the_surest, kept(lambda answers, k: answers), "take the mean"),
    (checks.accuracy_of_the_surest, lambda confidence, right: right.mean(), "this has 1"),
    (precision, [0.8, 0.6, 0.5], "recall"), (precision, [80, 50, 62.5], "not percent"),
    (precision, 0.5, "one number per class"),
    (checks.lower_end, 0.9 - 1.96 * (0.09 / 50) ** 0.5, "normal approximation"),
    (checks.lower_end, 0.9565, "upper end"),
    (checks.lower_end, 78.64, "not percent"), (checks.lower_end, 79, "not percent"),
    (checks.covered, cover_in_place, "clone it first"), (checks.covered, cover_one_channel, "one of the three"),
    (checks.covered, lambda image, row, column, size: cover(image, column, row, size), "swapped"),
    (checks.covered, lambda image, row, column, size: cover(image, row, column, size + 1), "too many"),
    (checks.covered, lambda image, row, column, size: image - cover(image, row, column, size), "the other way round"),
    (checks.covered, lambda image, row, column, size: image.clone(), "nothing is 0"),
    (checks.covered, lambda image, row, column, size: cover(image, row, column, size)[None], "same shape"),
]

test_passes, test_gets_its_hint, test_never_stops_a_notebook = make_tests(RIGHT, WRONG)


@pytest.mark.parametrize("successes, count, low", [(45, 50, 0.7864)])
def test_the_lower_end_solves_wilsons_equation(successes, count, low):
    """The true accuracy from which the measured one is 1.96 standard errors away."""
    share = successes / count
    assert abs((share - low) / (low * (1 - low) / count) ** 0.5 - 1.96) < 1e-3
