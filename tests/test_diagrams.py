"""A slope chart shows each place and value, a drawing one box per part; both only draw on the axes they are given."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from helpers.plots.diagrams import FALLS, RISES, SAME, Part, places, plot_network, plot_slopes  # noqa: E402

NAMES = ["steady", "faller", "riser"]
LEFT = [(0.9, 0.8, 1.0), (0.7, 0.6, 0.8), (0.5, 0.4, 0.6)]
RIGHT = [(0.9, 0.85, 0.95), (0.4, 0.3, 0.5), (0.6, np.nan, np.nan)]
PARTS = [Part("image", 3, 32), Part("prep", 64, 32), Part("block", 64, 16, skip=True)]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def slopes(ax=None, right=RIGHT, **options):
    return plot_slopes(NAMES, LEFT, right, ends=("before", "after"), ax=ax, ylabel="accuracy", **options)


def test_places():
    assert places([0.2, 0.9, 0.5]) == [3, 1, 2]
    assert places([0.5, 0.5]) == [1, 2]


def test_each_line_runs_from_left_to_right_in_the_color_of_its_change():
    ax = slopes()
    lines = {line.get_color(): line.get_ydata().tolist() for line in ax.lines if len(line.get_xdata()) == 2
             and line.get_linestyle() in ("-", "--") and list(line.get_xdata()) == [0, 1]}
    assert lines == {SAME: [0.9, 0.9], FALLS: [0.7, 0.4], RISES: [0.5, 0.6]}
    assert [text.get_text() for text in ax.texts] == ["1 → 1  steady", "2 → 3  faller", "3 → 2  riser"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["before", "after"]


@pytest.mark.parametrize("chance", [None, 0.1])
def test_labels_of_close_values_do_not_overlap_and_keep_their_order(chance):
    ax = slopes(right=[(0.9, 0.9, 0.9), (0.601, 0.6, 0.6), (0.6, 0.6, 0.6)], chance=chance)
    ax.figure.canvas.draw()
    extents = {text.get_text(): Text.get_window_extent(text) for text in ax.texts}  # without the line to the point
    boxes = sorted((box.y0, box.y1, words) for words, box in extents.items())
    assert [words.split()[-1] for _, _, words in boxes] == ["riser", "faller", "steady"]
    assert boxes[0][1] <= boxes[1][0]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="3 names, 3 left and 2 right"):
        slopes(right=RIGHT[:2])


def test_a_network_has_a_box_per_part_and_says_each_shape():
    ax = plot_network(PARTS, title="three parts")
    boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    heights = [box.get_height() for box in boxes]
    assert len(boxes) == 3 and heights[0] == heights[1] > heights[2]
    assert boxes[1].get_width() > boxes[0].get_width()
    said = " ".join(text.get_text() for text in ax.texts)
    assert all(words in said for words in ("image", "block", "64\n× 16 × 16"))
    assert len(ax.lines) == 1  # one way around, for the one block
    assert boxes[2].get_facecolor() != boxes[1].get_facecolor()


def test_a_part_is_said_on_one_line():
    assert str(Part("layer1\nblock", 128, 16, skip=True)) == "layer1 block 128 × 16 × 16"


def test_the_way_around_does_not_cross_its_box():
    ax = plot_network(PARTS)
    box = [patch for patch in ax.patches if isinstance(patch, Rectangle)][2]
    (way,) = ax.lines
    assert way.get_ydata().max() > box.get_y() + box.get_height()
    assert way.get_xdata()[0] < box.get_x() and way.get_xdata()[-1] > box.get_x() + box.get_width()


@pytest.mark.parametrize("draw", [slopes, lambda ax: plot_network(PARTS, ax=ax)])
def test_they_draw_on_the_axes_they_are_given(draw):
    _, ax = plt.subplots()
    assert draw(ax) is ax
