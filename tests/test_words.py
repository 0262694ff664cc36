"""Phrases of alt texts, against sentences written by hand."""

import pandas as pd
import pytest

from helpers.analysis import Difference, difference
from helpers.plots import spoken


def test_each_name_is_followed_by_its_values():
    assert spoken("{:.1%}", {"cat": 0.8621, "ship": 0.95}) == "cat 86.2%; ship 95.0%"
    assert spoken("{:.2g}", {"cat": 0.5}, between=", ") == "cat 0.5"
    assert spoken("{:.1%}", {}) == ""


def test_the_first_column_gives_names_and_order():
    ranked = pd.Series({"b": 2.0, "a": 1.0})
    later = {"a": 10, "b": 20, "c": 30}
    assert spoken("{:.0f}, then {:d}", ranked, later) == "b 2, then 20; a 1, then 10"


def test_lists_are_told_one_by_one():
    assert spoken("{:+.1f}", {"cat": [0.5, -1.25], "ship": [2.0]}) == "cat +0.5, -1.2; ship +2.0"
    assert spoken("{} of {}", {"cat": [1, 2]}, {"cat": [3, 4]}) == "cat 1 of 3, 2 of 4"
    assert spoken("{0[0]}", {"cat": (1, 2)}) == "cat 1"  # a tuple stays whole


def test_a_name_that_a_column_lacks_is_told():
    with pytest.raises(ValueError, match="no value for 'b'"):
        spoken("{} {}", {"a": 1, "b": 2}, {"a": 1})


def runs(change: float, metric: str) -> dict:
    """Two settings with three seeds each, `change` apart in the mean."""
    values = {0.1: [0.50, 0.60, 0.70], 0.2: [0.51, 0.62, 0.73]}
    return {"config": {"max_lr": 0.1}, "runs": [
        {"seed": seed, "changes": {"max_lr": rate}, "status": "finished", "final": {metric: value * change}}
        for rate, several in values.items() for seed, value in enumerate(several)]}


def test_points_of_a_difference_are_a_hundred_times_the_share():
    one = difference(runs(1.0, "val_accuracy"), {"max_lr": 0.2}, {"max_lr": 0.1})
    assert spoken("{.points.mean:+.1f}", {"rate 0.2": one}) == "rate 0.2 +2.0"
    half = 4.302653 * 0.01 / 3**0.5 * 100  # t quantile of two degrees of freedom, of a table
    assert one.points.low == pytest.approx(2 - half, abs=1e-4) and one.points.n == 3


@pytest.mark.parametrize(("low", "high", "misses"), [
    (0.1, 0.3, True), (-0.3, -0.1, True), (-0.1, 0.3, False), (0.0, 0.3, False), (float("nan"), float("nan"), False)])
def test_an_interval_misses_zero_with_both_ends_on_one_side(low, high, misses):
    assert Difference((low + high) / 2, low, high, 0.01, (0, 1, 2), (0.0, 0.1, 0.2), 0).misses_zero is misses


def test_a_loss_has_no_points():
    with pytest.raises(ValueError, match="val_loss"):
        _ = difference(runs(1.0, "val_loss"), {"max_lr": 0.2}, {"max_lr": 0.1}, "val_loss").points
