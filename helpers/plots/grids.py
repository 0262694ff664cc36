"""Matrices with a number in each cell."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes


def plot_matrix(matrix, row_labels, column_labels, *, ax=None, title="", xlabel="", ylabel="", fmt="{:.2f}") -> Axes:
    """A labelled heatmap; text turns white on dark cells, and zeros stay blank."""
    matrix = np.asarray(matrix, dtype=float)
    if matrix.shape != (len(row_labels), len(column_labels)):
        raise ValueError(f"matrix {matrix.shape} does not fit {len(row_labels)} rows × {len(column_labels)} columns")
    ax = plt.subplots(figsize=(6.4, 5.6))[1] if ax is None else ax
    picture = ax.imshow(matrix, cmap="viridis", interpolation="nearest")
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.set_xticks(range(len(column_labels)), column_labels, rotation=45, ha="right")
    ax.set_yticks(range(len(row_labels)), row_labels)
    ax.grid(False)
    middle = (np.nanmin(matrix) + np.nanmax(matrix)) / 2
    for (row, column), value in np.ndenumerate(matrix):
        if value:
            ax.text(column, row, fmt.format(value), ha="center", va="center", fontsize=7,
                    color="white" if value < middle else "black")
    ax.figure.colorbar(picture, ax=ax, shrink=0.8)
    return ax


def plot_confusion(matrix, classes, *, ax=None, title="") -> Axes:
    """Where the errors go: row = true class, off-diagonal counts; the diagonal is left out of the colours."""
    errors = np.array(matrix, dtype=float)
    np.fill_diagonal(errors, 0)
    return plot_matrix(errors, classes, classes, ax=ax, title=title, xlabel="predicted class", ylabel="true class",
                       fmt="{:.0f}")
