"""Figures of sweeps: nothing touches the frame, shared axes stay the right way up, numbers can be read."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

matplotlib.use("Agg")

from helpers.analysis.statistics import Difference  # noqa: E402
from helpers.plots import plot_confusion, plot_differences, plot_matrix, use_style  # noqa: E402

GAIN = Difference(0.02, 0.01, 0.03, 0.01, (0, 1, 2), (0.01, 0.02, 0.03), 0)


@pytest.fixture(autouse=True)
def clean():
    use_style()
    yield
    plt.close("all")


def heights(ax, rows):
    """How high each row lies in its axes, from 0, the lower edge, to 1: as drawn."""
    ax.figure.canvas.draw()
    pixels = ax.transData.transform([(0, row) for row in range(rows)])
    return ax.transAxes.inverted().transform(pixels)[:, 1]


@pytest.mark.parametrize("rows", [1, 2, 6, 17])
def test_rows_of_differences_stand_inside_the_frame_the_first_on_top(rows):
    drawn = heights(plot_differences([f"row {i}" for i in range(rows)], [GAIN] * rows), rows)
    gap = 1 / rows  # from row to row; half of it is free above the first and below the last
    assert drawn == pytest.approx(1 - gap * (np.arange(rows) + 0.5))


@pytest.mark.parametrize("panels", [2, 3])
def test_panels_that_share_their_rows_stay_the_right_way_up(panels):
    _, axes = plt.subplots(1, panels, sharey=True)
    for ax in axes:
        plot_differences(["upper", "lower"], [GAIN, GAIN], ax=ax)
    for ax in axes:
        upper, lower = heights(ax, 2)
        assert 0 < lower < upper < 1


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (8, 3), (5, 6)])
def test_the_numbers_of_a_small_matrix_have_the_size_of_text(rows, columns):
    ax = plot_matrix(np.full((rows, columns), 55.5), range(rows), range(columns), fmt="{:.1f}", limits=(0, 100))
    assert {text.get_fontsize() for text in ax.texts} == {plt.rcParams["font.size"]}
    assert_numbers_fit(ax)


def test_the_numbers_of_a_large_matrix_still_fit_their_cells():
    assert_numbers_fit(plot_confusion(np.full((10, 10), 123), "abcdefghij"))


def assert_numbers_fit(ax):
    ax.figure.canvas.draw()
    cell = np.diff(ax.transData.transform([(0, 0), (1, 1)]), axis=0)[0]
    for text in ax.texts:
        box = text.get_window_extent()
        assert box.width < abs(cell[0]) and box.height < abs(cell[1])


@pytest.mark.parametrize(("asked", "drawn"), [({}, 2), ({"colorbar": False}, 1)])
def test_heatmaps_that_share_a_color_bar_are_drawn_without_their_own(asked, drawn):
    ax = plot_matrix([[0.2, 0.4]], ["row"], "ab", **asked)
    assert len(ax.figure.axes) == drawn


def test_a_color_bar_says_what_its_colors_are():
    ax = plot_matrix([[20, 40]], ["row"], "ab", bar_label="price, $")
    assert ax.figure.axes[1].get_ylabel() == r"price, \$"


def test_rows_of_differences_are_of_what_the_notebook_says():
    assert plot_differences(["row"], [GAIN]).get_ylabel() == "change"
    assert plot_differences(["row"], [GAIN], ylabel="optimizer").get_ylabel() == "optimizer"
