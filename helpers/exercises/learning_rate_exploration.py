"""Checks of notebook 11."""

import numpy as np

from helpers.exercises import exercise

CLAIMS = {"a", "b", "c", "d"}
SUPPORTED = {"b", "d"}


@exercise
def next_rates(function) -> str:
    """A function (rates, means) → the two rates to try next: beyond an edge, or on both sides of the best."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    inside = _floats(function([0.1, 0.4, 1.6], [0.70, 0.75, 0.72]))
    if inside is None or len(inside) != 2:
        return "return two rates, in a list"
    if np.allclose(inside, [0.25, 1.0]):
        return "those are arithmetic means; rates are spaced by factors: take the geometric mean, the root of a product"
    if not np.allclose(inside, [0.2, 0.8], rtol=1e-3):
        return "the best of 0.1, 0.4, 1.6 is 0.4: what lies half way, in factors, to each neighbor?"
    high = _floats(function([0.1, 0.4, 1.6], [0.70, 0.72, 0.75]))
    low = _floats(function([0.1, 0.4, 1.6], [0.75, 0.72, 0.70]))
    if np.allclose(high, [6.4, 25.6], rtol=1e-3) and np.allclose(low, [0.00625, 0.025], rtol=1e-3):
        return ""
    if np.allclose(high, [6.4, 25.6], rtol=1e-3):
        return "right inside and above; below the lowest rate the grid goes on as well, the smaller rate first"
    return "the best rate is at the edge of the grid: go on beyond it, twice, with the same factor"


def _floats(values):
    return None if values is None else np.asarray(values, dtype=float).ravel()


@exercise
def paired_half_width(function) -> str:
    """A function (a, b) → half of the 95 % interval of the paired difference, for runs of the same seeds."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    a, b = np.array([0.78, 0.77, 0.80]), np.array([0.76, 0.76, 0.77])
    given = float(function(a, b))
    gains = a - b
    error = gains.std(ddof=1) / 3**0.5
    if abs(given - 4.302653 * error) < 2e-5:
        return ""
    if abs(given - 4.302653 * (a.var(ddof=1) / 3 + b.var(ddof=1) / 3) ** 0.5) < 2e-5:
        return "that treats the two as unrelated: subtract seed by seed first, then take the spread"
    if abs(given - 1.96 * error) < 5e-5:
        return "1.96 is right for many runs; for three seeds it is Student's quantile, 4.30"
    if abs(given - 4.302653 * gains.std(ddof=0) / 3**0.5) < 2e-5:
        return "the spread of a sample divides by n − 1: ddof=1"
    if abs(given - 4.302653 * gains.std(ddof=1)) < 2e-5:
        return "that is the spread of one difference; a mean of three spreads less, by the root of three"
    return "Student's quantile × standard deviation of the differences / √n"


@exercise
def best_rate(function) -> str:
    """A repaired function (runs) → rate; runs are (rate, accuracy or None if it diverged)."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    runs = [(0.4, 0.70), (0.4, 0.72), (0.4, 0.71), (3.2, 0.79), (3.2, None), (3.2, None)]
    chosen = function(list(runs))
    if chosen is None:
        return "the function returns nothing: is there a return?"
    if abs(float(chosen) - 3.2) < 1e-6:
        return "3.2 lost two of its three runs, and the lucky one speaks for it: what does a diverged run count?"
    if abs(float(chosen) - 0.4) > 1e-6:
        return "return the rate, not its accuracy"
    rare = [(0.4, 0.70), (0.4, 0.70), (0.4, 0.70), (1.6, 0.72), (1.6, 0.72), (1.6, 0.72), (3.2, 0.99), (3.2, None)]
    if abs(float(function(rare)) - 1.6) > 1e-6:
        return "a larger rate that loses no run may win by its mean: 1.6 does here"
    return ""


@exercise
def supported(answer) -> str:
    """Which of the four sentences, by letter, the record supports."""
    given = {str(letter).strip().lower() for letter in answer}
    if not given or not given <= CLAIMS:
        return "give letters from a to d in a list, for example ['a']"
    if given == SUPPORTED:
        return ""
    if "a" in given:
        return "a: 'cannot be told apart with three seeds' is not 'equal'"
    if "c" in given:
        return "c: the record has one network and twelve epochs; it says nothing about others"
    missing = (SUPPORTED - given).pop()
    place = "paired difference" if missing == "b" else "status of the runs"
    return f"{missing} is supported as well: look at the {place}"
