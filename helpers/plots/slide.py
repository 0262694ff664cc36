"""A finished figure at the size of a slide, with text that the last row can read, and what finds no room."""

from __future__ import annotations

import math
import textwrap
from itertools import combinations, pairwise

import numpy as np
from matplotlib.axis import Axis
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from helpers.plots.artists import axis_parts, titles_of, unchanged

SLACK = 1.05  # how much wider than its place a text may be
PADS = {"w_pad": 0.2, "h_pad": 0.15}  # inches
ROUNDS = 3  # of laying out and breaking lines: each changes the room of the other
CHARACTER = 0.57  # width of a mean character, as a share of the size of its text
LINE_SPACING = 1.2  # from one line of a text to the next, as a share of its size


def enlarge(figure: Figure, size: tuple[float, float], scale: float, smallest: float) -> list[str]:
    """Change the size of a figure and of all that is in it; returns what of its text finds no room, in words."""
    enlarge_parts(figure, size, scale, smallest)
    _break_caption(figure)
    for number in range(ROUNDS):
        figure.draw_without_rendering()
        if number:  # after the ticks, which may have left too little room
            _break_titles(figure)
        _relieve_ticks(figure)
    figure.draw_without_rendering()
    return _crowded(figure)


def enlarge_parts(figure: Figure, size: tuple[float, float], scale: float, smallest: float) -> None:
    """Change the size of a figure, of its text, lines and markers, and leave all of it where it is."""
    figure.set_size_inches(size)
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.get_layout_engine().set(**PADS)
    for artist in unchanged(figure, "slide"):
        _scale(artist, scale, smallest)
    for axis in axis_parts(figure):
        _scale_ticks(axis, scale, smallest)
    for ax in figure.axes:
        _renew_legend(ax)
    unchanged(figure, "slide")  # the new legends are as they are to be


def _scale(artist, scale: float, smallest: float) -> None:
    if isinstance(artist, Text):
        artist.set_fontsize(max(smallest, scale * artist.get_fontsize()))
    elif isinstance(artist, Line2D):
        artist.set_linewidth(scale * artist.get_linewidth())
        artist.set_markersize(scale * artist.get_markersize())
    elif isinstance(artist, Patch):
        artist.set_linewidth(scale * artist.get_linewidth())
    elif isinstance(artist, Collection):
        artist.set_linewidth([scale * width for width in artist.get_linewidth()])
    if isinstance(artist, PathCollection):
        artist.set_sizes(scale**2 * artist.get_sizes())


def _scale_ticks(axis: Axis, scale: float, smallest: float) -> None:
    """The labels of ticks, those that a later layout adds, too."""
    ticks = axis.get_major_ticks()
    if not ticks or getattr(axis, "ticks_scaled", False):
        return
    axis.ticks_scaled = True
    axis.set_tick_params(which="both", labelsize=max(smallest, scale * ticks[0].label1.get_fontsize()))
    axis.offsetText.set_fontsize(smallest)
    if hasattr(axis, "pane"):  # of three dimensions
        axis.labelpad = 30 if axis.axis_name == "z" else 16
        axis.set_tick_params(pad=8)


def _renew_legend(ax) -> None:
    """The legend once more: it spaces its rows by the size of text that it was made with."""
    old = ax.get_legend()
    if old is None or not old.get_texts():
        return
    names = [text.get_text() for text in old.get_texts()]
    handles, labels = ax.get_legend_handles_labels()
    if labels != names:  # the notebook made it of other parts
        handles = old.legend_handles
    place = {"frameon": True, "framealpha": 0.8, "edgecolor": "none"}  # larger than it was: it may lie on a series
    if old._bbox_to_anchor is not None:
        place["bbox_to_anchor"] = old.get_bbox_to_anchor().transformed(ax.transAxes.inverted()).p0
    ax.legend(handles, names, fontsize=old.get_texts()[0].get_fontsize(), loc=old._loc, ncols=old._ncols, **place)


def _break_caption(figure: Figure) -> None:
    caption = figure._supxlabel
    if caption is not None:
        _fill(caption, figure.bbox.width)


def _fill(text: Text, pixels: float) -> None:
    """Break a text into lines that fit into so many pixels, by the width of a mean character."""
    width = CHARACTER * text.get_fontsize() * text.figure.dpi / 72
    unbroken = " ".join(text.get_text().split(" ")).replace("\n", " ")
    text.set_text(textwrap.fill(unbroken, max(8, int(pixels / width)), break_long_words=False))


def _break_titles(figure: Figure) -> None:
    """Break titles and labels that are wider than the place of their axes."""
    for text in titles_of(figure):
        _break_if_wider(text, _room_of_title(text.axes, figure))
    for ax in figure.axes:
        _break_if_wider(ax.xaxis.label, _place_of(ax, figure).width)
        if ax.yaxis.label.get_rotation() == 90:
            _break_if_wider(ax.yaxis.label, _place_of(ax, figure).height, along="height")
    if figure._suptitle is not None:
        _break_if_wider(figure._suptitle, figure.bbox.width)


