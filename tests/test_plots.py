"""Plots return axes and neither show, save nor print; figures are saved with alt text, the same bytes each time."""

import html
import os
import re

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pytest  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402

from helpers.analysis.statistics import Difference, mean_interval  # noqa: E402
from helpers.plots import curves, grids, images, sweeps  # noqa: E402
from helpers.plots.captions import caption  # noqa: E402
from helpers.plots.export import save_figure  # noqa: E402
from helpers.plots.style import stamp, use_style  # noqa: E402

ROWS = [{"epoch": e, "train_loss": 1 / e, "val_loss": 1.2 / e, "train_accuracy": 0.5, "val_accuracy": 0.4}
        for e in (1, 2)]
PICTURES = np.random.default_rng(0).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
GAIN = Difference(0.02, 0.01, 0.03, 0.01, (0, 1, 2), (0.01, 0.02, 0.03), 0)
UNKNOWN = Difference(0.05, np.nan, np.nan, np.nan, (0,), (0.05,), 0)
BINS = {"confidence": [0.2, np.nan, 0.9], "accuracy": [0.1, np.nan, 0.7], "count": [5, 0, 9]}
ONE_BIN = {"confidence": [0.5], "accuracy": [0.5], "count": [3]}
PLOTS = {
    "history": lambda ax: curves.plot_history(ROWS, "accuracy", ax=ax, reference_rows=ROWS),
    "lines": lambda ax: curves.plot_lines({"a": ([1, 2], [3, 4]), "b": ([1], [4])}, ax=ax, xlabel="x", ylabel="y"),
    "schedule": lambda ax: curves.plot_schedule([1, 2, 1], [0.9, 0.8, 0.9], ax=ax),
    "range test": lambda ax: curves.plot_range_test([0.1, 1, 10], [2, 1, 3], {"steepest": 0.5}, ax=ax),
    "histogram": lambda ax: curves.plot_histogram(np.ones((3, 4)), np.arange(5), ax=ax),
    "bars": lambda ax: curves.plot_bars(["a", "b"], [1, 2], low=[0, 1], high=[2, 3], ax=ax, xlabel="x", ylabel="y"),
    "reliability": lambda ax: curves.plot_reliability(BINS, ax=ax),
    "tradeoff": lambda ax: curves.plot_tradeoff(["a", "b"], [1, 10], [0.8, 0.9], low=[0.7, 0.85], high=[0.82, 0.95],
                                                ax=ax, xlabel="x", ylabel="y"),
    "bands": lambda ax: sweeps.plot_bands({"a": ([1, 2], [[3, 4], [4, 6]])}, ax=ax, xlabel="x", ylabel="y"),
    "hill": lambda ax: sweeps.plot_hill({"a": ([1, 10], [mean_interval([1, 2, 4]), mean_interval([3])],
                                               [[1, 2, 4], [3]])}, ax=ax, xlabel="x", ylabel="y"),
    "differences": lambda ax: sweeps.plot_differences(["a", "b"], [GAIN, UNKNOWN], ax=ax),
    "confusion": lambda ax: grids.plot_confusion(np.arange(9).reshape(3, 3), "abc", ax=ax),
}


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    monkeypatch.delenv("CIFAR_PROFILE", raising=False)
    use_style()
    yield
    plt.close("all")


@pytest.mark.parametrize("name", PLOTS)
def test_plots_draw_on_the_axes_they_are_given(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plt, "show", lambda: pytest.fail("plots never show"))
    _, ax = plt.subplots()
    assert PLOTS[name](ax) is ax and capsys.readouterr().out == ""
    first = save_figure(ax, "a", alt="a figure", folder=tmp_path).read_bytes()
    plt.close("all")
    _, again = plt.subplots()
    assert save_figure(PLOTS[name](again), "b", alt="a figure", folder=tmp_path).read_bytes() == first
    assert (tmp_path / "a.txt").read_text() == "a figure\n"


