"""Themes: what a finished figure becomes for print, for a lecture hall, or for a dark page.

A plot draws for print and knows no theme. `apply_theme` then changes every artist of the figure, so that colors and
sizes follow the theme also where a notebook wrote them by hand.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from matplotlib.figure import Figure

from helpers.plots.dark import darken
from helpers.plots.slide import enlarge


@dataclass(frozen=True)
class Theme:
    """What a theme changes; None and 1 leave a figure as it was drawn."""

    size: tuple[float, float] | None = None  # inches
    scale: float = 1  # of text, lines and markers
    smallest_text: float = 0  # points
    ground: str | None = None
    ink: str | None = None
    dpi: int | None = None  # dots per inch of a PNG, where none are asked for


THEMES = {
    "print": Theme(),
    "slide": Theme(size=(40 / 3, 7.5), scale=1.8, smallest_text=18, dpi=144),  # 16:9; 1920 × 1080 dots
    "dark": Theme(ground="#14171a", ink="#e8eaed"),
}


def chosen_theme() -> str:
    """The name of the theme, ``$CIFAR_THEME`` or "print"; an unknown one raises `ValueError` that lists the known."""
    name = os.environ.get("CIFAR_THEME") or "print"
    if name not in THEMES:
        raise ValueError(f"unknown theme {name!r}: choose from {', '.join(THEMES)}")
    return name


def apply_theme(figure: Figure, name: str) -> list[str]:
    """Change a finished figure to a theme; returns what of its text finds no room, in words.

    A figure that is drawn on and saved again is changed only where it is new.
    """
    theme = THEMES[name]
    crowded = []
    if theme.size:
        crowded = enlarge(figure, theme.size, theme.scale, theme.smallest_text)
    if theme.ground:
        darken(figure, theme.ground, theme.ink)
    return crowded
