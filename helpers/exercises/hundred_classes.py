"""Checks of notebook 09."""

import numpy as np
import torch

from helpers.exercises import exercise
from helpers.exercises.answers import letters, number

SUPPORTED = {"b", "d"}


@exercise
def last_landing(function) -> str:
    """A function (budget, first) → epochs of the longest run within the budget that ends with a cosine cycle."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    for budget, first in ((100, 8), (120, 8), (74, 5), (7, 1), (4, 5)):
        given = function(budget, first)
        if given is None:
            return "the function returns nothing: is there a return?"
        if hint := _landing_hint(number(given), budget, first):
            return hint
    return ""


def _landings(budget: int, first: int) -> list[int]:
    """Where cycles end, from 0, as long as the budget lasts."""
    ends, length = [0], first
    while ends[-1] + length <= budget:
        ends.append(ends[-1] + length)
        length *= 2
    return ends


def _landing_hint(given: float, budget: int, first: int) -> str:
    ends = _landings(budget, first)
    right, cycles = ends[-1], len(ends) - 1
    if given == right:
        return ""
    about = f"budget {budget}, first cycle {first}: "
    if given > budget:
        return about + f"{given:g} epochs are more than the budget allows"
    if cycles and given == first * 2 ** (cycles - 1):
        return about + "that is the length of the last cycle alone; add up those before it"
    if given == cycles:
        return about + "that is how many cycles fit; how many epochs do they take?"
    if right == budget and given == ends[-2]:
        return about + "a run that ends exactly with its budget is allowed"
    if given == budget // first * first:
        return about + "each cycle is twice as long as the one before"
    return about + f"cycles of {first}, {2 * first}, {4 * first}, … epochs; stop before the sum passes the budget"


@exercise
def clip_by_norm(function) -> str:
    """A function (gradients, limit) → the gradients, together no longer than the limit, in the same direction."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    gradients = [torch.tensor([3.0, 4.0]), torch.tensor([[12.0]])]  # of length 13 together
    for limit in (4.0, 20.0):
        given = function([gradient.clone() for gradient in gradients], limit)
        if given is None:
            return "the function returns nothing: is there a return?"
        if not isinstance(given, list | tuple) or len(given) != 2:
            return "a list is wanted, with a clipped tensor for each that was handed over"
        if hint := _clip_hint(torch.cat([torch.as_tensor(one).float().flatten() for one in given]), limit):
            return hint
    return ""


def _clip_hint(given: torch.Tensor, limit: float) -> str:
    whole = torch.tensor([3.0, 4.0, 12.0])
    if torch.allclose(given, whole * min(1, limit / 13), atol=1e-3):
        return ""
    each = torch.tensor([min(1, limit / norm) for norm in (5, 5, 12)])
    mistakes = {
        "a gradient that is shorter than the limit stays as it is: no factor above 1": whole * limit / 13,
        "that is clipping by value: each entry for itself, and the direction turns": whole.clamp(max=limit),
        "each tensor was clipped for itself, which turns the whole: one norm over all of them": whole * each,
        "that divides by the norm, so that the length is 1: where is the limit?": whole / 13,
        "nothing has been clipped, though the norm over all tensors, 13, is above the limit": whole,
        "the norm is the root of the sum of the squares": whole * min(1, limit / 169),
    }
    for hint, mistake in mistakes.items():
        if torch.allclose(given, mistake, atol=1e-3):
            return hint
    return "one norm over all entries of all tensors, and one factor for all: min(1, limit ÷ norm)"


@exercise
def fold(function) -> str:
    """A function (matrix, superclass) → counts (superclasses, superclasses) of a confusion matrix of classes."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    matrix, superclass = np.arange(16).reshape(4, 4) ** 2, np.array([0, 1, 0, 2])
    given = function(matrix.copy(), torch.from_numpy(superclass))
    if given is None:
        return "the function returns nothing: is there a return?"
    given = np.asarray(given, dtype=float)
    if given.shape != (3, 3):
        return f"4 classes in 3 superclasses need the shape (3, 3); this has {given.shape}"
    return _fold_hint(given, matrix, superclass)


def _fold_hint(given: np.ndarray, matrix: np.ndarray, superclass: np.ndarray) -> str:
    members = np.eye(3)[superclass]
    right, sizes = members.T @ matrix @ members, members.sum(0)
    errors = matrix - np.diag(matrix.diagonal())
    mistakes = {
        "rows and columns have changed places: a row per *true* superclass": right.T,
        "these are means; counts are wanted, so add them up": right / np.outer(sizes, sizes),
        "the rows add up to 1: these are shares, and counts are wanted": right / right.sum(1, keepdims=True),
        "only the diagonal is filled: mistakes between superclasses count, too": np.diag(right.diagonal()),
        "the right answers are missing: they belong on the diagonal": members.T @ errors @ members,
    }
    if np.allclose(given, right):
        return ""
    for hint, mistake in mistakes.items():
        if np.allclose(given, mistake, atol=1e-3):
            return hint
    return "add up all cells whose row belongs to one superclass and whose column to the other"


@exercise
def supported(answer) -> str:
    """Which of five sentences, by letter, the notebook's evidence supports."""
    given = letters(answer, "abcde")
    if given == SUPPORTED:
        return ""
    reasons = {"a": "a: which network and which recipe do the results belong to?",
               "c": "c: how wide is the interval of a class with a hundred test images?",
               "e": "e: one network, one rate: who says that it holds for all?"}
    for letter, reason in reasons.items():
        if letter in given:
            return reason
    return "one more is supported: it was measured, over all seeds or against chance"