def test_galleries():
    figure = images.plot_predictions(PICTURES, [0] * 6, [1] * 6, [0.5] * 6, ("cat", "dog"))
    assert figure.axes[0].get_title() == "cat\n→ dog (50%)"
    grid = images.plot_class_grid(PICTURES, [0, 1, 0, 1, 0, 1], ("cat", "dog"), per_class=3)
    shown = [np.moveaxis(ax.images[0].get_array(), -1, 0) for ax in grid.axes[:3]]
    assert all(np.array_equal(a, b) for a, b in zip(shown, PICTURES[::2], strict=True))


def test_saving_refuses_what_nobody_could_read(tmp_path):
    _, ax = plt.subplots()
    ax.plot([1, 2])
    with pytest.raises(ValueError, match="no axis labels"):
        save_figure(ax, "a", alt="a line", folder=tmp_path)
    ax.set(xlabel="x", ylabel="y")
    with pytest.raises(ValueError, match="alt text is empty"):
        save_figure(ax, "a", alt=" ", folder=tmp_path)
    caption(ax, "n = 1")
    kinds = ("png", "svg", "pdf")
    save_figure(ax, "a", alt="a line", folder=tmp_path, formats=kinds)
    assert {p.suffix for p in tmp_path.iterdir()} == {".png", ".svg", ".pdf", ".txt"}


def test_smoke_figures_are_stamped(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    _, ax = plt.subplots()
    ax.set(xlabel="x", ylabel="y")
    save_figure(ax, "a", alt="empty", folder=tmp_path)
    assert any("not CIFAR" in text.get_text() for text in ax.figure.texts)


def test_a_figure_that_is_saved_twice_is_stamped_once(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")
    ax = PLOTS["lines"](None)
    first, second = (save_figure(ax, name, alt="lines", folder=tmp_path).read_bytes() for name in "ab")
    assert first == second and sum("not CIFAR" in text.get_text() for text in ax.figure.texts) == 1


def test_bars_of_one_name_have_a_row_each():
    ax = curves.plot_bars(["a", "a", "b"], [1, 2, 3], xlabel="x", ylabel="y")
    assert [bar.get_y() + bar.get_height() / 2 for bar in ax.patches] == pytest.approx([0, 1, 2])
    assert [bar.get_width() for bar in ax.patches] == [1, 2, 3]
    assert ax.get_yticks().tolist() == [0, 1, 2]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "a", "b"]


def test_dots_stand_where_bars_end_and_their_axis_need_not_begin_at_zero():
    names, values, low, high = ["ship", "cat"], [0.97, 0.9], [0.96, 0.88], [0.98, 0.92]
    ax = curves.plot_bars(names, values, low=low, high=high, dots=True, xlabel="accuracy", ylabel="class")
    (whiskers,) = (part for part in ax.collections if hasattr(part, "get_segments"))
    assert np.allclose(whiskers.get_segments(), [[[0.96, 0], [0.98, 0]], [[0.88, 1], [0.92, 1]]])
    assert ax.lines[0].get_xydata().tolist() == [[0.97, 0], [0.9, 1]] and not ax.patches
    assert [label.get_text() for label in ax.get_yticklabels()] == names and ax.yaxis_inverted()
    assert ax.get_xlim()[0] > 0.8


def test_a_line_with_ends_lies_in_a_band_of_its_color():
    series = {"bare": ([0, 1], [5, 5]), "judged": ([0, 1], [0.5, 0.7], [0.4, 0.6], [0.55, 0.9])}
    ax = curves.plot_lines(series, xlabel="x", ylabel="y")
    (band,) = ax.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
    assert corners == {(0, 0.4), (0, 0.55), (1, 0.6), (1, 0.9)}
    assert to_rgb(band.get_facecolor()[0]) == to_rgb(ax.lines[1].get_color())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["bare", "judged"]


def test_the_diagonal_of_a_confusion_matrix_is_crossed_out_not_counted():
    ax = grids.plot_confusion([[90, 4], [7, 99]], ["cat", "dog"])
    (crosses,) = ax.lines
    assert crosses.get_xydata().tolist() == [[0, 0], [1, 1]] and crosses.get_marker() == "x"
    assert [text.get_text() for text in ax.texts] == ["4", "7"]


def test_more_series_than_colors_begin_with_the_first_color_again():
    ax = curves.plot_range_test([1, 2, 3], [3, 2, 3], {f"rule {number}": 1 + number / 10 for number in range(9)})
    marks = ax.lines[1:]
    assert len(marks) == 9 and marks[8].get_color() == marks[0].get_color() != marks[1].get_color()
    again, first = (curves.plot_reliability(ONE_BIN, number=number).lines[1] for number in (8, 0))
    assert again.get_color() == first.get_color()


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match="not normalized"):
        images.show_images(PICTURES.astype(float))
    with pytest.raises(ValueError, match="does not fit"):
        grids.plot_matrix(np.ones((2, 2)), "ab", "abc")
    with pytest.raises(ValueError, match="bins"):
        curves.plot_histogram(np.ones((3, 4)), np.arange(4))
    with pytest.raises(ValueError, match="choose"):
        curves.plot_history(ROWS, "speed")
    with pytest.raises(ValueError, match=r"label_rows \(6, 2\) do not fit 6 images and 3 classes"):
        images.plot_label_bars(PICTURES, np.ones((6, 2)), "abc")


