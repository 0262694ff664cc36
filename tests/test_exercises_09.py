"""Checks of notebook 09: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import numpy as np
import torch
from exercise_cases import make_tests

from helpers.exercises import hundred_classes as checks


def last_landing(budget, first):
    """By the closed form of the sum 1 + 2 + 4 + …, not by adding up."""
    return max(first * (2**cycles - 1) for cycles in range(12) if first * (2**cycles - 1) <= budget)


def strictly_within(budget, first):
    return last_landing(budget - 1, first)


def cycles_that_fit(budget, first):
    return next(cycles for cycles in range(12) if last_landing(budget, first) == first * (2**cycles - 1))


def length_of_the_last(budget, first):
    return last_landing(budget, first) - last_landing(last_landing(budget, first) - 1, first)


def by_torch(gradients, limit):
    """What torch's own function does to parameters with these gradients."""
    parameters = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    torch.nn.utils.clip_grad_norm_(parameters, limit)
    return [parameter.grad for parameter in parameters]


def length(gradients):
    return sum((gradient**2).sum() for gradient in gradients) ** 0.5


def scaled(factor):
    return lambda gradients, limit: [gradient * factor(gradients, limit) for gradient in gradients]


def tensor_by_tensor(gradients, limit):
    return [gradient * min(1, limit / gradient.norm()) for gradient in gradients]


def by_value(gradients, limit):
    return [gradient.clamp(-limit, limit) for gradient in gradients]


def cell_by_cell(matrix, superclass):
    groups = superclass.tolist()
    found = np.zeros((max(groups) + 1,) * 2)
    for row, true in enumerate(groups):
        for column, guess in enumerate(groups):
            found[true, guess] += matrix[row, column]
    return found


def diagonal_only(matrix, superclass):
    return np.diag(cell_by_cell(matrix, superclass).diagonal())


def without_right_answers(matrix, superclass):
    return cell_by_cell(matrix - np.diag(matrix.diagonal()), superclass)


def shares(matrix, superclass):
    counts = cell_by_cell(matrix, superclass)
    return counts / counts.sum(1, keepdims=True)


def means(matrix, superclass):
    return cell_by_cell(matrix, superclass) / cell_by_cell(np.ones_like(matrix), superclass)


RIGHT = [
    (checks.last_landing, last_landing),
    (checks.last_landing, lambda budget, first: torch.tensor(last_landing(budget, first))),
    (checks.clip_by_norm, by_torch),
    (checks.clip_by_norm, scaled(lambda gradients, limit: min(1, limit / (length(gradients) + 1e-6)))),
    (checks.fold, cell_by_cell),
    (checks.fold, lambda *given: torch.tensor(cell_by_cell(*given))),
    (checks.supported, ["b", "d"]),
    (checks.supported, ("D", "B")),
]
WRONG = [
    (checks.last_landing, lambda budget, first: budget, "stop before"),
    (checks.last_landing, lambda budget, first: 2 * budget, "more than the budget"),
    (checks.last_landing, lambda budget, first: budget // first * first, "twice as long"),
    (checks.last_landing, strictly_within, "exactly with its budget"),
    (checks.last_landing, cycles_that_fit, "how many epochs"),
    (checks.last_landing, length_of_the_last, "last cycle alone"),
    (checks.last_landing, lambda budget, first: None, "return"),
    (checks.clip_by_norm, by_value, "by value"),
    (checks.clip_by_norm, tensor_by_tensor, "for itself, which turns"),
    (checks.clip_by_norm, scaled(lambda gradients, limit: limit / length(gradients)), "no factor above 1"),
    (checks.clip_by_norm, scaled(lambda gradients, limit: 1 / length(gradients)), "where is the limit"),
    (checks.clip_by_norm, scaled(lambda gradients, limit: 1), "nothing has been clipped"),
    (checks.clip_by_norm, scaled(lambda gradients, limit: min(1, limit / length(gradients) ** 2)), "root"),
    (checks.clip_by_norm, lambda gradients, limit: length(gradients), "a list is wanted"),
    (checks.clip_by_norm, lambda gradients, limit: None, "return"),
    (checks.fold, lambda *given: cell_by_cell(*given).T, "changed places"),
    (checks.fold, diagonal_only, "only the diagonal"),
    (checks.fold, without_right_answers, "right answers are missing"),
    (checks.fold, shares, "add up to 1"),
    (checks.fold, means, "means"),
    (checks.fold, lambda matrix, superclass: matrix, "need the shape (3, 3)"),
    (checks.supported, ["a", "b"], "which network"),
    (checks.supported, ["b", "c", "d"], "interval"),
    (checks.supported, ["e"], "who says"),
    (checks.supported, ["b"], "one more"),
    (checks.supported, ["z"], "letters from a to e"),
]

test_passes, test_gets_its_hint, test_never_stops_a_notebook = make_tests(RIGHT, WRONG)
