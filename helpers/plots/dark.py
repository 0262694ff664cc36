"""A finished figure on a dark ground: grays turned over, colors lightened until they stand out, pictures untouched."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import Collection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from helpers.plots.artists import axis_parts, over_picture, unchanged
from helpers.plots.style import contrast

GRAY = 0.06  # largest difference between red, green and blue of what counts as gray
TEXT, SERIES = 4.5, 3.0  # contrast against the ground: WCAG 2.2, success criteria 1.4.3 and 1.4.11
STEPS = 50
GRID_ALPHA = 0.15


def on_dark(color, ground: str, ink: str, needed: float = SERIES) -> tuple[float, float, float, float]:
    """The color that takes the place of one drawn for white paper; its alpha stays."""
    *parts, alpha = to_rgba(color)
    parts = np.array(parts)
    if np.ptp(parts) < GRAY:
        dark, light = np.array(to_rgba(ground)[:3]), np.array(to_rgba(ink)[:3])
        return (*(light + parts.mean() * (dark - light)), alpha)
    return (*_lightened(parts, ground, needed), alpha)


def _lightened(parts: np.ndarray, ground: str, needed: float) -> np.ndarray:
    """The color with as much white in it as its contrast needs."""
    for share in np.linspace(0, 1, STEPS):
        mixed = parts + share * (1 - parts)
        if contrast(mixed, ground) >= needed:
            return mixed
    return np.ones(3)


def darken(figure: Figure, ground: str, ink: str) -> None:
    """Change the colors of a figure that was drawn on white; pictures, and what is drawn on them, stay."""
    def turned(color, needed=SERIES):
        return on_dark(color, ground, ink, needed)

    for artist in unchanged(figure, "dark"):
        if over_picture(artist):
            continue
        if isinstance(artist, Text):
            _darken_text(artist, turned)
        elif isinstance(artist, Line2D):
            _darken_line(artist, turned)
        elif isinstance(artist, Patch):
            _darken_patch(artist, turned)
        elif isinstance(artist, Collection) and artist.get_array() is None:
            _darken_collection(artist, turned)
    for axis in axis_parts(figure):
        _darken_axis(axis, ink, turned)


def _darken_text(text: Text, turned) -> None:
    text.set_color(turned(text.get_color(), TEXT))
    arrow = getattr(text, "arrow_patch", None)
    if arrow is not None:
        _darken_patch(arrow, turned)


def _darken_line(line: Line2D, turned) -> None:
    parts = ("color", "markerfacecolor", "markeredgecolor")
    drawn = {part: getattr(line, f"get_{part}")() for part in parts}  # all first: markers follow their line
    for part, color in drawn.items():
        if not isinstance(color, str) or color not in ("none", "auto"):
            getattr(line, f"set_{part}")(turned(color))


def _darken_patch(patch: Patch, turned) -> None:
    face, edge = patch.get_facecolor(), patch.get_edgecolor()
    patch.set_facecolor(turned(face))
    patch.set_edgecolor(turned(edge))


def _darken_collection(collection: Collection, turned) -> None:
    faces, edges = collection.get_facecolor(), collection.get_edgecolor()
    collection.set_facecolor([turned(color) for color in faces])
    collection.set_edgecolor([turned(color) for color in edges])


def _darken_axis(axis, ink: str, turned) -> None:
    """Ticks, their labels and the grid: those that a later layout adds, too."""
    axis.set_tick_params(which="both", color=ink, labelcolor=ink, grid_color=to_rgba(ink, GRID_ALPHA))
    axis.label.set_color(ink)
    if hasattr(axis, "pane"):  # of three dimensions
        axis.line.set_color(ink)
        axis.set_pane_color(turned("0.95"))
        axis._axinfo["grid"]["color"] = turned("0.8")
