"""Reliability plots show their intervals, leave out bins of too few answers, and say to which side these err."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.plots import plot_calibration, plot_reliability

BINS = {"confidence": [0.2, np.nan, 0.7, 0.9], "accuracy": [0.1, np.nan, 0.6, 0.8], "count": [3, 0, 20, 77],
        "low": [0.0, np.nan, 0.4, 0.7], "high": [0.6, np.nan, 0.8, 0.9]}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def ends_of_intervals(ax):
    lines = [part for part in ax.collections if hasattr(part, "get_segments")]
    return [segment.tolist() for part in lines for segment in part.get_segments()]


@pytest.mark.parametrize("fewest, shown", [(1, [0, 2, 3]), (20, [2, 3]), (21, [3]), (0, [0, 2, 3])])
def test_bins_of_fewer_answers_are_left_out(fewest, shown):
    ax = plot_reliability(**BINS, fewest=fewest)
    expected = [[[BINS["confidence"][b], BINS["low"][b]], [BINS["confidence"][b], BINS["high"][b]]] for b in shown]
    assert ends_of_intervals(ax) == expected
    _, line = ax.lines
    assert line.get_xdata().tolist() == [BINS["confidence"][b] for b in shown]


def test_without_intervals_none_are_drawn():
    ax = plot_reliability(BINS["confidence"], BINS["accuracy"], BINS["count"])
    assert ends_of_intervals(ax) == [] and len(ax.collections) == 1


@pytest.mark.parametrize("excess, told", [(0.1, "sure"), (-0.1, "modest")])
def test_the_panels_say_which_way_the_answers_err_and_how_many_there_are(excess, told):
    _, axes = plt.subplots(2, 1)
    upper = plot_calibration(BINS | {"ece": 0.1234, "excess": excess}, axes, name="base", fewest=20)
    assert upper is axes[0] and upper.get_title() == f"base: too {told},\nECE 12.3 points"
    assert upper.get_box_aspect() == 1
    assert [end[0][0] for end in ends_of_intervals(upper)] == [0.7, 0.9]
    (stairs,) = axes[1].patches
    assert stairs.get_data().values.tolist() == BINS["count"]
    assert stairs.get_data().edges.tolist() == [0, 0.25, 0.5, 0.75, 1]
