"""Checks of notebook 11: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import numpy as np
import pytest
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


def never_beyond(rates, means):
    best = min(max(int(np.argmax(means)), 1), len(rates) - 2)
    return [(rates[best] * rates[best + step]) ** 0.5 for step in (-1, 1)]


def half_width(a, b):
    """By SciPy, not by the formula of the check."""
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    return (high - low) / 2


def welch(a, b):
    return 4.302653 * (np.var(a, ddof=1) / 3 + np.var(b, ddof=1) / 3) ** 0.5


def mean_of_finished(runs):
    rates = {rate for rate, _ in runs}
    return max(rates, key=lambda rate: np.mean([value for one, value in runs if one == rate and value is not None]))


def lost_runs_guess(runs):
    rates = {rate for rate, _ in runs}
    return max(rates, key=lambda rate: np.mean([0.1 if value is None else value for one, value in runs if one == rate]))


def lowest_rate(runs):
    return min(rate for rate, _ in runs)


@pytest.mark.parametrize(("check", "answer"), [
    (checks.next_rates, next_rates),
    (checks.next_rates, lambda rates, means: np.array(next_rates(rates, means))),
    (checks.paired_half_width, half_width),
    (checks.best_rate, lost_runs_guess),
    (checks.supported, ["b", "d"]),
    (checks.supported, ("D", "B")),
])
def test_right_answers_pass(check, answer, capsys):
    assert check(answer)
    assert capsys.readouterr().out == "✓\n"


@pytest.mark.parametrize(("check", "answer", "hint"), [
    (checks.next_rates, lambda rates, means: [(rates[0] + rates[1]) / 2, (rates[1] + rates[2]) / 2], "arithmetic"),
    (checks.next_rates, never_beyond, "beyond it"),
    (checks.next_rates, only_above, "below the lowest"),
    (checks.next_rates, lambda rates, means: 0.4, "two rates"),
    (checks.next_rates, [0.2, 0.8], "function itself"),
    (checks.paired_half_width, welch, "unrelated"),
    (checks.paired_half_width, lambda a, b: 1.96 * (a - b).std(ddof=1) / 3**0.5, "Student"),
    (checks.paired_half_width, lambda a, b: 4.302653 * (a - b).std() / 3**0.5, "ddof=1"),
    (checks.paired_half_width, lambda a, b: 4.302653 * (a - b).std(ddof=1), "root of three"),
    (checks.best_rate, mean_of_finished, "lucky one"),
    (checks.best_rate, lowest_rate, "by its mean"),
    (checks.best_rate, lambda runs: 0.71, "not its accuracy"),
    (checks.best_rate, lambda runs: None, "return"),
    (checks.supported, ["a", "b", "d"], "not 'equal'"),
    (checks.supported, ["b", "c", "d"], "one network"),
    (checks.supported, ["b"], "status"),
    (checks.supported, ["d"], "paired difference"),
    (checks.supported, ["e"], "from a to d"),
])
def test_mistakes_get_their_hint(check, answer, hint, capsys):
    assert not check(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("check", [checks.next_rates, checks.paired_half_width, checks.best_rate, checks.supported])
@pytest.mark.parametrize("answer", [None, "text", float("nan"), 3, [], {}, [None], lambda: 0, lambda *args: "x"])
def test_an_answer_of_the_wrong_kind_never_raises(check, answer):
    assert not check(answer)
