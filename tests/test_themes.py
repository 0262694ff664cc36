"""Themes: text that is large enough and stands out, series that stay apart for every eye, pictures left alone.

What is right is worked out here again: contrast by WCAG 2.2 from drawn pixels, color blindness by the matrices of
Machado, Oliveira and Fernandes (2009), severity 1, and differences in CIELAB (CIE 1976).
"""

from itertools import combinations

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from matplotlib.colors import to_rgb, to_rgba  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from helpers.plots import curves, grids, images, surfaces, sweeps  # noqa: E402
from helpers.plots.captions import caption  # noqa: E402
from helpers.plots.export import save_figure  # noqa: E402
from helpers.plots.style import COLORS, as_figure, stamp, use_style  # noqa: E402
from helpers.plots.themes import THEMES, apply_theme, chosen_theme  # noqa: E402

PICTURES = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), dtype=np.uint8)
ROWS = [{"epoch": e, "train_accuracy": 0.5 + e / 10, "val_accuracy": 0.4 + e / 20} for e in (1, 2, 3)]
GRID = np.linspace(-1, 1, 5)
BOWL = 1 + np.add.outer(GRID**2, GRID**2)
EIGHT = {f"series {i}": ([1, 2, 3], [i, i + 1, i]) for i in range(8)}
HILL = {f"setting {i}": ([1, 10], [(i, i - 0.1, i + 0.1), (i + 1, i, i + 2)], [[i], [i + 1]]) for i in range(8)}
PLOTS = {
    "history": lambda: curves.plot_history(ROWS, "accuracy", reference_rows=ROWS[1:]),
    "lines": lambda: curves.plot_lines(EIGHT, xlabel="x", ylabel="y", title="Eight"),
    "schedule": lambda: curves.plot_schedule([1, 2, 1], [0.9, 0.8, 0.9]),
    "range test": lambda: curves.plot_range_test([0.1, 1, 10], [2, 1, 3], {"a": 0.2, "b": 0.5, "c": 1}),
    "histogram": lambda: curves.plot_histogram(np.eye(3) + 1, np.arange(4)),
    "bars": lambda: curves.plot_bars(["a", "b"], [1, 2], low=[0, 1], high=[2, 3], xlabel="x", ylabel="y"),
    "reliability": lambda: [curves.plot_reliability([0.2, 0.9], [0.1, 0.7], [5, 9], ax=ax, label=f"model {i}", number=i)
                            for ax in [plt.subplots()[1]] for i in range(4)][0],
    "tradeoff": lambda: curves.plot_tradeoff("abcdefgh", range(1, 9), range(8), xlabel="x", ylabel="y"),
    "bands": lambda: sweeps.plot_bands({name: (x, [y, y]) for name, (x, y) in EIGHT.items()}, xlabel="x", ylabel="y"),
    "hill": lambda: sweeps.plot_hill(HILL, xlabel="x", ylabel="y"),
    "matrix": lambda: grids.plot_matrix(np.arange(1, 13).reshape(3, 4), "abc", "defg", xlabel="x", ylabel="y"),
    "label bars": lambda: images.plot_label_bars(PICTURES[:2], [[0.7, 0.3], [0, 1]], ("cat", "dog"), title="Mixed"),
    "gallery": lambda: images.show_images(PICTURES, ["cat\n→ dog (50%)"] * 4, title="Wrong"),
    "contours": lambda: surfaces.plot_contours(GRID, GRID, BOWL, title="A map"),
    "surface": lambda: surfaces.plot_surface(GRID, GRID, BOWL, title="A surface"),
}
COLOR_BLIND = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
APART = 12.0  # CIE 1976 color difference; about 2.3 can just be seen side by side

every_theme = pytest.mark.parametrize("theme", THEMES)
ONCE = ("history", "lines", "schedule", "matrix", "label bars", "gallery", "contours", "surface")  # each kind of part
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


