"""The waterfall: bars that begin where the last one ended, and names that are refused."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from helpers.plots.waterfall import DOWN, UP, WHOLE, plot_waterfall

LEVELS = {"start": 10.0, "a": 14.0, "b": 12.0, "c": 18.0}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def spans(ax):
    """Row → (left end, right end, color) of each bar."""
    found = {}
    for bar in ax.patches:
        ends = sorted((bar.get_x(), bar.get_x() + bar.get_width()))
        found[round(bar.get_y() + bar.get_height() / 2)] = (*ends, to_hex(bar.get_facecolor()))
    return found


def test_each_bar_begins_where_the_last_one_ended():
    seen = spans(plot_waterfall(LEVELS, xlabel="points"))
    assert seen == {0: (0, 10, to_hex(WHOLE)), 1: (10, 14, to_hex(UP)), 2: (12, 14, to_hex(DOWN)),
                    3: (12, 18, to_hex(UP)), 4: (0, 18, to_hex(WHOLE))}


def test_rows_are_named_from_top_to_bottom():
    ax = plot_waterfall(LEVELS, ylabel="rung")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["start", "a", "b", "c", "in all"]
    bottom, top = ax.get_ylim()
    assert bottom > top and ax.get_ylabel() == "rung"


def test_on_a_logarithmic_axis_equal_factors_have_equal_lengths():
    ax = plot_waterfall({"start": 1.0, "a": 10.0, "b": 100.0}, logx=True)
    ax.figure.canvas.draw()
    ends = [ax.transData.transform((x, 0))[0] for x in (1, 10, 100)]
    assert ends[1] - ends[0] == pytest.approx(ends[2] - ends[1])
    assert min(left for left, _, _ in spans(ax).values()) > 0


def test_the_longest_bar_leaves_room_for_its_note_and_the_whole_bars_begin_at_the_left_edge():
    for logx in (False, True):
        ax = plot_waterfall({"start": 1.0, "a": 30.0, "b": 20.0}, notes={"a": "x 30"}, logx=logx)
        left, right = ax.get_xlim()
        assert right > 1.1 * 30 and left == min(first for first, _, _ in spans(ax).values())


def test_an_interval_of_a_difference_is_drawn_around_the_end_of_its_bar():
    ax = plot_waterfall(LEVELS, intervals={"b": (-3.0, -0.5)})
    (bars,) = [part for container in ax.containers if hasattr(container, "has_xerr")
               for part in container.lines[2]]
    (segment,) = bars.get_segments()
    assert segment[:, 0].tolist() == [14 - 3.0, 14 - 0.5] and set(segment[:, 1]) == {2}


def test_several_changes_at_once_are_hatched_and_explained():
    ax = plot_waterfall(LEVELS, several=("c",), notes={"a": "+4 $"})
    assert [bool(bar.get_hatch()) for bar in ax.patches] == [False, False, False, False, True]
    assert "several things changed at once" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert [text.get_text() for text in ax.texts] == [r"+4 \$"]
    risen = plot_waterfall({"start": 1.0, "a": 2.0})
    assert [text.get_text() for text in risen.get_legend().get_texts()] == ["more"]


@pytest.mark.parametrize("levels, options, message", [
    ({"start": 1.0}, {}, "at least one change"),
    ({"start": 1.0, "a": float("nan")}, {}, "finite"),
    ({"start": 1.0, "a": 0.0}, {"logx": True}, "positive"),
    (LEVELS, {"several": ("d",)}, r"\['d'\] are no changes: choose from \['a', 'b', 'c'\]"),
    (LEVELS, {"notes": {"start": "x"}}, "no changes"),
])
def test_what_cannot_be_drawn_is_refused(levels, options, message):
    with pytest.raises(ValueError, match=message):
        plot_waterfall(levels, **options)
