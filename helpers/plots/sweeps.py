"""What a sweep found: curves with bands, hills, heatmaps' differences; each with its scatter over seeds."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from helpers.plots.style import COLORS, plain

MARKERS = "os^DvPX*"
DASHES = ["-", "--", ":", "-."]


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots()[1] if ax is None else ax


def plot_bands(series: dict, *, ax=None, xlabel: str, ylabel: str, title: str = "", logx=False) -> Axes:
    """Named settings over time: a thin line per seed, their mean in bold.

    Parameters
    ----------
    series : dict
        ``{name: (x, values)}``, x of shape (points,), values (seeds, points).
    """
    ax = _axes(ax)
    for number, (name, (x, values)) in enumerate(series.items()):
        values = np.atleast_2d(np.asarray(values, dtype=float))
        if values.shape[1] != len(x):
            raise ValueError(f"{name}: values of shape {values.shape} for {len(x)} points; expected (seeds, points)")
        color = COLORS[number % len(COLORS)]
        ax.plot(x, values.T, color=color, linewidth=0.6, alpha=0.5)
        ax.plot(x, values.mean(0), color=color, linewidth=2, linestyle=DASHES[number % len(DASHES)],
                label=plain(f"{name} (n = {len(values)})"))
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel), title=plain(title), xscale="log" if logx else "linear")
    ax.legend(fontsize=8)
    return ax


def plot_hill(series: dict, *, ax=None, xlabel: str, ylabel: str, title: str = "", logx=True) -> Axes:
    """What was reached against a setting: the mean with its interval at each value, a dot per seed.

    Parameters
    ----------
    series : dict
        ``{name: (x, intervals, dots)}``: x (points,), `intervals` of ``mean, low, high, …`` per point (NaN ends where
        there are too few seeds), `dots` a list of values per point.
    """
    ax = _axes(ax)
    for number, (name, (x, intervals, dots)) in enumerate(series.items()):
        x = np.asarray(x, dtype=float)
        mean, low, high = (np.array([interval[i] for interval in intervals], dtype=float) for i in range(3))
        color = COLORS[number % len(COLORS)]
        ax.errorbar(x, mean, yerr=[mean - low, high - mean], color=color, marker=MARKERS[number % len(MARKERS)],
                    linestyle=DASHES[number % len(DASHES)], capsize=3, linewidth=1.4, label=plain(name))
        for place, values in zip(x, dots, strict=True):
            ax.plot([place] * len(values), values, linestyle="none", marker="_", markersize=8, color=color, alpha=0.6)
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel), title=plain(title), xscale="log" if logx else "linear")
    if len(series) > 1:
        ax.legend(fontsize=8)
    return ax


def plot_differences(labels, differences, *, ax=None, xlabel="", ylabel="change", title="") -> Axes:
    """Paired differences on one scale: mean and interval per row, a dot per seed, zero marked.

    Parameters
    ----------
    differences : list
        With ``mean``, ``low``, ``high`` and ``by_seed``, as of `analysis.difference`: shares, drawn in percentage
        points, or what has another ``unit``, in that. Without an interval (NaN) only the dots are drawn.
    """
    labels = [plain(label) for label in labels]
    if len(labels) != len(differences):
        raise ValueError(f"{len(labels)} labels for {len(differences)} differences: one for each is needed")
    ax = plt.subplots(figsize=(6.4, 0.8 + 0.4 * len(labels)))[1] if ax is None else ax
    scale, unit = _scale_of(differences)
    rows = np.arange(len(labels))
    for row, one in zip(rows, differences, strict=True):
        ax.plot(scale * np.asarray(one.by_seed), [row] * len(one.by_seed), "o", color=COLORS[5], alpha=0.7)
        if np.isfinite(one.low):
            ax.plot([scale * one.low, scale * one.high], [row, row], color=COLORS[0], linewidth=2)
            ax.plot(scale * one.mean, row, "D", color=COLORS[0], markersize=6)
    ax.axvline(0, color="0.4", linewidth=1)
    ax.set_yticks(rows, labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)  # the first on top, with room to the frame; shared axes stay so
    ax.set(xlabel=plain(xlabel or unit), ylabel=plain(ylabel), title=plain(title))
    return ax


def _scale_of(differences) -> tuple[int, str]:
    """By what to multiply differences of one unit, and what to call it on the axis."""
    units = {getattr(one, "unit", "points") for one in differences}
    if len(units) > 1:
        raise ValueError(f"the differences are in {' and '.join(sorted(units))}: one axis cannot show both")
    unit = units.pop() if units else "points"
    return (100, "percentage points gained") if unit == "points" else (1, f"gained {unit}")