def linear(color):
    parts = np.asarray(color, dtype=float)[..., :3]
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def wcag_contrast(one, other):
    bright, dark = sorted((linear(c) @ (0.2126, 0.7152, 0.0722) for c in (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def shown_texts(figure):
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    hidden = {id(t) for ax in figure.axes if not ax.axison for axis in (ax.xaxis, ax.yaxis) for t in axis.findobj(Text)}
    edge = figure.bbox.padded(-2)  # ticks beyond an axis are not drawn
    return [t for t in texts if id(t) not in hidden and t.get_window_extent().overlaps(edge)]


def ground_under(text, pixels):
    """The color that most pixels under a text have."""
    box = text.get_window_extent()
    height = len(pixels)
    part = pixels[max(0, int(height - box.y1)):int(height - box.y0) + 1, max(0, int(box.x0)):int(box.x1) + 1]
    colors, counts = np.unique(part.reshape(-1, 4), axis=0, return_counts=True)
    return colors[counts.argmax()] / 255


# --- contrast and size ------------------------------------------------------------------------------------------

@every_theme
@plots
def test_every_text_stands_out_from_what_lies_under_it(name, theme):
    figure = draw(name, theme)
    texts = shown_texts(figure)
    assert len(texts) > 2
    figure.set_layout_engine("none")
    for text in texts:
        text.set_alpha(0)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())
    for text in texts:
        ground = ground_under(text, pixels)
        found = wcag_contrast(to_rgb(text.get_color()), ground)
        assert found >= 4.5, f"{text.get_text()!r}: {found:.1f} on {ground}"


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


# --- colors -----------------------------------------------------------------------------------------------------

def lab(color):
    """CIELAB of a linear sRGB color, white point D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ color
    ratio = xyz / (0.9505, 1.0, 1.089)
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def seen(color, eye):
    return lab(np.clip(np.asarray(COLOR_BLIND[eye]) @ linear(to_rgb(color)), 0, 1))


def smallest_difference(one, other):
    """The difference of two colors for the eye that tells them apart worst."""
    return min(np.linalg.norm(seen(one, eye) - seen(other, eye)) for eye in COLOR_BLIND)


def test_the_simulation_knows_a_pair_that_red_green_blind_people_confuse():
    red, green = (0.75, 0.3, 0.1), (0.47, 0.45, 0.1)
    assert np.linalg.norm(seen(red, "none") - seen(green, "none")) > 40
    assert np.linalg.norm(seen(red, "deuteranopia") - seen(green, "deuteranopia")) < 20
    white, gray = seen("white", "none"), seen("0.5", "protanopia")
    assert white == pytest.approx([100, 0, 0], abs=0.1) and gray == pytest.approx([53.4, 0, 0], abs=0.1)


def looks(figure):
    """Name, color, and what else tells a series from others, of every entry of every legend."""
    for ax in figure.axes:
        handles, names = ax.get_legend_handles_labels()
        yield [(name, *_look(handle)) for handle, name in zip(handles, names, strict=True)]


def _look(handle):
    if hasattr(handle, "lines"):  # with error bars
        handle = handle.lines[0]
    if hasattr(handle, "get_linestyle") and hasattr(handle, "get_marker"):
        return handle.get_color(), (handle.get_linestyle(), handle.get_marker())
    if hasattr(handle, "get_offsets"):
        return tuple(handle.get_facecolor()[0][:3]), len(handle.get_paths()[0].vertices)
    return handle.get_edgecolor(), None


@every_theme
@pytest.mark.parametrize("name", ["history", "lines", "range test", "histogram", "reliability", "tradeoff", "bands",
                                  "hill"])
def test_series_on_one_axis_stay_apart_for_every_eye(name, theme):
    figure = as_figure(PLOTS[name]())
    if theme == "dark":
        apply_theme(figure, theme)
    compared = 0
    for entries in looks(figure):
        for (one, color, form), (other, second, second_form) in combinations(entries, 2):
            compared += 1
            apart = smallest_difference(color, second) >= APART
            assert apart or (form is not None and form != second_form), f"{one} and {other} look alike"
    assert compared >= 3


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
