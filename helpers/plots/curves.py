"""Curves and bars: everything with two numeric axes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from helpers.plots.style import CHANNEL_COLORS, COLORS, SPLIT_STYLE, plain


def _axes(ax: Axes | None) -> Axes:
    return plt.subplots()[1] if ax is None else ax


def plot_history(rows: list[dict], quantity: str = "loss", *, ax=None, label: str = "your run",
                 reference_rows: list[dict] | None = None) -> Axes:
    """Loss or accuracy of train and val over the epochs; a reference run in gray beside it."""
    if quantity not in ("loss", "accuracy"):
        raise ValueError(f"quantity={quantity!r}: choose 'loss' or 'accuracy'")
    ax = _axes(ax)
    for split in ("train", "val"):
        name = f"{split}_{quantity}"
        for data, who, style in ((reference_rows or [], "reference run", {"color": "0.6"}), (rows, label, {})):
            points = [(row["epoch"], row[name]) for row in data if row.get(name) is not None]
            if points:
                look = {**SPLIT_STYLE[split], **style}
                ax.plot(*zip(*points, strict=True), **look, label=plain(f"{split}, {who}"))
    ax.set(xlabel="epoch", ylabel=quantity if quantity == "accuracy" else "cross-entropy")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if quantity == "accuracy":
        ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.legend(fontsize=8)
    return ax


def plot_lines(series: dict, *, ax=None, xlabel: str, ylabel: str, title: str = "", logx=False, logy=False) -> Axes:
    """Named lines, told apart by color and dash: ``{"name": (x, y)}``, or ``(x, y, low, high)`` for one in a band."""
    ax = _axes(ax)
    dashes = ["-", "--", ":", "-."]
    for number, (name, (x, y, *band)) in enumerate(series.items()):
        color = COLORS[number % len(COLORS)]
        ax.plot(np.asarray(x), np.asarray(y), label=plain(name), color=color, linestyle=dashes[number % len(dashes)])
        if band:
            low, high = band
            ax.fill_between(np.asarray(x), np.asarray(low), np.asarray(high), color=color, alpha=0.2)
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel), title=plain(title), xscale="log" if logx else "linear",
           yscale="log" if logy else "linear")
    if len(series) > 1:
        ax.legend(fontsize=8)
    return ax


def plot_schedule(lrs, momenta=None, *, ax=None, title: str = "") -> Axes:
    """Learning rate at every step, and momentum on a second axis if given."""
    ax = _axes(ax)
    ax.plot(np.asarray(lrs), color=COLORS[0], label="learning rate")
    ax.set(xlabel="step", ylabel="learning rate", title=plain(title))
    if momenta is not None:
        other = ax.twinx()
        other.plot(np.asarray(momenta), color=COLORS[3], linestyle="--")
        other.set(xlabel="step", ylabel="momentum (dashed)")
        other.grid(False)
    return ax


def plot_range_test(lrs, losses, suggestions: dict, *, ax=None, title: str = "") -> Axes:
    """Loss against learning rate, with a marked vertical line per suggestion."""
    ax = _axes(ax)
    lrs, losses = np.asarray(lrs), np.asarray(losses)
    ax.semilogx(lrs, losses, color="0.3", label="smoothed loss")
    for number, (name, lr) in enumerate(suggestions.items()):
        dash = ["-", "--", ":"][number % 3]
        ax.axvline(lr, color=COLORS[number % len(COLORS)], linestyle=dash, label=plain(f"{name}: {lr:.2g}"))
    low, start = np.nanmin(losses), losses[0]
    ax.set(xlabel="learning rate", ylabel="cross-entropy", title=plain(title),
           ylim=(low - 0.1 * (start - low), start + 0.8 * (start - low) + 1e-3))
    ax.legend(fontsize=8)
    return ax


def plot_histogram(counts, edges, *, ax=None, title: str = "", xlabel: str = "pixel value") -> Axes:
    """Share of pixels per bin for each channel: counts (3, bins), edges (bins + 1,)."""
    ax = _axes(ax)
    counts, edges = np.asarray(counts, dtype=float), np.asarray(edges)
    if counts.ndim != 2 or counts.shape[1] + 1 != len(edges):
        raise ValueError(f"counts {counts.shape} and {len(edges)} edges do not fit: need (channels, bins), bins + 1")
    for row, color, name in zip(counts, CHANNEL_COLORS, ("red", "green", "blue"), strict=False):
        ax.stairs(row / row.sum(), edges, color=color, label=name, linewidth=1.4)
    ax.set(xlabel=plain(xlabel), ylabel="share of pixels", title=plain(title))
    ax.legend(fontsize=8)
    return ax


def plot_bars(labels, values, *, low=None, high=None, dots: bool = False, ax=None, xlabel="", ylabel="",
              title="") -> Axes:
    """Horizontal bars in the order given, the first on top; `low` and `high` draw intervals.

    With `dots` a dot stands for each bar, and the axis need not begin at zero: for values that differ little.
    """
    ax = _axes(ax)
    values = np.asarray(values, dtype=float)
    error = None if low is None else np.clip([values - np.asarray(low), np.asarray(high) - values], 0, None)
    names = [plain(name) for name in labels]
    rows = range(len(names))  # not the names: two bars of one name would be drawn in one place
    if dots:
        ax.errorbar(values, rows, xerr=error, fmt="o", color=COLORS[0], capsize=3)
    else:
        ax.barh(rows, values, color=COLORS[5], xerr=error, error_kw={"elinewidth": 1, "capsize": 3})
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel), title=plain(title))
    return ax


def plot_reliability(bins: dict, *, fewest: int = 1, ax=None, label="", title="", number: int = 0) -> Axes:
    """Accuracy against confidence, a marker per bin, its area by the images in it; on the diagonal they agree.

    Call it again on the same axes with another `number` to compare models by color and marker.

    Parameters
    ----------
    bins : dict
        As of `analysis.reliability`: ``confidence``, ``accuracy`` and ``count`` of each bin, and, if they are there,
        ``low`` and ``high``, the ends of an interval around each accuracy.
    fewest : int
        Bins of fewer images are left out: so few say little, and look as sure as the others.
    """
    ax = _axes(ax)
    confidence, accuracy, count = (np.asarray(bins[part], dtype=float) for part in ("confidence", "accuracy", "count"))
    shown = count >= max(fewest, 1)
    color = COLORS[number % len(COLORS)]
    if not ax.lines:
        ax.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1, label="as sure as right")
    ax.plot(confidence[shown], accuracy[shown], color=color, linewidth=1)
    if "low" in bins:
        ends = np.asarray(bins["low"])[shown], np.asarray(bins["high"])[shown]
        ax.vlines(confidence[shown], *ends, color=color, linewidth=1)
    ax.scatter(confidence[shown], accuracy[shown], s=10 + 190 * count[shown] / count.sum(), color=color,
               marker="os^D"[number % 4], alpha=0.8, label=plain(label) or None, clip_on=False, zorder=3)
    ax.set(xlabel="confidence", ylabel="share that is right", title=plain(title), xlim=(0, 1.02), ylim=(0, 1.02))
    ax.legend(fontsize=8, loc="upper left")
    return ax


def plot_calibration(bins: dict, axes, *, name: str, fewest: int = 20, number: int = 0) -> Axes:
    """Two panels: above how often answers of each confidence are right, below how many there are.

    Parameters
    ----------
    bins : dict
        As of `analysis.reliability`; bins of fewer than `fewest` images are left out above.
    axes : pair of Axes
        The upper becomes a square, and its title says the ECE and to which side the answers err, if to any.
    """
    upper, lower = axes
    plot_reliability(bins, fewest=fewest, ax=upper, number=number,
                     title=f"{name}:\n{_side_of_error(bins)},\nECE {100 * bins['ece']:.1f} points")
    upper.set_box_aspect(1)
    edges = np.linspace(0, 1, len(bins["count"]) + 1)
    lower.stairs(bins["count"], edges, fill=True, color=COLORS[number], alpha=0.7)
    lower.set(xlabel="confidence", ylabel="answers")
    _say_once(upper, lower)
    return upper


def _say_once(upper, lower) -> None:
    """Among panels that share axes, only the outer ones name them; the caption explains the dashed diagonal."""
    upper.get_legend().remove()
    if upper.get_shared_x_axes().joined(upper, lower):
        upper.xaxis.label.set_visible(False)
    place = upper.get_subplotspec()
    if place is None or place.is_first_col():
        return
    for ax in (upper, lower):
        if len(ax.get_shared_y_axes().get_siblings(ax)) > 1:
            ax.yaxis.label.set_visible(False)


def _side_of_error(bins: dict) -> str:
    """Whether answers are too sure or too modest, by more than chance explains: two standard errors of the accuracy."""
    accuracy, count = np.asarray(bins["accuracy"], dtype=float), np.asarray(bins["count"])
    filled = count > 0
    answers = count.sum()
    right = (accuracy[filled] * count[filled]).sum() / answers
    margin = 2 * np.sqrt(right * (1 - right) / answers)
    if abs(bins["excess"]) <= margin:
        return "about as sure as right"
    return "too sure" if bins["excess"] > 0 else "too modest"


def plot_tradeoff(names, cost, value, *, low=None, high=None, ax=None, xlabel="", ylabel="", title="",
                  logx=True) -> Axes:
    """A named point per model: what it gives against what it costs; `low` and `high` draw intervals."""
    ax = _axes(ax)
    cost, value, low, high = (None if part is None else np.asarray(part, dtype=float)
                              for part in (cost, value, low, high))
    for i, name in enumerate(names):
        error = None if low is None else [[value[i] - low[i]], [high[i] - value[i]]]
        ax.errorbar(cost[i], value[i], yerr=error, fmt="os^DvPX*"[i % 8], color=COLORS[i % len(COLORS)], capsize=3,
                    markersize=7, label=plain(name), markeredgecolor="black", markeredgewidth=0.5)
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel), title=plain(title), xscale="log" if logx else "linear")
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax
