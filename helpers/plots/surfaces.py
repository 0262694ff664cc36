"""A loss over a plane of weights: as a map with contours, as a surface in three dimensions, and paths on it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from helpers.plots.curves import plot_lines
from helpers.plots.style import COLORS, plain

LEVELS = 13
RINGS = 6
XLABEL, YLABEL = "step along direction a", "step along direction b"


def _checked(xs, ys, losses, limits) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float]]:
    """Arrays, and the limits of the colors: those of the losses where none are given."""
    xs, ys, losses = (np.asarray(values, dtype=float) for values in (xs, ys, losses))
    if losses.shape != (len(ys), len(xs)) or min(losses.shape) < 2:
        raise ValueError(f"losses {losses.shape} do not fit {len(ys)} ys × {len(xs)} xs, at least two of each: "
                         "a row per y is expected")
    finite = losses[np.isfinite(losses)]
    low, high = limits or (finite.min(), finite.max())
    if not 0 < low < high:
        raise ValueError(f"limits {low:g} to {high:g}: colors are logarithmic and need 0 < low < high")
    return xs, ys, losses, (float(low), float(high))


def _within(losses: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """The losses cut at the limits; what is infinite or NaN counts as the highest."""
    return np.clip(np.nan_to_num(losses, nan=limits[1], posinf=limits[1]), *limits)


def plot_contours(xs, ys, losses, *, ax=None, title="", xlabel=XLABEL, ylabel=YLABEL,
                  limits: tuple[float, float] | None = None) -> Axes:
    """A map of the loss with contours, equally spaced in its logarithm; a cross marks the center.

    Parameters
    ----------
    losses : array (ys, xs)
        As of `analysis.loss_surface`.
    limits : (low, high), optional
        Losses of the darkest and the lightest color; beyond them the color stays. Maps that are to be compared share
        them, and then their contours lie at the same losses.
    """
    xs, ys, losses, limits = _checked(xs, ys, losses, limits)
    ax = plt.subplots(figsize=(4.8, 4.2))[1] if ax is None else ax
    levels = np.geomspace(*limits, LEVELS)
    inside = _within(losses, limits)
    picture = ax.contourf(xs, ys, inside, levels=levels, norm=LogNorm(*limits), cmap="viridis")
    ax.contour(xs, ys, inside, levels=levels[1:-1], colors="white", linewidths=0.5)
    ax.plot(0, 0, "+", color=COLORS[3], markersize=10, markeredgewidth=2)
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel), title=plain(title))
    ax.grid(False)
    bar = ax.figure.colorbar(picture, ax=ax, label="loss (log scale)", shrink=0.85)
    bar.set_ticks(levels[::3], labels=[f"{level:.3g}" for level in levels[::3]])
    bar.minorticks_off()
    return ax


def plot_paths(paths: dict, loss, *, marks: dict | None = None, ax=None, xlabel: str, ylabel: str,
               title: str = "") -> Axes:
    """Paths of a descent, told apart by color and dash, over gray rings of equal loss.

    Parameters
    ----------
    paths : dict
        ``{name: array (points, 2)}``: places in the plane, in their order.
    loss : callable
        ``loss(x, y)`` of two arrays (ys, xs), zero where it is lowest.
    marks : dict, optional
        ``{marker: [(x, y), …]}``: places to mark in black, each by a marker of Matplotlib's, as ``"x"`` or ``"+"``.
    """
    columns = {name: np.asarray(path, dtype=float).T for name, path in paths.items()}
    ax = plot_lines(columns, ax=ax, xlabel=xlabel, ylabel=ylabel, title=title)
    for marker, marked in (marks or {}).items():
        ax.plot(*np.transpose(marked), color="black", linestyle="none", marker=marker, markersize=9)
    ax.margins(0.12)
    x, y = np.meshgrid(np.linspace(*ax.get_xlim()), np.linspace(*ax.get_ylim()))
    heights = loss(x, y)
    ax.contour(x, y, heights, levels=heights.max() * np.linspace(0.1, 1, RINGS) ** 2, colors="0.8", linewidths=0.8,
               zorder=0)
    return ax


def plot_surface(xs, ys, losses, *, ax=None, title="", xlabel=XLABEL, ylabel=YLABEL,
                 limits: tuple[float, float] | None = None) -> Axes:
    """The loss as a surface over the plane; height and color are both its logarithm.

    Parameters
    ----------
    ax : Axes, optional
        Made with ``projection="3d"``.
    losses, limits
        As in `plot_contours`; the surface is cut flat at the higher limit.
    """
    xs, ys, losses, limits = _checked(xs, ys, losses, limits)
    if ax is None:
        ax = plt.figure(figsize=(5.4, 4.6)).add_subplot(projection="3d")
    if not hasattr(ax, "plot_surface"):
        raise ValueError('these axes are flat: make them by subplots(subplot_kw={"projection": "3d"})')
    height = np.log10(_within(losses, limits))
    low, high = np.log10(limits)
    grid_x, grid_y = np.meshgrid(xs, ys)
    ax.plot_surface(grid_x, grid_y, height, cmap="viridis", vmin=low, vmax=high, rstride=1, cstride=1,
                    linewidth=0.2, edgecolor="white")
    ax.set_box_aspect(None, zoom=0.8)  # else the layout cuts the label of the height
    for axis in "xy":
        ax.locator_params(axis=axis, nbins=4)  # more would overlap
    ticks = np.linspace(low, high, 4)
    ax.set(xlabel=plain(xlabel), ylabel=plain(ylabel), zlabel="loss (log scale)", zlim=(low, high))
    ax.set_title(plain(title), y=0.9)  # else far above: the zoom leaves room there
    ax.set_zticks(ticks, labels=[f"{10**tick:.3g}" for tick in ticks])
    return ax
