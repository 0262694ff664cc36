"""Themes: text that is large enough and stands out, series that stay apart for every eye, pictures left alone.

`figure_judge` works out again what is right: contrast from drawn pixels, and how colors look to the color-blind.
"""

import re
from collections import namedtuple
from itertools import combinations
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from figure_judge import (  # noqa: E402
    APART,
    TEXT,
    ground_under,
    judge,
    looks,
    pixels_without,
    seen,
    series_alike,
    shown_texts,
    smallest_difference,
    wcag_contrast,
)
from matplotlib.colors import to_rgb, to_rgba  # noqa: E402

from helpers.plots import curves, diagrams, grids, images, surfaces, sweeps, waterfall  # noqa: E402
from helpers.plots.captions import caption  # noqa: E402
from helpers.plots.export import save_figure  # noqa: E402
from helpers.plots.style import COLORS, as_figure, stamp, use_style  # noqa: E402
from helpers.plots.themes import THEMES, apply_theme, chosen_theme  # noqa: E402

PICTURES = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8)
ROWS = [{"epoch": e, "train_accuracy": 0.5 + e / 10, "val_accuracy": 0.4 + e / 20} for e in (1, 2, 3)]
GRID = np.linspace(-1, 1, 5)
BOWL = 1 + np.add.outer(GRID**2, GRID**2)
EIGHT = {f"series {i}": ([1, 2, 3], [i, i + 1, i]) for i in range(8)}
Interval = namedtuple("Interval", "mean low high by_seed")
HILL = {f"setting {i}": ([1, 10], [(i, i - 0.1, i + 0.1), (i + 1, i, i + 2)], [[i], [i + 1]]) for i in range(8)}
LEVELS = {"start": 10, "a longer name of a change": 14, "less": 12, "end": 18}
PARTS = [diagrams.Part("image", 3, 32), diagrams.Part("prep", 64, 32), diagrams.Part("block", 512, 4, skip=True)]
RACE = [(0.9, 0.8, 1.0), (0.7, 0.6, 0.8), (0.5, 0.4, 0.6)]
GAINS = [Interval(0.02, 0.01, 0.03, (0.01, 0.03)), Interval(-0.01, np.nan, np.nan, (-0.01,))]
GROUPS = [f"{number} names of a superclass" for number in range(20)]
BINS = {"confidence": [0.2, 0.9], "accuracy": [0.1, 0.7], "count": [30, 70], "low": [0, 0.6], "high": [0.2, 0.8],
        "excess": 0.1, "ece": 0.1}
