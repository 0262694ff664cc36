"""What a figure's text and series must be in every theme, for the tests of themes and of notebooks alike.

What is right is worked out here again: contrast by WCAG 2.2, color blindness by the matrices of Machado, Oliveira and
Fernandes (2009), severity 1, and differences in CIELAB (CIE 1976). In a notebook, `install` has each figure judged when
it is saved: one execution serves all themes, and only what lies on bars, maps or pictures is drawn again.
"""

import json
import os
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.text import Text

from helpers.plots import slide, themes
from helpers.plots.style import as_figure

TEXT = 4.5  # contrast, by success criterion 1.4.3
APART = 12.0  # CIE 1976 color difference; about 2.3 can just be seen side by side
MARK = "smoke profile"  # begins the watermark of stand-in data, which is to be seen through
FILE = "judged.json"
COLOR_BLIND = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


# --- contrast ---------------------------------------------------------------------------------------------------

def linear(color):
    parts = np.asarray(color, dtype=float)[..., :3]
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def wcag_contrast(one, other):
    bright, dark = sorted((linear(c) @ (0.2126, 0.7152, 0.0722) for c in (one, other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def visible_texts(figure):
    """Every text of a figure, ticks beyond an axis, too, but not what stands on axes that are switched off."""
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    hidden = {id(text) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for text in axis.findobj(Text)
              if not (ax.axison and ax.get_visible())}
    return [text for text in texts if id(text) not in hidden and not text.get_text().startswith(MARK)]


def shown_texts(figure):
    edge = figure.bbox.padded(-2)  # ticks beyond an axis are not drawn
    return [text for text in visible_texts(figure) if text.get_window_extent().overlaps(edge)]


def faint_texts(figure):
    """In words, the texts that do not stand out from what lies under them."""
    texts = visible_texts(figure)
    drawn = [text for text in texts if may_lie_on_parts(text)]
    pixels = pixels_without(drawn, figure) if drawn else None
    found = []
    for text in texts:
        ground = ground_under(text, pixels) if text in drawn else plain_ground(text)
        contrast = wcag_contrast(over(text, ground), ground)
        if contrast < TEXT:
            found.append(f"{text.get_text()!r} has contrast {contrast:.1f}")
    return sorted(set(found))


def may_lie_on_parts(text):
    """Whether bars, maps or pictures can be under a text: it stands in the data of axes that have some."""
    ax = text.axes
    if ax is None or not (ax.patches or ax.images or ax.collections):
        return False
    around = [*ax.xaxis.findobj(Text), *ax.yaxis.findobj(Text), ax.title, ax._left_title, ax._right_title]
    return not any(text is other for other in around)


def plain_ground(text):
    ax = text.axes
    inside = ax is not None and ax.axison and ax.patch.get_visible()
    return to_rgb(ax.get_facecolor() if inside else text.figure.get_facecolor())


def over(text, ground):
    """The color of a text as it is seen through its transparency."""
    *color, alpha = to_rgba(text.get_color(), text.get_alpha())
    return alpha * np.array(color) + (1 - alpha) * np.asarray(ground[:3])


def pixels_without(texts, figure):
    """The figure as it is laid out, small, without these texts."""
    engine, dpi, alphas = figure.get_layout_engine(), figure.dpi, [text.get_alpha() for text in texts]
    figure.set_layout_engine("none")
    figure.set_dpi(50)
    for text in texts:
        text.set_alpha(0)
    canvas = FigureCanvasAgg(figure)  # a figure that a notebook has shown has lost its own
    canvas.draw()
    pixels = np.array(canvas.buffer_rgba())
    for text, alpha in zip(texts, alphas, strict=True):
        text.set_alpha(alpha)
    boxes = {id(text): text.get_window_extent() for text in texts}
    figure.set_dpi(dpi)
    figure.set_layout_engine(engine)
    return pixels, boxes


def ground_under(text, drawn):
    """The color that most pixels under a text have."""
    pixels, boxes = drawn
    box = boxes[id(text)]
    height = len(pixels)
    part = pixels[max(0, int(height - box.y1)):int(height - box.y0) + 1, max(0, int(box.x0)):int(box.x1) + 1]
    if not part.size:  # beyond the edge: it is not seen
        return plain_ground(text)
    colors, counts = np.unique(part.reshape(-1, 4), axis=0, return_counts=True)
    return colors[counts.argmax()] / 255


# --- colors of series -------------------------------------------------------------------------------------------

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


def looks(figure):
    """Name, color, and what else tells a series from others, of every entry of every legend."""
    for ax in figure.axes:
        handles, names = ax.get_legend_handles_labels()
        legend = ax.get_legend()
        if legend is not None and names != (shown := [text.get_text() for text in legend.get_texts()]):
            handles, names = legend.legend_handles, shown  # made of other parts
        yield [(name, *_look(handle)) for handle, name in zip(handles, names, strict=True)]


def _look(handle):
    if hasattr(handle, "patches"):  # bars
        handle = handle.patches[0]
    if hasattr(handle, "lines"):  # with error bars
        handle = handle.lines[0]
    if hasattr(handle, "get_marker"):
        return handle.get_color(), (handle.get_linestyle(), handle.get_marker())
    if hasattr(handle, "get_offsets"):
        faces = [*handle.get_facecolor(), *handle.get_edgecolor()]
        return tuple(faces[0][:3]), len(handle.get_paths()[0].vertices) if handle.get_paths() else None
    return (handle.get_facecolor() if handle.get_fill() else handle.get_edgecolor()), handle.get_hatch()


def series_alike(figure):
    """In words, the series on one axis that some eye cannot tell apart, by color or by form."""
    found = []
    for entries in looks(figure):
        for (one, color, form), (other, second, second_form) in combinations(entries, 2):
            if form == second_form and smallest_difference(color, second) < APART:
                found.append(f"{one!r} and {other!r} look alike")
    return found


# --- room -------------------------------------------------------------------------------------------------------

def panels_without_room(figure, smallest=0.6):
    """In words, the panels with numbers that the layout leaves less than so many inches; only crowded figures can."""
    panels = [ax for ax in figure.axes
              if ax.axison and ax.get_visible() and not ax.images and ax.get_label() != "<colorbar>"]
    if len(panels) < 4:
        return []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        slide.enlarge(figure, tuple(figure.get_size_inches()), scale=1, smallest=0)  # has its size; lays it out
    found = [str(one.message) for one in caught if "collapsed" in str(one.message)]
    for number, ax in enumerate(panels):
        width, height = (side / figure.dpi for side in (ax.bbox.width, ax.bbox.height))
        if min(width, height) < smallest:
            found.append(f"panel {number} is {width:.1f} × {height:.1f} inches large")
    return found


# --- in a notebook ----------------------------------------------------------------------------------------------

def judge(figure):
    """In words, what is wrong with a finished figure in print, on a dark ground and on a slide; changes it."""
    figure = as_figure(figure)
    found = [f"print: {words}" for words in faint_texts(figure) + series_alike(figure)]
    themes.apply_theme(figure, "dark")
    found += [f"dark: {words}" for words in faint_texts(figure) + series_alike(figure)]
    wanted = themes.THEMES["slide"]
    slide.enlarge_parts(figure, wanted.size, wanted.scale, wanted.smallest_text)
    sizes = {text.get_text(): text.get_fontsize() for text in visible_texts(figure)}
    found += [f"slide: {words!r} has {size:g} points" for words, size in sizes.items() if size < wanted.smallest_text]
    return found + [f"slide: {words}" for words in panels_without_room(figure)]


def install():
    """Have every figure that a notebook saves judged, and what is found written into the folder of figures."""
    from helpers import plots

    save = plots.save_figure

    def save_and_judge(target, name, **options):
        path = save(target, name, **options)
        file = Path(os.environ["CIFAR_FIGURES"]) / FILE
        file.write_text(json.dumps(read_judged(file.parent) | {name: judge(target)}))
        return path

    plots.save_figure = save_and_judge


def read_judged(folder):
    """What was found, {name of the figure: list of words}."""
    file = folder / FILE
    return json.loads(file.read_text()) if file.exists() else {}
