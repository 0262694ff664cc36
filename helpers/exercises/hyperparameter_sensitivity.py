"""Checks of notebook 12."""

from itertools import combinations

import numpy as np

from helpers.exercises import exercise
from helpers.exercises.answers import letters, number

FAIR = {"c", "e"}
NOT_CALLED = "hand over the function itself, without calling it"


@exercise
def interaction(function) -> str:
    """A function of accuracies (seeds, 2, 2) → per seed, the columns' gain in the last row minus that in the first."""
    if not callable(function):
        return NOT_CALLED
    values = np.array([[[0.70, 0.74], [0.72, 0.60]], [[0.71, 0.73], [0.70, 0.64]], [[0.69, 0.74], [0.73, 0.62]]])
    gains = values[:, :, 1] - values[:, :, 0]  # (seeds, rows)
    right = gains[:, 1] - gains[:, 0]
    given = np.asarray(function(values.copy()), dtype=float)
    if given.shape == () and np.allclose(given, right.mean()):
        return "that is the mean over seeds, which leaves nothing to make an interval of: one number per seed"
    if given.shape != right.shape:
        return f"three seeds want three numbers, this has the shape {given.shape}"
    if np.allclose(given, right):
        return ""
    if np.allclose(given, -right):
        return "the sign is turned: the last row's gain minus the first row's"
    if np.allclose(given, right / 2):
        return "some books halve it; here the two gains are only subtracted"
    if np.allclose(given, gains.mean(1)):
        return "that is the columns' main effect, averaged over rows: how do the two rows' gains differ?"
    if np.allclose(given, gains[:, 1]) or np.allclose(given, gains[:, 0]):
        return "that is the gain in one row alone: an interaction compares it with the gain in the other"
    return "per seed: (last − first column) in the last row, minus the same in the first row"


@exercise
def expected_best(function) -> str:
    """A function (values, k) → the mean, over all choices of k different settings, of the best among them."""
    if not callable(function):
        return NOT_CALLED
    values = [0.6, 0.5, 0.9, 0.8, 0.7]
    given = number(function(list(values), 2))
    right = _mean_best(values, 2)
    if abs(given - 0.78) < 1e-6:
        return "that draws a setting twice now and then: the k settings are different ones"
    if abs(given - max(values)) < 1e-6:
        return "that is the best of all five, which two trials need not meet"
    if abs(given - np.mean(values)) < 1e-6:
        return "that is the mean of one trial: take the larger of each pair, then the mean"
    if 1e-6 < abs(given - right) < 0.01:
        return "close, as draws at random are: go through all choices, or weigh the sorted values"
    if not abs(given - right) <= 1e-6:  # nor for NaN
        return f"of 0.5, 0.6, 0.7, 0.8, 0.9 there are ten pairs; the mean of their larger values is not {given:.3g}"
    uneven = [0.6, 0.5, 0.9, 0.62, 0.7]  # no formula of the smallest and the largest alone
    for count in (1, 2, 3, 5):
        if not abs(number(function(list(uneven), count)) - _mean_best(uneven, count)) <= 1e-6:
            return f"right for pairs of 0.5, 0.6, 0.7, 0.8, 0.9, wrong for {count} of {uneven}"
    return ""


def _mean_best(values, k: int) -> float:
    return float(np.mean([max(chosen) for chosen in combinations(values, k)]))


@exercise
def honest_winner(function) -> str:
    """A repaired function of accuracies (seeds, settings) → chosen setting, and its accuracy on the last seed."""
    if not callable(function):
        return NOT_CALLED
    values = np.array([[0.70, 0.76, 0.75, 0.71], [0.71, 0.77, 0.74, 0.70], [0.72, 0.69, 0.75, 0.79]])
    given = function(values.copy())
    if given is None:
        return "the function returns nothing: is there a return?"
    given = np.asarray(given, dtype=float)
    if given.shape != (2,):
        return "return two numbers: the setting's place, and its accuracy on the last seed"
    place, accuracy = given
    if place == 3:
        return "setting 3 is best on the last seed, which must not choose: choose on the seeds before it"
    if place == 2:
        return "setting 2 is best over all three seeds: the last one, which is to judge, has chosen as well"
    if place != 1:
        return "choose the setting with the best mean over all seeds but the last, counted from 0"
    if abs(accuracy - 0.765) < 1e-6:
        return "well chosen; but that accuracy is of the seeds that chose it: report the last seed's"
    if abs(accuracy - 0.79) < 1e-6:
        return "well chosen; but that accuracy is another setting's: report the chosen one's"
    if not abs(accuracy - 0.69) <= 1e-6:
        return "well chosen; report what this setting reached on the last seed"
    four = np.array([[0.7, 0.9], [0.7, 0.6], [0.9, 0.5], [0.6, 0.95]])
    return "" if np.allclose(function(four), [0, 0.6]) else "right for three seeds; with four, the first three choose"


@exercise
def fair(answer) -> str:
    """Which of the five comparisons, by letter, are fair."""
    given = letters(answer, "abcde")
    if given == FAIR:
        return ""
    if "a" in given:
        return "a: the rate 0.4 was found with one of these batches; what would each reach at a rate of its own?"
    if "b" in given:
        return "b: three times as many trials have three times the chances, wherever they are placed"
    if "d" in given:
        return "d: pairing removes luck that both share, but not the winner's own, for which it was chosen"
    if "c" not in given:
        return "c is fair as well: the same rates for both to choose from, and seeds that have not chosen"
    return "e is fair as well: one thing differs, and nothing was chosen after the results were seen"
