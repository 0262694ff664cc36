"""Checks of notebook 20: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

from itertools import combinations

import numpy as np
from exercise_cases import make_tests
from scipy import stats

from helpers.exercises import class_record as checks


def shares(gains, wrong=True):
    means = [sum(group) / 3 for group in combinations(gains, 3)]
    other = [(mean > 0) != (sum(gains) > 0) for mean in means]
    return sum(other) / len(other) if wrong else 1 - sum(other) / len(other)


def assigned(runs, seeds):
    return {name: gain for name, own in runs.items() for seed, gain in own if seed == seeds[name]}


NEEDED = next(n for n in range(2, 100) if stats.t.ppf(0.975, n - 1) * 0.8 / n**0.5 <= 0.3)
RIGHT = [(checks.wrong_share, shares), (checks.assigned_only, assigned), (checks.seeds_needed, NEEDED),
         (checks.may_merge, ["A", "d "])]
WRONG = [
    (checks.wrong_share, lambda gains: 35 * shares(gains), "divide by all groups"),
    (checks.wrong_share, lambda gains: np.mean(np.array(gains) < 0), "single values"),
    (checks.wrong_share, lambda gains: shares(gains, wrong=False), "right sign"),
    (checks.wrong_share, lambda gains: np.mean([sum(g) < 0 for g in combinations(gains, 3)]), "wrong sign is above"),
    (checks.wrong_share, lambda gains: 0.5, "every group once"),
    (checks.wrong_share, 0.2, "function itself"),
    (checks.assigned_only, lambda runs, seeds: {name: max(g for _, g in own) for name, own in runs.items()}, "seed 7"),
    (checks.assigned_only, lambda runs, seeds: {n: dict(own).get(seeds[n]) for n, own in runs.items()}, "leave him"),
    (checks.assigned_only, lambda runs, seeds: {n: g for n, g in assigned(runs, seeds).items() if g}, "Kim's gain"),
    (checks.assigned_only, lambda runs, seeds: None, "return"),
    (checks.assigned_only, {}, "function itself"),
    (checks.seeds_needed, 28, "1.96"),
    (checks.seeds_needed, NEEDED - 1, "just too few"),
    (checks.seeds_needed, 112, "on each side"),
    (checks.seeds_needed, 5, "smallest n"),
    (checks.may_merge, ["a", "c", "d"], "c: a seed"),
    (checks.may_merge, ["a", "b", "d"], "b: one seed"),
    (checks.may_merge, ["d"], "a: what would"),
    (checks.may_merge, ["a"], "d: each run"),
    (checks.may_merge, ["e"], "letters from a to d"),
]


test_right_answers_pass, test_likely_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
