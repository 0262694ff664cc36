"""Reliability plots show their intervals, leave out bins of too few answers, and say to which side these err."""

import figure_judge
import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.plots import caption, plot_calibration, plot_reliability, use_style

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
    ax = plot_reliability(BINS, fewest=fewest)
    expected = [[[BINS["confidence"][b], BINS["low"][b]], [BINS["confidence"][b], BINS["high"][b]]] for b in shown]
    assert ends_of_intervals(ax) == expected
    _, line = ax.lines
    assert line.get_xdata().tolist() == [BINS["confidence"][b] for b in shown]


def test_without_intervals_none_are_drawn():
    ax = plot_reliability({part: BINS[part] for part in ("confidence", "accuracy", "count")})
    assert ends_of_intervals(ax) == [] and len(ax.collections) == 1


# Of the 100 answers in BINS 0.3 + 12 + 61.6 are right, 73.9 %.
# Two standard errors are 2 √(0.739 · 0.261 / 100) = 0.0878.
@pytest.mark.parametrize("excess, told", [
    (0.1, "too sure"), (0.0879, "too sure"), (0.0877, "about as sure as right"), (0.0, "about as sure as right"),
    (-0.0877, "about as sure as right"), (-0.0879, "too modest"), (-0.1, "too modest")])
def test_the_panels_say_which_way_the_answers_err_and_how_many_there_are(excess, told):
    _, axes = plt.subplots(2, 1)
    upper = plot_calibration(BINS | {"ece": 0.1234, "excess": excess}, axes, name="base", fewest=20)
    assert upper is axes[0] and upper.get_title() == f"base:\n{told},\nECE 12.3 points"
    assert upper.get_box_aspect() == 1
    assert [end[0][0] for end in ends_of_intervals(upper)] == [0.7, 0.9]
    (stairs,) = axes[1].patches
    assert stairs.get_data().values.tolist() == BINS["count"]
    assert stairs.get_data().edges.tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize("answers, told", [(2500, "about as sure as right"), (90_000, "too sure")])
def test_many_answers_show_what_few_cannot(answers, told):
    """Half of them are right: two standard errors are 1 / √answers, 2 points of 2,500, 0.33 of 90,000."""
    bins = {"confidence": [0.505], "accuracy": [0.5], "count": [answers], "low": [0.4], "high": [0.6], "ece": 0.005,
            "excess": 0.005}
    upper = plot_calibration(bins, plt.subplots(2, 1)[1], name="base")
    assert upper.get_title() == f"base:\n{told},\nECE 0.5 points"


def test_panels_that_share_axes_name_them_once_and_have_room_on_a_slide():
    use_style()
    figure, axes = plt.subplots(2, 4, figsize=(11, 4.6), sharex=True, sharey="row", height_ratios=(3, 1))
    for number, column in enumerate(axes.T):
        plot_calibration(BINS | {"ece": 0.1, "excess": 0.0}, column, name="smoothing", number=number)
    caption(figure, "5,000 validation images; lines: 95 % Wilson; bins under 20 answers left out " * 2)
    named = [[ax.xaxis.label.get_visible(), ax.yaxis.label.get_visible()] for ax in axes.flat]
    assert named == [[False, True], [False, False], [False, False], [False, False],
                     [True, True], [True, False], [True, False], [True, False]]
    assert figure_judge.judge(figure) == []
