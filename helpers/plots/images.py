"""Galleries: uint8 images (N, 3, H, W) in rows and columns, without ticks."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.plots.style import COLORS, plain


def _show(ax, image) -> None:
    """One uint8 image (3, H, W) on one axes."""
    ax.imshow(np.moveaxis(np.asarray(image), 0, -1), interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set_visible(False)


def _require_images(images) -> np.ndarray:
    """The images as an array; floats are refused, as Matplotlib would clip normalized ones without a word."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != np.uint8 or not len(images):
        raise ValueError(f"images have shape {images.shape} and dtype {images.dtype}: "
                         "need at least one, uint8 (N, 3, H, W), not normalized; show the images of the set, or undo "
                         "it: ((images * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)")
    return images


def show_images(images, titles=None, *, columns: int = 10, size: float = 1.0, title: str = "") -> Figure:
    """Images in rows of `columns`, each `size` inches wide, with an optional title per picture."""
    images = _require_images(images)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    names = [""] * len(images) if titles is None else [str(title) for title in titles]
    if len(names) != len(images):
        raise ValueError(f"{len(names)} titles for {len(images)} images: one per image")
    lines = max(name.count("\n") + 1 for name in names)
    tall = size if titles is None else size * (1 + 0.16 * lines)
    figure, axes = plt.subplots(rows, columns, figsize=(columns * size, rows * tall + 0.5), squeeze=False)
    for number, ax in enumerate(axes.flat):
        if number >= len(images):
            ax.axis("off")
            continue
        _show(ax, images[number])
        if titles is not None:
            ax.set_title(plain(names[number]), fontsize=8)
    figure.suptitle(plain(title))
    return figure


def plot_before_after(rows: dict, *, columns=None, title: str = "", size: float = 1.0) -> Figure:
    """One named row of images per transform: the key is written at the left of its row.

    Parameters
    ----------
    columns : list of str, optional
        What stands above each column.
    """
    if not rows:
        raise ValueError("rows is empty: give at least one row of images, {name: images}")
    pictures = {name: _require_images(images) for name, images in rows.items()}
    shortest = min(len(images) for images in pictures.values())
    if columns is not None and len(columns) != shortest:
        raise ValueError(f"{len(columns)} names of columns for rows of {shortest} images: one per column")
    words = 0.4 if columns is None else 1.0  # inches for the title, and for names of columns
    figure, axes = plt.subplots(len(rows), shortest, squeeze=False,
                                figsize=(shortest * size + 1.2, len(rows) * size + words))
    for line, (name, images) in zip(axes, pictures.items(), strict=True):
        for ax, image in zip(line, images, strict=False):
            _show(ax, image)
        line[0].set_ylabel(plain(name), rotation=0, ha="right", va="center")
    if columns is not None:
        for ax, name in zip(axes[0], columns, strict=True):
            ax.set_title(plain(name))
    figure.suptitle(plain(title))
    return figure


def plot_class_grid(images, labels, classes, *, per_class: int = 8, title: str = "") -> Figure:
    """The first `per_class` images of each class, one row per class, named at its left.

    Parameters
    ----------
    images : array
        uint8 (N, 3, H, W).
    labels : int array (N,)
        Class of each image, an index of `classes`.
    """
    images, labels = _require_images(images), np.asarray(labels)
    rows = {name: images[labels == label][:per_class] for label, name in enumerate(classes)}
    if empty := [name for name, row in rows.items() if not len(row)]:
        raise ValueError(f"no images of the classes {empty[:5]}: leave these classes out")
    return plot_before_after(rows, title=title, size=0.8)


def plot_predictions(images, true, predicted, confidence, classes, *, columns: int = 6, title: str = "") -> Figure:
    """Images titled "true → predicted (confidence)".

    Parameters
    ----------
    images : array
        uint8 (N, 3, H, W).
    true, predicted : int arrays (N,)
        Indices of `classes`.
    confidence : float array (N,)
        Fractions, the predicted class's softmax; drawn in percent.
    """
    titles = [f"{classes[t]}\n→ {classes[p]} ({c:.0%})"
              for t, p, c in zip(np.asarray(true), np.asarray(predicted), np.asarray(confidence), strict=True)]
    return show_images(images, titles, columns=columns, size=1.35, title=title)


def plot_label_bars(images, label_rows, classes, *, title: str = "", size: float = 1.35) -> Figure:
    """Images in a row, and under each the shares of its label (N, num_classes) as bars, named where not zero."""
    images, shares = _require_images(images), np.asarray(label_rows, dtype=float)
    if shares.shape != (len(images), len(classes)):
        raise ValueError(f"label_rows {shares.shape} do not fit {len(images)} images and {len(classes)} classes")
    figure, axes = plt.subplots(2, len(images), figsize=(len(images) * size, 2 * size + 0.4), squeeze=False)
    for picture, bars, image, row in zip(*axes, images, shares, strict=True):
        _show(picture, image)
        largest_first = np.argsort(-row, kind="stable")
        kept = [label for label in largest_first if row[label]][:2]
        bars.barh(range(len(kept)), row[kept], color=[COLORS[0], COLORS[1]][:len(kept)], height=0.55)
        for place, label in enumerate(kept):
            bars.text(0, place - 0.36, plain(f"{classes[label]} {row[label]:.0%}"), fontsize=8, va="bottom")
        bars.set(xlim=(0, 1), ylim=(1.4, -0.9), xticks=[], yticks=[])
        bars.axis("off")
    figure.suptitle(plain(title))
    return figure
