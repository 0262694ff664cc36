"""Checks of notebook 11: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import math
from itertools import pairwise

import numpy as np
from exercise_cases import make_tests
from scipy import stats

from helpers.exercises import learning_rate_exploration as checks


def next_rates(rates, means):
    best, factor = int(np.argmax(means)), rates[1] / rates[0]
    if best == 0:
        return [rates[0] / factor**2, rates[0] / factor]
    if best == len(rates) - 1:
        return [rates[-1] * factor, rates[-1] * factor**2]
    return [(rates[best] * rates[best + step]) ** 0.5 for step in (-1, 1)]


def only_above(rates, means):
    best = int(np.argmax(means))
    return [rates[0], rates[0]] if best == 0 else next_rates(rates, means)


def only_below(rates, means):
    best = int(np.argmax(means))
    return [rates[-1], rates[-1]] if best == len(rates) - 1 else next_rates(rates, means)


def larger_first_beyond(rates, means):
    best = int(np.argmax(means))
    return next_rates(rates, means)[::-1 if best in (0, len(rates) - 1) else 1]


def forgets_the_edge(rates, means):
    """At the upper edge an IndexError, at the lower one the last rate for a neighbor."""
    best = int(np.argmax(means))
    return [(rates[best] * rates[best + step]) ** 0.5 for step in (-1, 1)]


def never_beyond(rates, means):
    best = min(max(int(np.argmax(means)), 1), len(rates) - 2)
    return [(rates[best] * rates[best + step]) ** 0.5 for step in (-1, 1)]


def half_width(a, b):
    """By SciPy, not by the formula of the check."""
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    return (high - low) / 2


def welch(a, b):
    return 4.302653 * (np.var(a, ddof=1) / 3 + np.var(b, ddof=1) / 3) ** 0.5


def best_by(runs, of_values):
    rates = {rate for rate, _ in runs}
    return max(rates, key=lambda rate: of_values([value for one, value in runs if one == rate]))


def lost_runs_count(lost, of_values=np.mean):
    """A best_rate in which a diverged run has the accuracy `lost`."""
    return lambda runs: best_by(runs, lambda values: of_values([lost if value is None else value for value in values]))


def mean_of_finished(runs):
    return best_by(runs, lambda values: np.mean([value for value in values if value is not None]))


def best_finished(runs):
    return best_by(runs, lambda values: max(value for value in values if value is not None))


def only_whole_rates(runs):
    return best_by(runs, lambda values: -1 if None in values else np.mean(values))


def lowest_rate(runs):
    return min(rate for rate, _ in runs)


def highest_rate(runs):
    return max(rate for rate, _ in runs)


def by_hand(reading, rates, accuracies):
    """The height at one reading: the straight line between its neighbors on a logarithmic axis, without NumPy's."""
    for (left, low), (right, high) in pairwise(zip(rates, accuracies, strict=True)):
        if left <= reading <= right:
            return low + (high - low) * math.log(reading / left) / math.log(right / left)


def judge(readings, rates, accuracies):
    ordered = sorted(readings)
    return ordered[-1] / ordered[0], sum(by_hand(one, rates, accuracies) for one in readings) / len(readings)


def judge_with(scatter=None, height=None):
    """A judge_rule with one of its two numbers computed in another way."""
    def judged(readings, rates, accuracies):
        right = judge(readings, rates, accuracies)
        return (scatter(readings) if scatter else right[0],
                height(np.array(readings), rates, accuracies) if height else right[1])
    return judged


def on_one_grid(rates, means):
    """Right for 0.1, 0.4, 1.6 alone: the factor 4 and the middle place are written as numbers."""
    best = int(np.argmax(means))
    if best == 0:
        return [rates[0] / 16, rates[0] / 4]
    if best == len(rates) - 1:
        return [4 * rates[-1], 16 * rates[-1]]
    return [(rates[0] * rates[1]) ** 0.5, (rates[1] * rates[2]) ** 0.5]


