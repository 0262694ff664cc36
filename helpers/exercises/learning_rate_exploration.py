"""Checks of notebook 11."""

from __future__ import annotations

import numpy as np

from helpers.exercises import exercise
from helpers.exercises.answers import letters

SUPPORTED = {"b", "d"}
NOT_SUPPORTED = {
    "a": "a: 'cannot be told apart with three seeds' is not 'equal'",
    "c": "c: the record has one network and twelve epochs; it says nothing about others",
    "e": "e: look at their difference on the hill: which is ahead in the mean, and what does the interval say?",
}
WHERE_TO_LOOK = {"b": "paired difference", "d": "status of the runs"}
NO_FUNCTION = "hand over the function itself, without calling it"


@exercise
def next_rates(function) -> str:
    """A function (rates, means) → the two rates to try next: beyond an edge, or on both sides of the best."""
    if not callable(function):
        return NO_FUNCTION
    inside = _floats(function([0.1, 0.4, 1.6], [0.70, 0.75, 0.72]))
    if inside is None or len(inside) != 2:
        return "return two rates, in a list"
    if _close(inside[::-1], [0.2, 0.8]):
        return _reversed(inside)
    if np.allclose(inside, [0.25, 1.0]):
        return "those are arithmetic means; rates are spaced by factors: take the geometric mean, the root of a product"
    if not _close(inside, [0.2, 0.8]):
        return "the best of 0.1, 0.4, 1.6 is 0.4: what lies half way, in factors, to each neighbor?"
    return _beyond_the_edges(function) or _on_another_grid(function)


def _on_another_grid(function) -> str:
    rates = [0.05, 0.1, 0.2, 0.4, 0.8]
    inside = _floats(function(list(rates), [0.50, 0.60, 0.70, 0.75, 0.72]))
    above = _floats(function(list(rates), [0.50, 0.60, 0.70, 0.72, 0.75]))
    if _close(inside, [0.08**0.5, 0.32**0.5]) and _close(above, [1.6, 3.2]):
        return ""
    return f"right for 0.1, 0.4, 1.6; of {rates} the factor is 2, and the best may stand at any place"


def _beyond_the_edges(function) -> str:
    high = _at_edge(function, [0.70, 0.72, 0.75])
    low = _at_edge(function, [0.75, 0.72, 0.70])
    for given, expected in ((high, [6.4, 25.6]), (low, [0.00625, 0.025])):
        if given is not None and _close(given[::-1], expected):
            return _reversed(given)
    right_above, right_below = _close(high, [6.4, 25.6]), _close(low, [0.00625, 0.025])
    if right_above and right_below:
        return ""
    if right_above:
        return "right inside and above; where the lowest rate is best, the grid goes on below it"
    if right_below:
        return "right inside and below; where the highest rate is best, the grid goes on above it"
    return ("the best rate may be at the edge of the grid, and then it has one neighbor only: go on beyond it, twice, "
            "with the same factor")


def _at_edge(function, means):
    """What it returns for a grid whose best is at an edge; None where it looks for a neighbor that is not there."""
    try:
        return _floats(function([0.1, 0.4, 1.6], means))
    except IndexError:
        return None


def _reversed(given) -> str:
    return f"the right rates in the wrong order: {given[0]:g} comes before {given[1]:g}; give the smaller first"


def _floats(values):
    return None if values is None else np.asarray(values, dtype=float).ravel()


def _close(given, expected) -> bool:
    return given is not None and len(given) == len(expected) and np.allclose(given, expected, rtol=1e-3)


@exercise
def paired_half_width(function) -> str:
    """A function (a, b) → half of the 95 % interval of the paired difference, for runs of the same seeds."""
    if not callable(function):
        return NO_FUNCTION
    a, b = np.array([0.78, 0.77, 0.81]), np.array([0.76, 0.76, 0.77])
    given = float(function(a, b))
    gains = a - b
    error = gains.std(ddof=1) / 3**0.5
    if abs(given - 4.302653 * error) < 2e-5:
        return ""
    if abs(given - 2 * 4.302653 * error) < 4e-5:
        return "that is the full width, from end to end; half of it is asked for"
    if abs(given - 4.302653 * (a.var(ddof=1) / 3 + b.var(ddof=1) / 3) ** 0.5) < 2e-5:
        return "that treats the two as unrelated: subtract seed by seed first, then take the spread"
    if abs(given - 1.96 * error) < 5e-5:
        return "1.96 is right for many runs; for three seeds it is Student's quantile, 4.30"
    if abs(given - 4.302653 * gains.std(ddof=0) / 3**0.5) < 2e-5:
        return "the spread of a sample divides by n − 1: ddof=1"
    if abs(given - 4.302653 * gains.std(ddof=1)) < 2e-5:
        return "that is the spread of one difference; a mean of three spreads less, by the root of three"
    return "Student's quantile × standard deviation of the differences / √n"


