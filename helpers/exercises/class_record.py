"""Checks of notebook 20."""

from itertools import combinations

import numpy as np
from scipy import stats

from helpers.exercises import exercise
from helpers.exercises.answers import letters, number

COUNT = {"a", "d"}
GAINS = [1.2, -0.9, 0.8, 1.0, -0.8, 2.5, -0.85, 1.9, -0.7]  # points; four below zero are close together
BOB = "Bob has not run his seed: leave him out, rather than take another or fill in a number"
NEEDED = 30  # the smallest n with t(0.975, n − 1) · 0.8 / √n ≤ 0.3


@exercise
def wrong_claims(function) -> str:
    """A function (gains) → share of the groups of three whose 95 % interval lies wholly on the wrong side of zero."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    given = float(function(list(GAINS)))
    low, high = _intervals(GAINS)
    right = float((high < 0).mean())
    if abs(given - right) < 1e-6:
        mirrored = float(function([-gain for gain in GAINS]))
        return "" if abs(mirrored - right) < 1e-6 else "where all together are below zero, the wrong side is above"
    return _claims_hint(given, low, high)


def _intervals(gains: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of Student's 95 % interval of every group of three."""
    groups = np.array(list(combinations(gains, 3)))
    half = stats.t.ppf(0.975, 2) * groups.std(axis=1, ddof=1) / np.sqrt(3)
    return groups.mean(axis=1) - half, groups.mean(axis=1) + half


def _claims_hint(given: float, low: np.ndarray, high: np.ndarray) -> str:
    mean = (low + high) / 2
    likely = {
        "that is how many groups there are; divide by all groups": (high < 0).sum(),
        "that is the share of means with the wrong sign; the whole interval must lie there": (mean < 0).mean(),
        "that is the share with an interval on the right side": (low > 0).mean(),
        "that counts intervals on either side; ask for the wrong one": (low * high > 0).mean(),
        "one end on the wrong side is not enough: the whole interval must lie there": (low < 0).mean(),
    }
    for hint, value in likely.items():
        if abs(given - value) < 1e-6:
            return hint
    return "itertools.combinations(gains, 3) gives every group once; where do both ends of its interval lie?"


@exercise
def assigned_only(function) -> str:
    """A repaired function (runs, assigned) → {name: gain of the assigned seed}."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    runs = {"Ann": [(301, 0.4), (7, 2.0)], "Bob": [(8, 1.5)], "Eve": [(302, -0.3), (303, 0.9)], "Kim": [(304, 0.0)]}
    try:
        found = function(runs, {"Ann": 301, "Bob": 305, "Eve": 303, "Kim": 304})
    except KeyError:
        return BOB
    if found is None:
        return "the function returns nothing: is there a return?"
    found = {name: None if gain is None else float(gain) for name, gain in dict(found).items()}
    if found == {"Ann": 0.4, "Eve": 0.9, "Kim": 0.0}:
        return ""
    if found.get("Ann") == 2.0:
        return "Ann's 2.0 is of seed 7, which she chose herself; hers is 301"
    if "Bob" in found:
        return BOB
    if "Kim" not in found:
        return "Kim's gain is 0, which is a result too: ask whether the seed was run, not whether its gain is true"
    return "for each name, the gain of the run whose seed is the assigned one"


@exercise
def seeds_needed(answer) -> str:
    """Seeds until the 95 % interval of a mean with standard deviation 0.8 reaches at most 0.3 to each side."""
    given = number(answer)
    if given == NEEDED:
        return ""
    if given in (27, 28):
        return "1.96 is right for many values; Student's quantile is a little larger, and asks for a few more"
    if given == NEEDED - 1:
        return "just too few: the quantile belongs to n − 1 degrees of freedom, and the half-width must be at most 0.3"
    if given in (110, 111, 112):
        return "0.3 points are the half-width: 0.3 on each side, 0.6 from end to end"
    return "the smallest n for which t · 0.8 / √n is at most 0.3"


@exercise
def may_count(answer) -> str:
    """Which of the four may count as a student of its own, by letter."""
    given = letters(answer, "abcd")
    if given == COUNT:
        return ""
    if "c" in given:
        return "c: a seed that somebody liked is no random one"
    if "b" in given:
        return "b: one seed would count twice, and it is one draw"
    if "a" not in given:
        return "a: what would the class believe of a recipe whose failures nobody hands in?"
    return "d: each run keeps its device, and whether devices differ can be tested"
