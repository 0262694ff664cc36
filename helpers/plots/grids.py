"""Matrices: with a number in each cell, several on one scale, or, for a hundred classes, sorted by group."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from helpers.plots.style import plain, readable_on

FEW_COLUMNS = 6  # up to so many, a cell has room for larger numbers


def plot_matrix(matrix, row_labels, column_labels, *, ax=None, title="", xlabel="", ylabel="", fmt="{:.2f}",
                limits: tuple[float, float] | None = None, colorbar: bool = True, bar_label: str = "") -> Axes:
    """A labeled heatmap; text turns white on dark cells, zeros and NaN stay blank.

    `limits` are the values of the darkest and the lightest color; heatmaps that are to be compared share them, and
    then need one color bar for all: the others are drawn without. `bar_label` says what the colors are, with the unit.
    """
    matrix = np.asarray(matrix, dtype=float)
    if matrix.shape != (len(row_labels), len(column_labels)):
        raise ValueError(f"matrix {matrix.shape} does not fit {len(row_labels)} rows × {len(column_labels)} columns")
    ax = plt.subplots(figsize=(6.4, 5.6))[1] if ax is None else ax
    low, high = limits or (np.nanmin(matrix), np.nanmax(matrix))
    picture = ax.imshow(matrix, cmap="viridis", interpolation="nearest", vmin=low, vmax=high)
    ax.set(title=plain(title), xlabel=plain(xlabel), ylabel=plain(ylabel))
    ax.set_xticks(range(len(column_labels)), [plain(name) for name in column_labels], rotation=45, ha="right")
    ax.set_yticks(range(len(row_labels)), [plain(name) for name in row_labels])
    ax.grid(False)
    size = 10 if len(column_labels) <= FEW_COLUMNS else 7
    for (row, column), value in np.ndenumerate(matrix):
        if value and not np.isnan(value):
            ax.text(column, row, fmt.format(value), ha="center", va="center", fontsize=size,
                    color=readable_on(picture.to_rgba(value)))
    if colorbar:
        ax.figure.colorbar(picture, ax=ax, shrink=0.8, label=plain(bar_label))
    return ax


def plot_maps(maps: dict, *, label: str, limits: tuple[float, float] | None = None, columns: int = 3,
              size: float = 2.6, title: str = "") -> Figure:
    """Named maps in rows of `columns`, all on one scale with one color bar; zeros and NaN stay white.

    Parameters
    ----------
    maps : dict
        ``{name: array (H, W)}``; each is drawn `size` inches wide.
    label : str
        What the colors are, with the unit.
    limits : pair of float, optional
        Values of the darkest and the lightest color; those of all maps by default.
    """
    if not maps:
        raise ValueError("maps is empty: give at least one, {name: array of shape (H, W)}")
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    shown = {name: np.where(np.asarray(one) == 0, np.nan, one) for name, one in maps.items()}
    low, high = limits or (min(map(np.nanmin, shown.values())), max(map(np.nanmax, shown.values())))
    figure, axes = plt.subplots(rows, columns, figsize=(columns * size, rows * size), squeeze=False)
    for ax in axes.flat[len(maps):]:
        ax.axis("off")
    for ax, (name, values) in zip(axes.flat, shown.items(), strict=False):
        picture = ax.imshow(values, cmap="viridis", interpolation="nearest", vmin=low, vmax=high)
        ax.set(title=plain(name), xticks=[], yticks=[])
        ax.spines[:].set_visible(True)  # where a map is white
    figure.colorbar(picture, ax=axes, shrink=0.7, label=plain(label))
    figure.suptitle(plain(title))
    return figure


def plot_confusion(matrix, classes, *, ax=None, title="") -> Axes:
    """Where the errors go: row = true class, off-diagonal counts; the diagonal, of right answers, is crossed out."""
    errors = np.array(matrix, dtype=float)
    np.fill_diagonal(errors, 0)
    ax = plot_matrix(errors, classes, classes, ax=ax, title=title, xlabel="predicted class", ylabel="true class",
                     fmt="{:.0f}")
    ax.plot(range(len(classes)), range(len(classes)), "x", color="white", markersize=5)
    return ax


def plot_grouped_confusion(matrix, groups, group_names, *, ax=None, title="") -> Axes:
    """Where the errors go among many classes: sorted by group, on a log scale, without numbers.

    Parameters
    ----------
    matrix : int array (num_classes, num_classes)
        Row = true class; the diagonal is left out of the colors.
    groups : int array (num_classes,)
        The group of each class, a place in `group_names`; lines mark where one ends, ticks name it once.
    """
    errors, groups = np.array(matrix, dtype=float), np.asarray(groups)
    if errors.shape != (len(groups), len(groups)) or sorted(set(groups.tolist())) != list(range(len(group_names))):
        raise ValueError(f"matrix {errors.shape}, {len(groups)} groups of classes and {len(group_names)} names of "
                         "groups do not fit together")
    np.fill_diagonal(errors, 0)
    order = groups.argsort(kind="stable")
    ax = plt.subplots(figsize=(9.6, 8.4))[1] if ax is None else ax
    highest = max(2, int(errors.max()))
    picture = ax.imshow(np.maximum(errors, 0.5)[np.ix_(order, order)], cmap="viridis", norm=LogNorm(0.5, highest),
                        interpolation="nearest")
    ends = np.bincount(groups).cumsum()
    for end in ends[:-1] - 0.5:
        ax.axhline(end, color="white", linewidth=0.5, alpha=0.6)
        ax.axvline(end, color="white", linewidth=0.5, alpha=0.6)
    names = [plain(str(name).replace("_", " ")) for name in group_names]
    centers = ends - np.bincount(groups) / 2 - 0.5
    ax.set(title=plain(title), xlabel="predicted class", ylabel="true class")
    ax.set_xticks(centers, names, rotation=90, fontsize=8)
    ax.set_yticks(centers, names, fontsize=8)
    ax.grid(False)
    ticks = [1, *(n for n in (2, 5, 10, 20, 50, 100, 200, 500) if n <= highest)]
    bar = ax.figure.colorbar(picture, ax=ax, shrink=0.8, label="errors in a cell (log scale)")
    bar.set_ticks([0.5, *ticks], labels=["0", *map(str, ticks)])
    bar.minorticks_off()
    return ax