LUCKY = [(0.4, 0.70), (0.4, 0.72), (0.4, 0.71), (3.2, 0.79), (3.2, None), (3.2, None)]
TWO_OF_THREE = [(0.4, 0.60), (0.4, 0.60), (0.4, 0.60), (1.6, 0.99), (1.6, 0.99), (1.6, None)]
CHANCE_COUNTS = [(0.4, 0.47), (0.4, 0.47), (1.6, 0.90), (1.6, None)]
HIGH_BUT_LOST = [(0.4, 0.75), (0.4, 0.75), (0.4, 0.75), (1.6, 0.99), (1.6, 0.99), (1.6, None)]
SAFE_ABOVE = [(0.4, 0.60), (0.4, 0.60), (1.6, 0.72), (1.6, 0.72), (3.2, 0.99), (3.2, None)]
ALL_FINISHED = [(0.1, 0.85), (0.1, 0.60), (0.4, 0.78), (0.4, 0.78), (1.6, 0.70), (1.6, 0.70)]
SITUATIONS = [LUCKY, TWO_OF_THREE, CHANCE_COUNTS, HIGH_BUT_LOST, SAFE_ABOVE, ALL_FINISHED]
WAYS = {  # how the values of one rate may be summed up; the first is right
    "": lambda values: np.mean([0.1 if value is None else value for value in values]),
    "3.2 lost two of its three runs, and the lucky one speaks for it: what does a diverged run count?":
        lambda values: np.mean([value for value in values if value is not None]),
    "a rate that lost a run is not out: its diverged run counts as chance, 0.1, and its mean may still be the largest":
        lambda values: -1 if None in values else np.mean(values),
    "a diverged run counts as chance, 0.1: a network that only guesses has that, not 0":
        lambda values: np.mean([value or 0 for value in values]),
    "that looks like a median, which forgets one lost run of three: take the mean":
        lambda values: np.median([0.1 if value is None else value for value in values]),
    "that looks like the best run of each rate: take the mean of all its runs":
        lambda values: max(value or 0 for value in values),
}


@exercise
def best_rate(function) -> str:
    """A repaired function (runs) → rate; runs are (rate, accuracy or None if it diverged)."""
    if not callable(function):
        return NO_FUNCTION
    chosen = [function(list(runs)) for runs in SITUATIONS]
    if any(rate is None for rate in chosen):
        return "the function returns nothing: is there a return?"
    chosen = [float(rate) for rate in chosen]
    if any(rate not in dict(runs) for rate, runs in zip(chosen, SITUATIONS, strict=True)):
        return "return the rate, not its accuracy"
    for hint, way in WAYS.items():
        if chosen == [_best_by(way, runs) for runs in SITUATIONS]:
            return hint
    return _first_miss(chosen)


def _by_rate(runs) -> dict[float, list]:
    found = {}
    for rate, accuracy in runs:
        found.setdefault(rate, []).append(accuracy)
    return found


def _best_by(way, runs) -> float:
    found = _by_rate(runs)
    return max(found, key=lambda rate: way(found[rate]))


def _first_miss(chosen: list[float]) -> str:
    for rate, runs in zip(chosen, SITUATIONS, strict=True):
        right = _best_by(WAYS[""], runs)
        if rate != right:
            means = " and ".join(f"{WAYS[''](values):.3f} at {one:g}" for one, values in _by_rate(runs).items())
            return f"for {runs} you choose {rate:g}; with None as 0.1 the means are {means}"
    return ""


READINGS = [0.4, 0.2, 0.2]
OTHER_READINGS = [0.1, 1.6, 0.8, 0.8]
HILL = [0.1, 0.4, 1.6], [0.70, 0.79, 0.75]


@exercise
def judge_rule(function) -> str:
    """A function (readings, rates, accuracies) → scatter as a ratio, mean accuracy at the readings on the hill."""
    if not callable(function):
        return NO_FUNCTION
    for readings in (READINGS, OTHER_READINGS):
        given = _floats(function(list(readings), *(list(part) for part in HILL)))
        if given is None or len(given) != 2:
            return "return two numbers: the scatter, and the mean accuracy"
        hint = _wrong_scatter(given, readings) or _wrong_height(given[1], readings)
        if hint:
            return hint
    return ""


def _wrong_scatter(given, readings) -> str:
    largest, smallest = max(readings), min(readings)
    if abs(given[0] - largest / smallest) < 1e-3:
        return ""
    if abs(given[1] - largest / smallest) < 1e-3:
        return "the scatter comes first, the accuracy second"
    if abs(given[0] - (largest - smallest)) < 1e-3:
        return "that is a difference; rates scatter by factors: divide the largest by the smallest"
    if abs(given[0] - smallest / largest) < 1e-3:
        return "the other way round: the largest divided by the smallest"
    if abs(given[0] - readings[-1] / readings[0]) < 1e-3 or abs(given[0] - readings[0] / readings[-1]) < 1e-3:
        return "the readings are in no order: the first and the last are not the smallest and the largest"
    return f"the readings {readings} go from {smallest:g} to {largest:g}: by what factor do they scatter?"


def _wrong_height(given, readings) -> str:
    rates, accuracies = HILL
    heights = np.interp(np.log(readings), np.log(rates), accuracies)
    if abs(given - heights.mean()) < 1e-4:
        return ""
    if abs(given - np.interp(readings, rates, accuracies).mean()) < 1e-4:
        return "that interpolates in the rate itself; take the logarithm of the readings and of the rates"
    if abs(given - np.interp(np.log(np.mean(readings)), np.log(rates), accuracies)) < 1e-4 or \
            abs(given - np.interp(np.mean(np.log(readings)), np.log(rates), accuracies)) < 1e-4:
        return "that is the accuracy at the mean reading: look up each reading first, then take the mean"
    if min(abs(given - heights.min()), abs(given - heights.max()), abs(given - np.median(heights))) < 1e-4:
        return "take the mean over the readings, not the worst, the best or the middle one"
    return "the scatter is right; for the height, np.interp(np.log(readings), …) looks up each, then take the mean"


@exercise
def supported(answer) -> str:
    """Which of the five sentences, by letter, the record supports."""
    given = letters(answer, "abcde")
    for letter, hint in NOT_SUPPORTED.items():
        if letter in given:
            return hint
    missing = sorted(SUPPORTED - given)
    return f"{missing[0]} is supported as well: look at the {WHERE_TO_LOOK[missing[0]]}" if missing else ""