PLOTS = {
    "history": lambda: curves.plot_history(ROWS, "accuracy", reference_rows=ROWS[1:]),
    "lines": lambda: curves.plot_lines(EIGHT, xlabel="x", ylabel="y", title="Eight"),
    "schedule": lambda: curves.plot_schedule([1, 2, 1], [0.9, 0.8, 0.9]),
    "range test": lambda: curves.plot_range_test([0.1, 1, 10], [2, 1, 3], {"a": 0.2, "b": 0.5, "c": 1}),
    "histogram": lambda: curves.plot_histogram(np.eye(3) + 1, np.arange(4)),
    "bars": lambda: curves.plot_bars(["a", "b"], [1, 2], low=[0, 1], high=[2, 3], xlabel="x", ylabel="y"),
    "reliability": lambda: [curves.plot_reliability(BINS, ax=ax, label=f"model {i}", number=i)
                            for ax in [plt.subplots()[1]] for i in range(4)][0],
    "calibration": lambda: curves.plot_calibration(BINS, plt.subplots(2, 1, figsize=(4, 6))[1], name="a model"),
    "tradeoff": lambda: curves.plot_tradeoff("abcdefgh", range(1, 9), range(8), xlabel="x", ylabel="y"),
    "bands": lambda: sweeps.plot_bands({name: (x, [y, y]) for name, (x, y) in EIGHT.items()}, xlabel="x", ylabel="y"),
    "hill": lambda: sweeps.plot_hill(HILL, xlabel="x", ylabel="y"),
    "matrix": lambda: grids.plot_matrix(np.arange(1, 13).reshape(3, 4), "abc", "defg", xlabel="x", ylabel="y"),
    "maps": lambda: grids.plot_maps({"a": np.eye(8), "b": np.arange(64).reshape(8, 8)}, label="reads", title="Maps"),
    "label bars": lambda: images.plot_label_bars(PICTURES[:2], [[0.7, 0.3], [0, 1]], ("cat", "dog"), title="Mixed"),
    "gallery": lambda: images.show_images(PICTURES, ["cat\n→ dog (50%)"] * 4, title="Wrong"),
    "confusion": lambda: grids.plot_confusion(np.arange(9).reshape(3, 3), ["cat", "dog", "a longer name"]),
    "groups": lambda: grids.plot_grouped_confusion(np.ones((40, 40)), np.arange(40) // 2, GROUPS, title="Squares"),
    "before and after": lambda: images.plot_before_after({"original": PICTURES, "a flip": PICTURES}, title="Flipped"),
    "class grid": lambda: images.plot_class_grid(PICTURES, [0, 1, 0, 1], ["cat", "dog"], title="Two classes"),
    "predictions": lambda: images.plot_predictions(PICTURES, [0] * 4, [1] * 4, [0.5] * 4, ["cat", "dog"]),
    "differences": lambda: sweeps.plot_differences(["a", "a longer name"], GAINS, title="Paired"),
    "waterfall": lambda: waterfall.plot_waterfall(LEVELS, notes={"less": "−2.0"}, intervals={"end": (5, 7)},
                                                  several=("end",), xlabel="accuracy, %", title="What each adds"),
    "waterfall on a log axis": lambda: waterfall.plot_waterfall(LEVELS, notes={"end": "× 1.5"}, xlabel="s", logx=True),
    "network": lambda: diagrams.plot_network(PARTS, title="A row of boxes"),
    "slopes": lambda: diagrams.plot_slopes(["first", "second", "third"], RACE, [RACE[1], RACE[0], RACE[2]],
                                           ends=("3 minutes", "an hour"), chance=0.1, ylabel="accuracy"),
    "contours": lambda: surfaces.plot_contours(GRID, GRID, BOWL, title="A map"),
    "surface": lambda: surfaces.plot_surface(GRID, GRID, BOWL, title="A surface"),
    "paths": lambda: surfaces.plot_paths({"one": [(0, 2), (1, 0)], "other": [(0, 2), (2, 1)]}, lambda x, y: x**2 + y**2,
                                         marks={"+": [(0, 0)]}, xlabel="steep", ylabel="flat", title="Downhill"),
}
every_theme = pytest.mark.parametrize("theme", THEMES)
ONCE = ("history", "lines", "schedule", "matrix", "label bars", "gallery", "contours", "surface", "waterfall",
        "network", "slopes")  # each kind of part
plots = pytest.mark.parametrize("name", [n if n in ONCE else pytest.param(n, marks=pytest.mark.slow) for n in PLOTS])


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("CIFAR_PROFILE", "CIFAR_THEME", "CIFAR_DPI", "CIFAR_FIGURE_FORMATS"):
        monkeypatch.delenv(name, raising=False)
    use_style()
    yield
    plt.close("all")


def draw(name, theme):
    """A plot with a caption, as it is saved in a theme; small, as it is drawn often."""
    figure = as_figure(PLOTS[name]())
    figure.set_dpi(50)
    caption(figure, "n = 3 seeds, profile quick, CPU, 1 thread")
    apply_theme(figure, theme)
    figure.canvas.draw()
    return figure


# --- contrast and size ------------------------------------------------------------------------------------------

@every_theme
@plots
def test_every_text_stands_out_from_what_lies_under_it(name, theme):
    figure = draw(name, theme)
    texts = shown_texts(figure)
    assert len(texts) > 2
    pixels = pixels_without(texts, figure)
    for text in texts:
        ground = ground_under(text, pixels)
        found = wcag_contrast(to_rgb(text.get_color()), ground)
        assert found >= TEXT, f"{text.get_text()!r}: {found:.1f} on {ground}"


@plots
def test_a_slide_is_wide_and_its_text_can_be_read_from_the_last_row(name):
    figure = draw(name, "slide")
    width, height = figure.get_size_inches()
    assert width == pytest.approx(13.333, abs=0.001) and width / height == pytest.approx(16 / 9)
    assert {text.get_fontsize() >= 18 for text in shown_texts(figure)} == {True}
    for text in (figure._supxlabel, figure._suptitle, *(ax.title for ax in figure.axes)):
        if text is not None and text.get_text():
            box = text.get_window_extent()
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1


def test_sizes_that_a_notebook_wrote_by_hand_follow_too():
    figure, axes = plt.subplots(1, 3, figsize=(12, 2.5))
    for ax in axes:
        ax.plot([1, 2], label="a")
        ax.set_title("a title that is far too long for a third of a slide to hold", fontsize=6)
        ax.set_xticks([0, 1], ["the first of two", "the other of two"], fontsize=5)
        ax.annotate("here", (0.5, 1.5), fontsize=4)
        ax.legend(fontsize=4, title="kind", title_fontsize=3, loc="lower right")
    assert apply_theme(figure, "slide") == []
    figure.canvas.draw()
    assert min(text.get_fontsize() for text in shown_texts(figure)) >= 18
    titles = [ax.title.get_window_extent() for ax in axes]
    assert not any(one.overlaps(other) for one, other in combinations(titles, 2)) and "\n" in axes[0].get_title()


def test_a_long_title_over_a_narrow_picture_stays_on_the_slide():
    title = "100% of the errors stay among animals or among vehicles, even those of the reference"
    names = ["a long name of a class"] * 8
    ax = grids.plot_matrix(np.ones((8, 8)), names, "abcdefgh", title=title, xlabel="x", ylabel="y")
    caption(ax, "n = 1 seed")
    assert apply_theme(ax.figure, "slide") == []
    ax.figure.canvas.draw()
    box = ax.title.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= ax.figure.bbox.x1 and ax.get_title().replace("\n", " ") == title


def test_what_finds_no_room_on_a_slide_is_told():
    names = [f"a setting with number {i}" for i in range(40)]
    ax = curves.plot_bars(names, range(40), xlabel="x", ylabel="y", ax=plt.subplots(figsize=(8, 16))[1])
    assert apply_theme(ax.figure, "slide") == ["labels of the y axis overlap"]
    assert apply_theme(as_figure(PLOTS["lines"]()), "slide") == []


def named(axis):
    return [label.get_text() for label in axis.get_ticklabels() if label.get_text()]


def test_of_a_crowded_row_of_numbers_every_second_is_named_on_a_slide():
    seeds = [str(seed) for seed in range(200, 230)]
    ax = curves.plot_bars(seeds, range(30), xlabel="points", ylabel="seed", ax=plt.subplots(figsize=(6.4, 5.2))[1])
    limits = ax.get_ylim()
    caption(ax, "n = 30 seeds")
    assert named(ax.yaxis) == seeds
    assert apply_theme(ax.figure, "slide") == []
    assert named(ax.yaxis) == seeds[::2] and len(ax.get_yticks()) == 30 and ax.get_ylim() == limits
    assert min(text.get_fontsize() for text in shown_texts(ax.figure)) >= 18


def test_the_columns_of_a_crowded_matrix_are_not_named_twice_on_a_slide():
    ax = PLOTS["groups"]()
    caption(ax, "n = 1 seed")
    assert apply_theme(ax.figure, "slide") == []
    assert named(ax.yaxis) == GROUPS and named(ax.xaxis) == []
    assert " ".join(ax.get_xlabel().split()) == "predicted class (in the order of the rows)"
    ax.figure.canvas.draw()
    middles = [box.y0 + box.height / 2 for box in (t.get_window_extent() for t in ax.get_yticklabels())]
    assert min(np.abs(np.diff(middles))) >= 18 * ax.figure.dpi / 72, "closer than their size"
    few = PLOTS["confusion"]()
    apply_theme(few.figure, "slide")
    assert named(few.xaxis) == named(few.yaxis), "where there is room, both are named"


def test_every_helper_that_draws_is_drawn_here():
    modules = (curves, diagrams, grids, images, surfaces, sweeps, waterfall)
    drawing = {name for module in modules for name in vars(module) if re.match("plot_|show_", name)}
    written = set(re.findall(r"\b(?:plot|show)_\w+", Path(__file__).read_text(encoding="utf-8")))
    assert len(drawing) >= 20 and drawing - written == set()


# --- the judge of figures that notebooks draw -------------------------------------------------------------------

def by_hand(**text):
    figure, ax = plt.subplots()
    ax.bar([0, 1], [1, 1], color=["#0072B2", "white"])
    ax.set(xlabel="x", ylabel="y", title="Two bars")
    ax.text(**{"x": 0, "y": 0.5, "s": "here", "color": "white", "ha": "center"} | text)
    return figure


@pytest.mark.parametrize("text, found", [
    ({"y": 1, "va": "bottom", "color": "black"}, []),
    ({}, ["dark: 'here' has contrast 3.5"]),  # black on white becomes light on dark, so white becomes dark
    ({"color": "black"}, ["print: 'here' has contrast 4.0", "dark: 'here' has contrast"]),
    ({"x": 1}, ["print: 'here' has contrast 1.0", "dark: 'here' has contrast 1.0"]),
    ({"x": 1, "color": "0.6"}, ["print: 'here' has contrast 2.8", "dark: 'here' has contrast 3.4"]),
    ({"x": 1, "color": "black", "alpha": 0.3}, ["print: 'here' has contrast", "dark: 'here' has contrast"])])
def test_the_judge_reads_the_contrast_of_text_on_what_lies_under_it(text, found):
    told = judge(by_hand(**text))
    assert len(told) == len(found) and all(words.startswith(start) for words, start in zip(told, found, strict=True))


def test_the_judge_sees_faint_titles_small_text_and_series_that_look_alike():
    figure, ax = plt.subplots()
    for number, color in enumerate(["#008000", "#8B4500"]):
        ax.plot([0, number], color=color, label=f"series {number}")
    ax.legend()
    ax.set_title("faint", color="0.7")
    stamp(ax, "smoke profile: stand-in data, not CIFAR")
    told = judge(figure)
    assert "print: 'faint' has contrast 2.1" in told and "print: 'series 0' and 'series 1' look alike" in told
    assert not [words for words in told if words.startswith("slide") or "smoke" in words]


# --- colors -----------------------------------------------------------------------------------------------------

def test_the_simulation_knows_a_pair_that_red_green_blind_people_confuse():
    red, green = (0.75, 0.3, 0.1), (0.47, 0.45, 0.1)
    assert np.linalg.norm(seen(red, "none") - seen(green, "none")) > 40
    assert np.linalg.norm(seen(red, "deuteranopia") - seen(green, "deuteranopia")) < 20
    white, gray = seen("white", "none"), seen("0.5", "protanopia")
    assert white == pytest.approx([100, 0, 0], abs=0.1) and gray == pytest.approx([53.4, 0, 0], abs=0.1)


@every_theme
@pytest.mark.parametrize("name", ["history", "lines", "range test", "histogram", "reliability", "tradeoff", "bands",
                                  "hill", "waterfall"])
def test_series_on_one_axis_stay_apart_for_every_eye(name, theme):
    figure = as_figure(PLOTS[name]())
    if theme == "dark":
        apply_theme(figure, theme)
    assert series_alike(figure) == []
    assert sum(len(list(combinations(entries, 2))) for entries in looks(figure)) >= 3


def test_series_that_share_a_dash_differ_by_color_in_every_theme():
    for ground in ("print", "dark"):
        figure, ax = plt.subplots()
        lines = [ax.plot([i, i])[0] for i in range(8)]
        apply_theme(figure, ground)
        for i in range(4):
            assert smallest_difference(lines[i].get_color(), lines[i + 4].get_color()) >= APART


def test_on_a_dark_ground_series_stand_out_and_keep_their_hue():
    figure, ax = plt.subplots()
    lines = [ax.plot([i, i], color=color)[0] for i, color in enumerate(COLORS)]
    (faint,) = ax.plot([1, 2], "o", color="0.8")
    gray, text = ax.axhline(0, color="0.4"), ax.text(0, 0, "x", color="black")
    blue = ax.text(0, 1, "y", color=COLORS[0])
    apply_theme(figure, "dark")
    ground = to_rgb(figure.get_facecolor())
    assert wcag_contrast(ground, (0, 0, 0)) < 1.3 and to_rgb(ax.get_facecolor()) == ground
    for line, color in zip(lines[:-1], COLORS, strict=False):
        before, after = matplotlib.colors.rgb_to_hsv(to_rgb(color)), matplotlib.colors.rgb_to_hsv(line.get_color()[:3])
        assert wcag_contrast(line.get_color(), ground) >= 3
        assert before[0] == pytest.approx(after[0], abs=0.02)
    assert wcag_contrast(gray.get_color(), ground) >= 4.5 and wcag_contrast(blue.get_color(), ground) >= 4.5
    assert wcag_contrast(text.get_color(), ground) >= 10
    assert wcag_contrast(faint.get_color(), ground) < 3 and faint.get_markerfacecolor() == faint.get_color()


@every_theme
def test_pictures_and_what_is_written_on_them_keep_their_colors(theme):
    ax = PLOTS["matrix"]()
    before = [text.get_color() for text in ax.texts]
    pixels = np.array(ax.images[0].get_array())
    apply_theme(ax.figure, theme)
    assert [text.get_color() for text in ax.texts] == before and np.array_equal(ax.images[0].get_array(), pixels)
    gallery = PLOTS["gallery"]()
    apply_theme(gallery, theme)
    assert np.array_equal(np.moveaxis(gallery.axes[0].images[0].get_array(), -1, 0), PICTURES[0])


# --- saving -----------------------------------------------------------------------------------------------------

def test_print_is_what_matplotlib_draws(tmp_path):
    figure = as_figure(PLOTS["lines"]())
    path = save_figure(figure, "a", alt="lines", folder=tmp_path)
    plt.close("all")
    as_figure(PLOTS["lines"]()).savefig(tmp_path / "b.png", metadata={"Software": None})
    assert path.read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("theme", ["slide", "dark"])
def test_a_figure_can_be_saved_twice_and_drawn_on_between(theme, tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_THEME", theme)
    ax = PLOTS["lines"]()
    first, second = (save_figure(ax, name, alt="lines", folder=tmp_path).read_bytes() for name in "ab")
    assert first == second
    stamp(ax, "new")
    save_figure(ax, "c", alt="lines", folder=tmp_path)
    new = ax.figure.texts[-1]
    assert new.get_fontsize() == (27 if theme == "slide" else 15)
    assert to_rgba(new.get_color())[0] == pytest.approx(0.3 if theme == "slide" else 0.66, abs=0.05)


def test_themes_have_names(monkeypatch, tmp_path):
    monkeypatch.setenv("CIFAR_THEME", "neon")
    with pytest.raises(ValueError, match="unknown theme 'neon': choose from print, slide, dark"):
        save_figure(PLOTS["lines"](), "a", alt="lines", folder=tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("CIFAR_THEME", "")
    assert chosen_theme() == "print"