def _room_of_title(ax, figure: Figure) -> float:
    """The width of the place of these axes, or what the slide has on both sides of their middle."""
    middle = (ax.bbox.x0 + ax.bbox.x1) / 2
    return min(_place_of(ax, figure).width, 2 * min(middle, figure.bbox.width - middle) / SLACK)


def _place_of(ax, figure: Figure):
    return ax.get_position(original=True).transformed(figure.transFigure)


def _break_if_wider(text: Text, pixels: float, along: str = "width") -> None:
    if not text.get_text():
        return
    length = getattr(text.get_window_extent(), along)
    if length <= pixels * SLACK:
        return
    longest = max(len(line) for line in text.get_text().split("\n"))
    characters = max(8, int(longest * pixels / length))
    lines = [textwrap.fill(line, characters, break_long_words=False) for line in text.get_text().split("\n")]
    text.set_text("\n".join(lines))


def _labels(axis: Axis) -> list[Text]:
    """The labels of an axis's ticks that are seen."""
    low, high = sorted(axis.get_view_interval())
    shown = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [t.label1 for t in shown if t.label1.get_text() and t.label1.get_visible() and axis.axes.axison]


def _overlap(axis: Axis) -> bool:
    """Whether neighbors of the labels touch; rows, and turned ones, are as far apart as their lines of writing."""
    labels = _labels(axis)
    boxes = [label.get_window_extent() for label in labels]
    turn = math.sin(math.radians(labels[0].get_rotation())) if labels else 0
    if turn:
        ends = [(box.x1, box.y1) for box in boxes]
        return any(abs(turn) * math.dist(one, other) < _line(labels[0]) for one, other in pairwise(ends))
    if axis.axis_name == "y":
        middles = [(box.y0 + box.y1) / 2 for box in boxes]
        apart = [abs(one - other) for one, other in pairwise(middles)]
        needed = [(_height(one) + _height(other)) / 2 for one, other in pairwise(labels)]
        return any(room < height for room, height in zip(apart, needed, strict=True))
    return any(one.overlaps(other) for one, other in pairwise(boxes))


def _line(label: Text) -> float:
    """The height of a line of writing, in pixels."""
    return label.get_fontsize() * label.figure.dpi / 72


def _height(label: Text) -> float:
    """The height of all lines of a label, without the space above and below."""
    return _line(label) * (1 + LINE_SPACING * label.get_text().count("\n"))


def _relieve_ticks(figure: Figure) -> None:
    """Where labels overlap: every second number of a row, names of columns once, or labels at an angle."""
    for ax in figure.axes:
        if hasattr(ax, "zaxis"):
            continue
        for axis in (ax.xaxis, ax.yaxis):
            if _overlap(axis) and _is_row_of_numbers(_words(axis)):
                _keep_every_second(axis)
        if not _overlap(ax.xaxis):
            continue
        if _words(ax.xaxis) == _words(ax.yaxis):
            _name_rows_alone(ax)
        elif _labels(ax.xaxis)[0].get_rotation() == 0:
            ax.tick_params(axis="x", labelrotation=45)


def _words(axis: Axis) -> list[str]:
    return [label.get_text() for label in _labels(axis)]


def _is_row_of_numbers(words: list[str]) -> bool:
    """Whether the words are numbers at equal steps, of which a reader can guess those left out."""
    try:
        steps = np.diff([float(word.replace("\u2212", "-")) for word in words])
    except ValueError:
        return False
    return len(steps) > 1 and np.allclose(steps, steps[0])


def _keep_every_second(axis: Axis) -> None:
    """Leave every other label of a row away; the ticks stay."""
    low, high = sorted(axis.get_view_interval())
    places = [tick.get_loc() for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    names = [tick.label1.get_text() for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    kept = [place for place, name in enumerate(names) if name][::2]
    axis.set_ticks(places, labels=[name if place in kept else "" for place, name in enumerate(names)])


def _name_rows_alone(ax) -> None:
    """Rows and columns of a matrix have the same names, and the columns have no room for them."""
    ax.set_xticks(ax.get_xticks(), [""] * len(ax.get_xticks()))
    ax.set_xlabel(f"{ax.get_xlabel()} (in the order of the rows)".lstrip())


def _crowded(figure: Figure) -> list[str]:
    """In words, what overlaps or leaves the slide."""
    found = [f"labels of the {axis.axis_name} axis overlap" for axis in axis_parts(figure)
             if not hasattr(axis, "pane") and _overlap(axis)]
    titles = [text.get_window_extent() for text in titles_of(figure)]
    if any(one.overlaps(other) for one, other in combinations(titles, 2)):
        found.append("titles overlap")
    every = [*titles_of(figure), figure._supxlabel, figure._suptitle]
    boxes = [text.get_window_extent() for text in every if text is not None and text.get_text()]
    if any(box.x0 < -1 or box.y0 < -1 or box.x1 > figure.bbox.x1 + 1 or box.y1 > figure.bbox.y1 + 1 for box in boxes):
        found.append("text leaves the slide")
    return sorted(set(found))
