"""Checks of notebook 12: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

from math import comb

import numpy as np
from exercise_cases import make_tests

from helpers.exercises import hyperparameter_sensitivity as checks

RNG = np.random.default_rng(0)


def interaction(values):
    return [seed[1][1] - seed[1][0] - seed[0][1] + seed[0][0] for seed in values.tolist()]


def main_effect(values):
    return values[:, :, 1].mean(1) - values[:, :, 0].mean(1)


def expected_best(values, k):
    """By the weights of the sorted values, not by going through all choices as the check does."""
    ranked = sorted(values)
    return sum(value * comb(place, k - 1) for place, value in enumerate(ranked)) / comb(len(values), k)


def with_replacement(values, k):
    ranked, n = sorted(values), len(values)
    return sum(value * (((i + 1) / n) ** k - (i / n) ** k) for i, value in enumerate(ranked))


def drawn(values, k):
    return np.mean([RNG.choice(values, k, replace=False).max() for _ in range(3000)])


def honest_winner(values):
    before, last = values[:-1], values[-1]
    best = max(range(values.shape[1]), key=lambda place: before[:, place].sum())
    return best, last[best]


def chosen_by_all(values):
    best = values.mean(0).argmax()
    return best, values[-1, best]


def first_two_choose(values):
    best = values[:2].mean(0).argmax()
    return best, values[-1, best]


def place_of_choosing(values, report):
    best = values[:-1].mean(0).argmax()
    return best, report(values, best)


def by_range(values, k):
    """Right for equally spaced values alone: a formula of the smallest and the largest."""
    place = (k * (len(values) + 1) / (k + 1) - 1) / (len(values) - 1)
    return min(values) + (max(values) - min(values)) * place


RIGHT = [
    (checks.interaction, interaction),
    (checks.interaction, lambda values: np.diff(np.diff(values, axis=2), axis=1).ravel()),
    (checks.expected_best, expected_best),
    (checks.honest_winner, honest_winner),
    (checks.fair, ["c", "e"]),
    (checks.fair, ("E", "C")),
]
WRONG = [
    (checks.interaction, lambda values: np.mean(interaction(values)), "mean over seeds"),
    (checks.interaction, lambda values: -np.array(interaction(values)), "sign"),
    (checks.interaction, lambda values: np.array(interaction(values)) / 2, "halve"),
    (checks.interaction, main_effect, "main effect"),
    (checks.interaction, lambda values: values[:, 1, 1] - values[:, 1, 0], "one row alone"),
    (checks.interaction, lambda values: values[:, :, 1] - values[:, :, 0], "three numbers"),
    (checks.interaction, [0.1, 0.2, 0.3], "function itself"),
    (checks.expected_best, with_replacement, "different ones"),
    (checks.expected_best, lambda values, k: max(values), "best of all"),
    (checks.expected_best, lambda values, k: max(values[:k]), "ten pairs"),
    (checks.expected_best, lambda values, k: np.mean(values), "one trial"),
    (checks.expected_best, drawn, "close"),
    (checks.expected_best, by_range, "0.62"),
    (checks.expected_best, lambda values, k: expected_best(values, 2), "wrong for 1"),
    (checks.honest_winner, chosen_by_all, "over all three seeds"),
    (checks.honest_winner, lambda values: (values[-1].argmax(), values[-1].max()), "must not choose"),
    (checks.honest_winner, lambda values: place_of_choosing(values, lambda v, best: v[:-1, best].mean()), "chose it"),
    (checks.honest_winner, lambda values: place_of_choosing(values, lambda v, best: v[-1].max()), "another setting"),
    (checks.honest_winner, first_two_choose, "first three choose"),
    (checks.honest_winner, lambda values: 0.69, "two numbers"),
    (checks.honest_winner, lambda values: None, "return"),
    (checks.fair, ["a", "c", "e"], "rate of its own"),
    (checks.fair, ["b", "c"], "three times"),
    (checks.fair, ["c", "d", "e"], "pairing"),
    (checks.fair, ["e"], "c is fair"),
    (checks.fair, ["c"], "e is fair"),
    (checks.fair, ["f"], "from a to e"),
]
MORE_KINDS = [3, [None], lambda *given: "x", lambda *given: float("nan"),
              lambda *given: [[1.0], [2.0, 3.0]]]  # beyond those that all exercises share
WRONG += [(check, answer, "✗ ") for check in dict(RIGHT) for answer in MORE_KINDS]


test_right_answers_pass, test_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
