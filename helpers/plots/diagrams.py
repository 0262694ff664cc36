"""Diagrams: a network as a row of boxes, and a slope chart of how an order changes."""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from helpers.plots.style import COLORS, plain

GAP = 1.0  # between two boxes, in units of the narrowest
SAME, RISES, FALLS = "0.6", COLORS[0], COLORS[3]


class Part(NamedTuple):
    """One box of `plot_network`: the map that leaves this part of a network."""

    name: str
    channels: int
    side: int  # of the map, in pixels
    skip: bool = False  # whether a way leads around it

    def __str__(self) -> str:
        """Name and shape on one line, for an alt text: "block 512 × 4 × 4"."""
        return f"{self.name} {self.channels} × {self.side} × {self.side}".replace("\n", " ")


def plot_network(parts, *, ax: Axes | None = None, title: str = "") -> Axes:
    """A network from left to right: boxes as high as their maps, wider for more channels, an arc for each skip.

    Parameters
    ----------
    parts : list of Part
        The first is the image. Heights and widths grow with the square root and the logarithm of what they stand for,
        so that the smallest can still be seen; the numbers are below.
    """
    ax = plt.subplots(figsize=(10.5, 3.6))[1] if ax is None else ax
    left, tallest = 0.0, np.sqrt(max(part.side for part in parts))
    for number, part in enumerate(parts):
        width, height = 0.7 + 0.25 * np.log2(part.channels), np.sqrt(part.side)
        color = COLORS[1] if part.skip else COLORS[5]
        ax.add_patch(Rectangle((left, -height / 2), width, height, facecolor=color, edgecolor="0.2", alpha=0.8))
        middle = left + width / 2
        ax.text(middle, -tallest / 2 - 0.4, plain(part.name), ha="center", va="top", fontsize=8)
        ax.text(middle, -tallest / 2 - 1.75, f"{part.channels}\n× {part.side} × {part.side}", ha="center", va="top",
                fontsize=8, color="0.35")
        if number:
            _arrow(ax, (left - GAP, 0), (left, 0))
        if part.skip:
            _arrow(ax, (left - GAP / 2, 0), (left + width + GAP / 2, 0), bend=-height / 2 - 0.9)
        left += width + GAP
    ax.set(xlim=(-GAP, left), ylim=(-tallest / 2 - 3.2, tallest / 2 + 0.3), title=plain(title))
    ax.set_axis_off()
    return ax


def _arrow(ax: Axes, start: tuple, end: tuple, bend: float = 0.0) -> None:
    """A straight arrow; with `bend` a way of three sides around a box, that far below (or above) the middle."""
    style = "-|>,head_length=3,head_width=2"
    if not bend:
        ax.add_patch(FancyArrowPatch(start, end, arrowstyle=style, color="0.2", shrinkA=0, shrinkB=0))
        return
    ax.plot([start[0], start[0], end[0]], [0, -bend, -bend], color=COLORS[3], linewidth=1.6)
    ax.add_patch(FancyArrowPatch((end[0], -bend), (end[0], 0), arrowstyle=style, color=COLORS[3], linewidth=1.6,
                                 shrinkA=0, shrinkB=0))


def plot_slopes(names, left, right, *, ends: tuple[str, str], chance: float | None = None, ax: Axes | None = None,
                ylabel: str = "", title: str = "") -> Axes:
    """A line per name from what it reached in one race to what it reached in another; the largest is first.

    Names that gain a place are blue and dashed, those that lose one are red, the others gray; each is labeled with
    its places.

    Parameters
    ----------
    left, right : lists
        Of ``(mean, low, high, …)`` per name, as of `analysis.mean_interval`; NaN ends are not drawn.
    ends : pair of str
        What the two races are.
    chance : float, optional
        What guessing would reach: a dotted line.
    """
    ax = plt.subplots(figsize=(6.4, 4.6))[1] if ax is None else ax
    left, right = (np.array([row[:3] for row in side], dtype=float) for side in (left, right))
    if not len(names) == len(left) == len(right):
        raise ValueError(f"{len(names)} names, {len(left)} left and {len(right)} right: one of each is needed per line")
    before, after = places(left[:, 0]), places(right[:, 0])
    shown = [*left[:, 0], *right[:, 0], *([] if chance is None else [chance])]
    heights = _spread(right[:, 0], 0.06 * np.ptp(shown))
    for row, name in enumerate(names):
        color, dash = _look(before[row], after[row])
        ends_of_line = np.array([left[row], right[row]])
        errors = np.abs(ends_of_line[:, 1:] - ends_of_line[:, :1]).T
        ax.errorbar([0, 1], ends_of_line[:, 0], yerr=errors, color=color, linestyle=dash, marker="o", capsize=3)
        ax.annotate(f"{before[row]} → {after[row]}  {plain(name)}", (1, right[row, 0]), (1.12, heights[row]),
                    va="center", fontsize=8, color="black",
                    arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.6, "relpos": (0, 0.5)})
    if chance is not None:
        ax.axhline(chance, color="0.6", linestyle=":", linewidth=1)
    ax.set_xticks([0, 1], [plain(end) for end in ends])
    ax.set(xlim=(-0.15, 2.0), xlabel="race", ylabel=plain(ylabel), title=plain(title))
    ax.grid(axis="x", visible=False)
    return ax


def places(values) -> list[int]:
    """The place of each value, 1 for the largest; equal ones in their order."""
    order = np.argsort(-np.asarray(values, dtype=float), kind="stable")
    found = np.empty(len(order), dtype=int)
    found[order] = np.arange(1, len(order) + 1)
    return found.tolist()


def _look(before: int, after: int) -> tuple[str, str]:
    if before == after:
        return SAME, "-"
    return (RISES, "--") if after < before else (FALLS, "-")


def _spread(values: np.ndarray, apart: float) -> np.ndarray:
    """Heights for labels: the values in their order, pushed up where two are nearer than `apart`."""
    heights = np.array(values, dtype=float)
    order = np.argsort(heights, kind="stable")
    for lower, upper in zip(order, order[1:], strict=False):
        heights[upper] = max(heights[upper], heights[lower] + apart)
    return heights
