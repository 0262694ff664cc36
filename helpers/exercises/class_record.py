"""Checks of notebook 20."""

from itertools import combinations

import numpy as np

from helpers.exercises import exercise
from helpers.exercises.answers import number

CLAIMS = {"a", "b", "c", "d"}
HARMLESS = {"a", "d"}
GAINS = [1.2, -0.9, 0.8, 0.3, -0.4, 0.5, 1.0]  # points; no group of three has a mean of exactly 0
NEEDED = 30  # the smallest n with t(0.975, n − 1) · 0.8 / √n ≤ 0.3


@exercise
def wrong_share(function) -> str:
    """A function (gains) → share of the groups of three whose mean has another sign than the mean of all."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    given = float(function(list(GAINS)))
    means = np.array([np.mean(group) for group in combinations(GAINS, 3)])
    right = float((means < 0).mean())
    if abs(given - right) < 1e-6:
        mirrored = float(function([-gain for gain in GAINS]))
        return "" if abs(mirrored - right) < 1e-6 else "where all together are below zero, the wrong sign is above"
    if abs(given - (means < 0).sum()) < 1e-6:
        return "that is how many groups there are with the wrong sign; divide by all groups"
    if abs(given - np.mean(np.array(GAINS) < 0)) < 1e-6:
        return "that is the share of single values; take every group of three, and its mean"
    if abs(given - (1 - right)) < 1e-6:
        return "that is the share with the right sign"
    return "itertools.combinations(gains, 3) gives every group once; compare the sign of its mean with that of all"


@exercise
def assigned_only(function) -> str:
    """A repaired function (runs, assigned) → {name: gain of the assigned seed}."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    runs = {"Ann": [(301, 0.4), (7, 2.0)], "Bob": [(8, 1.5)], "Eve": [(302, -0.3), (303, 0.9)], "Kim": [(304, 0.0)]}
    found = function(runs, {"Ann": 301, "Bob": 305, "Eve": 303, "Kim": 304})
    if found is None:
        return "the function returns nothing: is there a return?"
    found = {name: None if gain is None else float(gain) for name, gain in dict(found).items()}
    if found == {"Ann": 0.4, "Eve": 0.9, "Kim": 0.0}:
        return ""
    if found.get("Ann") == 2.0:
        return "Ann's 2.0 is of seed 7, which she chose herself; hers is 301"
    if "Bob" in found:
        return "Bob has not run his seed: leave him out, rather than take another or fill in a number"
    if "Kim" not in found:
        return "Kim's gain is 0, which is a result too: ask whether the seed was run, not whether its gain is true"
    return "for each name, the gain of the run whose seed is the assigned one"


@exercise
def seeds_needed(answer) -> str:
    """Seeds until the 95 % interval of a mean with standard deviation 0.8 is at most ±0.3."""
    given = number(answer)
    if given == NEEDED:
        return ""
    if given in (27, 28):
        return "1.96 is right for many values; Student's quantile is a little larger, and asks for a few more"
    if given == NEEDED - 1:
        return "just too few: the quantile belongs to n − 1 degrees of freedom, and the width must be at most 0.3"
    if given in (110, 111, 112):
        return "±0.3 is half of the interval's width: 0.3 on each side"
    return "the smallest n for which t · 0.8 / √n is at most 0.3"


@exercise
def may_merge(answer) -> str:
    """Which of the four runs may be merged without harm, by letter."""
    given = {str(letter).strip().lower() for letter in answer}
    if not given <= CLAIMS:
        return f"answer with letters from a to d, not {sorted(given - CLAIMS)}"
    if given == HARMLESS:
        return ""
    if "c" in given:
        return "c: a seed that somebody liked is no random one"
    if "b" in given:
        return "b: one seed would count twice, and it is one draw"
    if "a" not in given:
        return "a: what would the class believe of a recipe whose failures nobody hands in?"
    return "d: each run keeps its device, and whether devices differ can be tested"
