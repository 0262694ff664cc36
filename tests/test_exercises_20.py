"""Checks of notebook 20: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

from itertools import combinations

import numpy as np
from exercise_cases import make_tests
from scipy import stats

from helpers.exercises import class_record as checks


def triples(gains):
    """Of every group of three: its mean, and both ends of scipy's own interval."""
    for group in combinations(gains, 3):
        ends = stats.ttest_1samp(group, 0).confidence_interval(0.95)
        yield sum(group) / 3, ends.low, ends.high


def wrong_claims(gains):
    above = sum(gains) > 0
    return np.mean([high < 0 if above else low > 0 for _, low, high in triples(gains)])


def share(condition):
    return lambda gains: np.mean([condition(*one) for one in triples(gains)])


def assigned(runs, seeds):
    return {name: gain for name, own in runs.items() for seed, gain in own if seed == seeds[name]}


NEEDED = next(n for n in range(2, 100) if stats.t.ppf(0.975, n - 1) * 0.8 / n**0.5 <= 0.3)
RIGHT = [(checks.wrong_claims, wrong_claims), (checks.assigned_only, assigned), (checks.seeds_needed, NEEDED),
         (checks.may_count, ["A", "d "])]
WRONG = [
    (checks.wrong_claims, lambda gains: 84 * wrong_claims(gains), "divide by all groups"),
    (checks.wrong_claims, share(lambda mean, low, high: mean < 0), "means with the wrong sign"),
    (checks.wrong_claims, share(lambda mean, low, high: low > 0), "on the right side"),
    (checks.wrong_claims, share(lambda mean, low, high: low > 0 or high < 0), "either side"),
    (checks.wrong_claims, share(lambda mean, low, high: low < 0), "one end"),
    (checks.wrong_claims, share(lambda mean, low, high: high < 0), "wrong side is above"),
    (checks.wrong_claims, lambda gains: 0.5, "every group once"),
    (checks.wrong_claims, 0.2, "function itself"),
    (checks.assigned_only, lambda runs, seeds: {name: max(g for _, g in own) for name, own in runs.items()}, "seed 7"),
    (checks.assigned_only, lambda runs, seeds: {n: dict(own).get(seeds[n]) for n, own in runs.items()}, "leave him"),
    (checks.assigned_only, lambda runs, seeds: {n: g for n, g in assigned(runs, seeds).items() if g}, "Kim's gain"),
    (checks.assigned_only, lambda runs, seeds: {n: dict(own)[seeds[n]] for n, own in runs.items()}, "leave him"),
    (checks.assigned_only, lambda runs, seeds: None, "return"),
    (checks.assigned_only, {}, "function itself"),
    (checks.seeds_needed, 28, "1.96"),
    (checks.seeds_needed, NEEDED - 1, "just too few"),
    (checks.seeds_needed, 112, "on each side"),
    (checks.seeds_needed, 5, "smallest n"),
    (checks.may_count, ["a", "c", "d"], "c: a seed"),
    (checks.may_count, ["a", "b", "d"], "b: one seed"),
    (checks.may_count, ["d"], "a: what would"),
    (checks.may_count, ["a"], "d: each run"),
    (checks.may_count, ["e"], "letters from a to d"),
]


test_right_answers_pass, test_likely_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