def test_reliability_shows_the_filled_bins_by_size_beside_one_diagonal():
    _, ax = plt.subplots()
    bins = {"confidence": [0.3, np.nan, 0.8], "accuracy": [0.1, np.nan, 0.6], "count": [10, 0, 30]}
    for number, name in enumerate(("plain", "scaled")):
        curves.plot_reliability(bins, ax=ax, label=name, number=number)
    diagonal, *lines = ax.lines
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]] and len(lines) == 2
    for line, dots in zip(lines, ax.collections, strict=True):
        assert line.get_xydata().tolist() == [[0.3, 0.1], [0.8, 0.6]] == dots.get_offsets().tolist()
        small, large = dots.get_sizes() - 10  # above a smallest size that can still be seen
        assert large == pytest.approx(3 * small)
    assert lines[0].get_color() != lines[1].get_color()
    shapes = [dots.get_paths()[0].vertices for dots in ax.collections]
    assert shapes[0].shape != shapes[1].shape  # told apart without color too
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["as sure as right", "plain", "scaled"]


def test_tradeoff_puts_each_model_where_its_numbers_are():
    names, cost, value = list("abcdefghij"), 10.0 ** np.arange(10), np.linspace(0.5, 0.95, 10)
    ax = curves.plot_tradeoff(names, cost, value, low=value - 0.1, high=value + 0.02, xlabel="x", ylabel="y")
    looks = set()
    for i, container in enumerate(ax.containers):
        point, _, (bar,) = container
        assert point.get_xydata().tolist() == [[cost[i], value[i]]] and container.get_label() == names[i]
        assert bar.get_segments()[0][:, 1].tolist() == pytest.approx([value[i] - 0.1, value[i] + 0.02])
        looks.add((point.get_marker(), point.get_color()))
    assert len(ax.containers) == 10 and len(looks) >= 8 and ax.get_xscale() == "log"
    straight = curves.plot_tradeoff(["a"], [0], [1], logx=False, xlabel="x", ylabel="y")
    assert straight.get_xscale() == "linear" and straight is not ax


def test_tradeoff_takes_the_columns_of_a_table():
    table = pd.DataFrame({"cost": [1.0, 2.0], "value": [0.5, 0.7], "low": [0.4, 0.6], "high": [0.8, 0.9]}, list("ab"))
    ax = curves.plot_tradeoff(table.index, table["cost"], table["value"], low=table["low"], high=table["high"])
    bars = [container[2][0].get_segments()[0].tolist() for container in ax.containers]
    assert np.allclose(bars, [[[1, 0.4], [1, 0.8]], [[2, 0.6], [2, 0.9]]])


