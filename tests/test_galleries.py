"""Pictures and maps side by side: what stands where, and that all share one scale."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

matplotlib.use("Agg")

from helpers.plots import plot_before_after, plot_maps, use_style  # noqa: E402

PICTURES = np.zeros((3, 3, 8, 8), np.uint8)


@pytest.fixture(autouse=True)
def clean():
    use_style()
    yield
    plt.close("all")


def test_columns_are_named_above_the_first_row_alone():
    figure = plot_before_after({"before": PICTURES, "after": PICTURES}, columns=["a", "", "c$"])
    assert [ax.get_title() for ax in figure.axes] == ["a", "", r"c\$", "", "", ""]


def test_a_name_for_each_column_is_needed():
    with pytest.raises(ValueError, match="2 names of columns for rows of 3 images"):
        plot_before_after({"before": PICTURES}, columns=["a", "b"])
    assert not plt.get_fignums(), "refused before anything is drawn"


def colors(ax):
    """The picture of an axes in red, green, blue and opacity, as it is drawn."""
    picture = ax.images[0]
    return picture.to_rgba(picture.get_array())


def test_equal_values_have_one_color_in_all_maps():
    maps = {"small": [[1.0, 2.0]], "large": [[2.0, 8.0]], "square": [[8.0], [1.0]]}
    small, large, square, bar = plot_maps(maps, label="counts").axes
    assert [ax.get_title() for ax in (small, large, square)] == list(maps)
    assert bar.get_ylabel() == "counts"
    assert (colors(small)[0, 1] == colors(large)[0, 0]).all()
    assert (colors(large)[0, 1] == colors(square)[0, 0]).all()
    assert (colors(small)[0, 0] != colors(small)[0, 1]).any()


@pytest.mark.parametrize(("limits", "expected"), [(None, (2, 6)), ((0, 9), (0, 9))])
def test_the_scale_goes_over_all_maps_but_for_their_zeros(limits, expected):
    figure = plot_maps({"a": [[0, 2]], "b": [[6, np.nan]]}, label="", limits=limits)
    assert {ax.images[0].get_clim() for ax in figure.axes[:2]} == {expected}


def test_zeros_and_nan_are_drawn_in_no_color():
    ax = plot_maps({"a": [[0, 1], [np.nan, 2]]}, label="").axes[0]
    assert colors(ax)[..., 3].tolist() == [[0, 1], [0, 1]]


def test_maps_fill_rows_and_leave_the_last_places_empty():
    figure = plot_maps({number: [[1, 2]] for number in range(1, 6)}, label="", columns=3)
    first, *_, last, empty, _ = figure.axes
    assert first.get_subplotspec().get_gridspec().get_geometry() == (2, 3)
    assert last.get_title() == "5" and last.axison and not empty.axison


def test_no_maps_are_refused():
    with pytest.raises(ValueError, match="maps is empty"):
        plot_maps({}, label="")