RIGHT = [
    (checks.next_rates, next_rates),
    (checks.next_rates, lambda rates, means: np.array(next_rates(rates, means))),
    (checks.paired_half_width, half_width),
    (checks.best_rate, lost_runs_count(0.1)),
    (checks.judge_rule, judge),
    (checks.judge_rule, lambda *given: np.round(judge(*given), 4)),
    (checks.supported, ["b", "d"]),
    (checks.supported, ("D", "B")),
]
WRONG = [
    (checks.next_rates, lambda rates, means: [(rates[0] + rates[1]) / 2, (rates[1] + rates[2]) / 2], "arithmetic"),
    (checks.next_rates, never_beyond, "beyond it"),
    (checks.next_rates, forgets_the_edge, "one neighbor only"),
    (checks.next_rates, only_above, "below it"),
    (checks.next_rates, only_below, "above it"),
    (checks.next_rates, lambda rates, means: next_rates(rates, means)[::-1], "smaller first"),
    (checks.next_rates, larger_first_beyond, "smaller first"),
    (checks.next_rates, on_one_grid, "the factor is 2"),
    (checks.next_rates, lambda rates, means: 0.4, "two rates"),
    (checks.next_rates, [0.2, 0.8], "function itself"),
    (checks.paired_half_width, lambda a, b: 2 * half_width(a, b), "full width"),
    (checks.paired_half_width, welch, "unrelated"),
    (checks.paired_half_width, lambda a, b: 4.302653 * np.ptp(a - b) / 2 / 3**0.5, "standard deviation"),
    (checks.paired_half_width, lambda a, b: 1.96 * (a - b).std(ddof=1) / 3**0.5, "Student"),
    (checks.paired_half_width, lambda a, b: 4.302653 * (a - b).std() / 3**0.5, "ddof=1"),
    (checks.paired_half_width, lambda a, b: 4.302653 * (a - b).std(ddof=1), "root of three"),
    (checks.best_rate, mean_of_finished, "lucky one"),
    (checks.best_rate, best_finished, "best run"),
    (checks.best_rate, only_whole_rates, "is not out"),
    (checks.best_rate, lost_runs_count(0.0), "not 0"),
    (checks.best_rate, lost_runs_count(0.1, np.median), "median"),
    (checks.best_rate, lowest_rate, "0.600 at 0.4 and 0.693 at 1.6"),
    (checks.best_rate, highest_rate, "0.710 at 0.4 and 0.330 at 3.2"),
    (checks.best_rate, lambda runs: 0.71, "not its accuracy"),
    (checks.best_rate, lambda runs: None, "return"),
    (checks.judge_rule, lambda *given: judge(*given)[::-1], "comes first"),
    (checks.judge_rule, lambda *given: judge(*given)[0], "two numbers"),
    (checks.judge_rule, judge_with(scatter=lambda readings: max(readings) - min(readings)), "difference"),
    (checks.judge_rule, judge_with(scatter=lambda readings: min(readings) / max(readings)), "other way round"),
    (checks.judge_rule, judge_with(scatter=lambda readings: readings[0] / readings[-1]), "in no order"),
    (checks.judge_rule, judge_with(scatter=np.std), "by what factor"),
    (checks.judge_rule, judge_with(height=lambda *given: np.interp(*given).mean()), "logarithm"),
    (checks.judge_rule, judge_with(height=lambda x, rates, y: by_hand(x.mean(), rates, y)), "mean reading"),
    (checks.judge_rule, judge_with(height=lambda x, rates, y: by_hand(stats.gmean(x), rates, y)), "mean reading"),
    (checks.judge_rule, judge_with(height=lambda x, rates, y: min(by_hand(one, rates, y) for one in x)), "worst"),
    (checks.judge_rule, judge_with(height=lambda x, rates, y: np.mean(y)), "looks up each"),
    (checks.supported, ["a", "b", "d"], "not 'equal'"),
    (checks.supported, ["b", "d", "e"], "interval"),
    (checks.supported, ["b", "c", "d"], "one network"),
    (checks.supported, ["b"], "status"),
    (checks.supported, ["d"], "paired difference"),
    (checks.supported, ["f"], "from a to e"),
]
MORE_KINDS = [3, [None], lambda *given: "x"]  # beyond those that all exercises share
WRONG += [(check, answer, "✗ ") for check in dict(RIGHT) for answer in MORE_KINDS]


test_right_answers_pass, test_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
