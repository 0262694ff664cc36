"""How one level leads to the next: a floating bar per change, from where the last one ended."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from helpers.plots.style import COLORS, plain

WHOLE, UP, DOWN = "0.6", COLORS[0], COLORS[1]


def plot_waterfall(levels: dict[str, float], *, notes: dict | None = None, intervals: dict | None = None,
                   several: tuple = (), ax=None, xlabel="", ylabel="change", title="", logx=False) -> Axes:
    """What each change adds to a quantity, or takes from it, in the order in which the changes were made.

    Parameters
    ----------
    levels : dict
        ``{name: value}``: the start first, then the value that is reached with each further change. The start
        and the end are drawn as whole bars, each change as a bar from the value before it to its own.
    notes : dict, optional
        ``{name: text}`` beside the bar of a change, such as ``"+5.2"``.
    intervals : dict, optional
        ``{name: (low, high)}`` of the *difference* that a change makes; drawn around the end of its bar.
    several : tuple of str
        Changes that alter more than one thing at once; hatched, for they cannot say what did it.
    logx : bool
        Logarithmic axis: the length of a bar then is a factor.

    Raises
    ------
    ValueError
        For fewer than two levels, for a name that is no change, or for a level on a logarithmic axis that is
        not positive.
    """
    names, values = list(levels), np.array(list(levels.values()), dtype=float)
    named = [*(notes or {}), *(intervals or {}), *several]
    _require_changes(names, values, named, logx)
    ax = plt.subplots(figsize=(7.5, 1 + 0.36 * len(names)))[1] if ax is None else ax
    floor = 0 if not logx else values.min() / 1.5
    _draw_whole_bars(ax, values, floor)
    for row in range(1, len(names)):
        _draw_change(ax, row, values[row - 1], values[row], hatched=names[row] in several)
    _draw_intervals(ax, names, values, intervals or {})
    _write_notes(ax, names, values, notes or {}, intervals or {})
    ax.set_yticks([*range(len(names)), len(names)], [plain(name) for name in names] + ["in all"])
    ax.invert_yaxis()
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel), title=plain(title), xscale="log" if logx else "linear")
    _make_room(ax, floor, values.min(), logx)
    ax.legend(handles=_legend(values, bool(several)), fontsize=8, loc="best")
    return ax


def _require_changes(names: list, values: np.ndarray, named: list, logx: bool) -> None:
    if len(names) < 2:
        raise ValueError(f"levels of {names}: a start and at least one change are needed")
    if not np.isfinite(values).all() or (logx and values.min() <= 0):
        wanted = "positive" if logx else "finite"
        raise ValueError(f"levels {values.tolist()}: expected {wanted} numbers on this axis")
    if unknown := sorted(set(named) - set(names[1:])):
        raise ValueError(f"{unknown} are no changes: choose from {names[1:]}")


def _draw_whole_bars(ax: Axes, values: np.ndarray, floor: float) -> None:
    for row, value in ((0, values[0]), (len(values), values[-1])):
        ax.barh(row, value - floor, left=floor, color=WHOLE, height=0.6)


def _draw_change(ax: Axes, row: int, before: float, after: float, hatched: bool) -> None:
    """One floating bar, and a thin line down from the level before it."""
    color = UP if after >= before else DOWN
    ax.barh(row, after - before, left=before, color=color, height=0.6, hatch="///" if hatched else None,
            edgecolor="white" if hatched else color)
    ax.plot([before, before], [row - 1, row + 0.3], color="0.4", linewidth=0.8)
    ax.plot([after, after], [row - 0.3, row + 1], color="0.4", linewidth=0.8)


def _draw_intervals(ax: Axes, names: list, values: np.ndarray, intervals: dict) -> None:
    for name, (low, high) in intervals.items():
        row = names.index(name)
        before = values[row - 1]
        reach = [[values[row] - before - low], [before + high - values[row]]]
        ax.errorbar(values[row], row, xerr=reach, color="black", elinewidth=1, capsize=3)


def _make_room(ax: Axes, floor: float, lowest: float, logx: bool) -> None:
    """Space for the notes on the right, none before the whole bars on the left; on a log axis, readable ticks."""
    ax.use_sticky_edges = False
    ax.margins(x=0.15)
    ax.autoscale_view()
    if lowest >= floor:
        ax.set_xlim(left=floor)
    if logx:
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.xaxis.set_minor_locator(NullLocator())


def _write_notes(ax: Axes, names: list, values: np.ndarray, notes: dict, intervals: dict) -> None:
    """To the right of each bar and its interval."""
    for name, text in notes.items():
        row = names.index(name)
        before = values[row - 1]
        end = max(before, values[row], before + intervals.get(name, (0, 0))[1])
        ax.annotate(plain(text), (end, row), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9)


def _legend(values: np.ndarray, hatched: bool) -> list[Patch]:
    steps = np.diff(values)
    parts = []
    if (steps >= 0).any():
        parts.append(Patch(color=UP, label="more"))
    if (steps < 0).any():
        parts.append(Patch(color=DOWN, label="less"))
    if hatched:
        parts.append(Patch(facecolor=UP, hatch="///", edgecolor="white", label="several things changed at once"))
    return parts