def test_label_bars_are_the_shares():
    rows = np.array([[0.7, 0.3, 0], [0, 1, 0], [0.25, 0, 0.75]])
    figure = images.plot_label_bars(PICTURES[:3], rows, ("cat", "dog", "ship"), title="mixed")
    pictures, bars = figure.axes[:3], figure.axes[3:]
    expected = [[("cat 70%", 0.7), ("dog 30%", 0.3)], [("dog 100%", 1.0)], [("ship 75%", 0.75), ("cat 25%", 0.25)]]
    for picture, image, ax, shown in zip(pictures, PICTURES, bars, expected, strict=False):
        assert np.array_equal(np.moveaxis(picture.images[0].get_array(), -1, 0), image)
        assert [text.get_text() for text in ax.texts] == [name for name, _ in shown]
        assert [bar.get_width() for bar in ax.patches] == pytest.approx([share for _, share in shown])
    assert len(bars) == 3 and figure.get_suptitle() == "mixed"


def test_label_bars_can_be_saved_without_axis_labels(tmp_path):
    figure = images.plot_label_bars(PICTURES[:2], np.eye(2), ("cat", "dog"))
    assert save_figure(figure, "bars", alt="two images and their labels", folder=tmp_path).stat().st_size > 1000


def test_in_a_notebook_a_figure_carries_its_words(tmp_path, monkeypatch):
    """The picture once, with alt text in metadata and as plain text, and a line that every renderer shows."""
    import IPython.display

    shown = []
    monkeypatch.setattr(matplotlib, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    monkeypatch.setattr(IPython.display, "display", lambda data, **options: shown.append((data, options)))
    _, ax = plt.subplots()
    save_figure(PLOTS["lines"](ax), "a", alt="Line  *a* rises\nfrom 3 to 4; b_1 costs $4.", folder=tmp_path)
    (picture, options), (words, _) = shown
    alt = "Line *a* rises from 3 to 4; b_1 costs $4."
    assert picture["image/png"].startswith(b"\x89PNG") and picture["text/plain"] == alt
    assert options["metadata"] == {"image/png": {"alt": alt}}
    assert words["text/plain"] == f"In words: {alt}"
    assert words["text/markdown"] == r"*In words:* Line \*a\* rises from 3 to 4; b\_1 costs \$4."
    assert not plt.get_fignums(), "the inline backend would show it a second time"


def test_figures_follow_the_folder_of_runs(tmp_path, monkeypatch):
    monkeypatch.delenv("CIFAR_FIGURES", raising=False)
    monkeypatch.setenv("CIFAR_RUNS", str(tmp_path / "on drive"))
    _, ax = plt.subplots()
    assert save_figure(PLOTS["lines"](ax), "a", alt="a line") == tmp_path / "on drive" / "figures" / "a.png"


# --- dollar signs, normalized pictures, same bytes --------------------------------------------------------------

DOLLARS = ("$1_", "$5_$", "cost $1 or $2", r"a\$b")  # the second is no formula that could be set, the third is one
FOUR = PICTURES[:4]
WITH_NAMES = {
    "history": lambda names: curves.plot_history(ROWS, label=names[2]),
    "lines": lambda names: curves.plot_lines({name: ([1, 2], [3, 4]) for name in names}, xlabel=names[2],
                                             ylabel=names[1], title=names[0]),
    "schedule": lambda names: curves.plot_schedule([1, 2], title=names[2]),
    "range test": lambda names: curves.plot_range_test([0.1, 1], [2, 1], {name: 0.5 for name in names}),
    "histogram": lambda names: curves.plot_histogram(np.ones((3, 4)), np.arange(5), title=names[1], xlabel=names[2]),
    "bars": lambda names: curves.plot_bars(names, [1, 2, 3, 4], xlabel=names[1], ylabel=names[2], title=names[0]),
    "reliability": lambda names: curves.plot_reliability(ONE_BIN, label=names[1], title=names[2]),
    "tradeoff": lambda names: curves.plot_tradeoff(names, [1, 2, 3, 4], [1, 2, 3, 4], xlabel=names[1],
                                                   ylabel=names[2], title=names[0]),
    "confusion": lambda names: grids.plot_confusion(np.ones((4, 4)), names, title=names[2]),
    "groups": lambda names: grids.plot_grouped_confusion(np.ones((4, 4)), range(4), names, title=names[2]),
    "images": lambda names: images.show_images(FOUR, names, size=3, title=names[2]),
    "before and after": lambda names: images.plot_before_after({name: FOUR for name in names}, title=names[2]),
    "class grid": lambda names: images.plot_class_grid(FOUR, range(4), names, title=names[2]),
    "predictions": lambda names: images.plot_predictions(FOUR, range(4), range(4), [1] * 4, names, title=names[2]),
    "label bars": lambda names: images.plot_label_bars(FOUR, np.eye(4), names, title=names[2]),
}


def words_of(target, path):
    """Every text of a figure as a reader of its SVG file finds it; a formula would be cut into its signs."""
    figure = target if hasattr(target, "savefig") else target.figure
    with plt.rc_context({"svg.fonttype": "none"}):
        figure.savefig(path)
    without_comments = re.sub("<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return html.unescape(without_comments)


@pytest.mark.parametrize("name", WITH_NAMES)
def test_names_with_dollar_signs_are_text(name, tmp_path):
    words = words_of(WITH_NAMES[name](DOLLARS), tmp_path / "a.svg")
    plain_words = words_of(WITH_NAMES[name](("first", "second", "third", "fourth")), tmp_path / "b.svg")
    used = [d for d, p in zip(DOLLARS, ("first", "second", "third", "fourth"), strict=True) if p in plain_words]
    assert used and all(d.replace("_", " ") in words.replace("_", " ") for d in used)


def test_captions_and_stamps_with_dollar_signs_are_text(tmp_path):
    ax = PLOTS["lines"](None)
    caption(ax, "n = 3, cost $1 or $2")
    stamp(ax, "$5_$")
    words = words_of(ax, tmp_path / "a.svg")
    assert "n\u00a0=\u00a03, cost $1 or $2" in words and "$5_$" in words


def test_powers_of_ten_are_still_set(tmp_path):
    """The ticks of a logarithmic axis are formulas of Matplotlib's own."""
    ax = curves.plot_lines({"$a$": ([0.001, 1000], [1, 2])}, xlabel="x", ylabel="y", logx=True)
    assert "mathdefault" not in words_of(ax, tmp_path / "a.svg")


@pytest.mark.parametrize("bad", [np.random.default_rng(0).normal(size=(4, 3, 8, 8)), np.ones((4, 3, 8, 8)) / 2,
                                 np.zeros((4, 8, 8, 3), np.uint8), PICTURES[0], PICTURES[:0]],
                         ids=["normalized", "0 to 1", "N H W C", "one", "none"])
@pytest.mark.parametrize("draw", [
    images.show_images, lambda x: images.plot_before_after({"a": x}),
    lambda x: images.plot_before_after({"good": PICTURES, "bad": x}),
    lambda x: images.plot_class_grid(x, [0] * 4, "a"),
    lambda x: images.plot_predictions(x, [0] * len(x), [0] * len(x), [1] * len(x), "a"),
    lambda x: images.plot_label_bars(x, np.ones((4, 1)), "a")])
def test_pictures_that_are_no_pixels_are_refused_with_what_to_do(draw, bad):
    with pytest.raises(ValueError, match=r"uint8 \(N, 3, H, W\), not normalized; .*\* std \+ mean\) \* 255"):
        draw(bad)
    assert not plt.get_fignums(), "refused before anything is drawn"


def test_galleries_name_what_does_not_fit():
    with pytest.raises(ValueError, match="2 titles for 6 images"):
        images.show_images(PICTURES, ["a", "b"])
    with pytest.raises(ValueError, match="rows is empty"):
        images.plot_before_after({})
    with pytest.raises(ValueError, match=r"no images of the classes \['dog'\]"):
        images.plot_class_grid(PICTURES, [0] * 6, ("cat", "dog"))


@pytest.mark.parametrize("styled", [False, True])
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_every_format_has_the_same_bytes_at_another_time(ending, styled, tmp_path, monkeypatch):
    """SOURCE_DATE_EPOCH is the moment that Matplotlib would write into a file."""
    contents = []
    for moment in ("1000000000", "1700000000"):
        monkeypatch.setitem(os.environ, "SOURCE_DATE_EPOCH", moment)
        with plt.style.context("default"):
            if styled:
                use_style()
            ax = PLOTS["lines"](None)
            saved = save_figure(ax, "a", alt="lines", formats=(ending,), folder=tmp_path)
        contents.append(saved.read_bytes())
        plt.close("all")
    assert contents[0] == contents[1] and len(contents[0]) > 1000


@pytest.mark.parametrize("formats", [("jpeg",), ("png", "eps"), "png", ()])
def test_other_formats_are_refused_before_anything_is_written(formats, tmp_path):
    with pytest.raises(ValueError, match="a: formats=.* at least one of png, svg, pdf"):
        save_figure(PLOTS["lines"](None), "a", alt="lines", formats=formats, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_bands_show_every_seed_and_their_mean():
    ax = sweeps.plot_bands({"a": ([1, 2], [[3, 4], [5, 8]])}, xlabel="x", ylabel="y")
    drawn = [line.get_ydata().tolist() for line in ax.lines]
    assert drawn == [[3, 4], [5, 8], [4, 6]] and ax.get_legend().get_texts()[0].get_text() == "a (n = 2)"
    with pytest.raises(ValueError, match=r"a: values of shape \(1, 3\) for 2 points"):
        sweeps.plot_bands({"a": ([1, 2], [3, 4, 5])}, xlabel="x", ylabel="y")


def test_differences_are_in_points_and_have_no_interval_where_none_is_known():
    ax = sweeps.plot_differences(["a", "b"], [GAIN, UNKNOWN])
    drawn = [np.ravel(line.get_xdata()).tolist() for line in ax.lines[:-1]]
    assert drawn == [pytest.approx(values) for values in ([1, 2, 3], [1, 3], [2], [5])]
    assert ax.lines[-1].get_xdata() == [0, 0]


def test_differences_of_a_loss_are_no_points():
    in_loss = GAIN._replace(metric="val_loss")
    ax = sweeps.plot_differences(["a"], [in_loss])
    assert np.ravel(ax.lines[0].get_xdata()).tolist() == [0.01, 0.02, 0.03] and ax.get_xlabel() == "gained in loss"
    assert sweeps.plot_differences(["a"], [GAIN]).get_xlabel() == "percentage points gained"
    with pytest.raises(ValueError, match="one axis cannot show both"):
        sweeps.plot_differences(["a", "b"], [GAIN, in_loss])


def test_heatmaps_that_share_limits_give_a_value_the_same_color():
    first, second = (grids.plot_matrix([values], ["r"], "ab", limits=(0, 1)) for values in ([0.2, 0.4], [0.4, 1.0]))
    colors = [ax.images[0].cmap(ax.images[0].norm(ax.images[0].get_array())) for ax in (first, second)]
    assert np.array_equal(colors[0][0, 1], colors[1][0, 0])
    blank = grids.plot_matrix([[0.5, np.nan]], ["r"], "ab")
    assert [text.get_text() for text in blank.texts] == ["0.50"]
