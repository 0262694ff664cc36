"""What themes ask of a finished figure: its parts, which of them lie on a picture, and which are new to a theme."""

from __future__ import annotations

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.text import Text


def unchanged(figure: Figure, theme: str) -> list[Artist]:
    """Every artist of a figure that was not handed out for this theme before, ticks apart: `axis_parts` has them."""
    of_axes = {id(part) for axis in axis_parts(figure) for part in axis.findobj() if part is not axis.label}
    found = [a for a in figure.findobj() if getattr(a, "theme", None) != theme and id(a) not in of_axes]
    for artist in found:
        artist.theme = theme
    return found


def axis_parts(figure: Figure) -> list[Axis]:
    """The x, y and z axis of all axes of a figure."""
    return [getattr(ax, name) for ax in figure.axes for name in ("xaxis", "yaxis", "zaxis") if hasattr(ax, name)]


def over_picture(artist: Artist) -> bool:
    """Whether an artist is drawn in the data of a picture, a map or a colored surface: the ground under it stays."""
    ax = artist.axes
    if not isinstance(ax, Axes) or artist is ax or not _is_picture(ax):
        return False
    return artist in (*ax.texts, *ax.lines, *ax.collections, *ax.patches)


def _is_picture(ax) -> bool:
    return bool(ax.images) or any(_is_filled_by_value(part) for part in ax.collections)


def _is_filled_by_value(part: Collection) -> bool:
    return part.get_array() is not None and bool(len(part.get_facecolor()))


def titles_of(figure: Figure) -> list[Text]:
    """The titles that are not empty, left and right ones too."""
    every = [text for ax in figure.axes for text in (ax.title, ax._left_title, ax._right_title)]
    return [text for text in every if text.get_text()]
