"""House style, captions and saving."""

from __future__ import annotations

import io
import os
import re
import textwrap
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from helpers.paths import ROOT, write_text

COLORS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000"]  # Okabe–Ito
CLASS_COLORS = [*COLORS[:6], "#8C6D31", "#7F7F7F", "#6A3D9A", "#000000"]
CHANNEL_COLORS = ["#D55E00", "#009E73", "#0072B2"]  # red, green, blue
# What each format would write of the moment and the program: left out, so that a figure has the same bytes each time.
METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
HASH_SALT = "cifar"  # else SVG names its parts at random
SPLIT_STYLE = {
    "train": {"color": COLORS[0], "marker": "o", "linestyle": "-"},
    "val": {"color": COLORS[1], "marker": "s", "linestyle": "--"},
    "test": {"color": COLORS[2], "marker": "^", "linestyle": ":"},
}


def use_style() -> None:
    """Apply the series' matplotlib settings to all figures that follow."""
    plt.rcParams.update({
        "figure.dpi": 90, "savefig.dpi": 110, "figure.constrained_layout.use": True, "font.size": 10,
        "axes.titlesize": 11, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
        "grid.alpha": 0.25, "axes.prop_cycle": plt.cycler(color=COLORS), "lines.linewidth": 1.6,
        "lines.markersize": 4, "legend.frameon": False, "image.interpolation": "nearest", "image.cmap": "viridis",
        "svg.hashsalt": HASH_SALT, "figure.figsize": (6.4, 3.6),
    })


def plain(text):
    """The text with its dollar signs as characters: Matplotlib sets what stands between two of them as a formula.

    Every plot passes the words that it is given through here, once; what is no text is returned as it is.
    """
    return text.replace("$", r"\$") if isinstance(text, str) else text


def as_figure(target) -> Figure:
    """The figure of a Figure, an Axes, or an array of Axes."""
    if isinstance(target, Figure):
        return target
    return np.ravel(np.asarray(target, dtype=object))[0].figure


def caption(target, text: str) -> None:
    """Write n, seeds, profile and device in small type under a figure."""
    figure = as_figure(target)
    text = text.replace("CPU, 1 threads", "CPU, 1 thread")  # as older records say
    unbroken = text.replace("n = ", "n\u00a0=\u00a0")  # no line break inside
    characters = int(figure.get_figwidth() * 15)
    lines = textwrap.fill(unbroken, characters)
    figure.supxlabel(plain(lines), fontsize=8, color="0.35")


def stamp(target, text: str) -> None:
    """Mark a figure whose data is not what its reader might take it for, across the middle."""
    as_figure(target).text(0.5, 0.5, plain(text), ha="center", va="center", rotation=20, fontsize=15, color="0.3",
                           alpha=0.35, zorder=10)


def _unlabelled(figure: Figure) -> list[str]:
    """Titles (or numbers) of the axes that show numbers without saying of what."""
    missing = []
    for number, ax in enumerate(figure.axes):
        pictures = ax.images and not len(ax.get_xticks())
        shown = ax.axison and ax.get_visible() and not pictures and ax.get_label() != "<colorbar>"
        if shown and not (ax.get_xlabel() and ax.get_ylabel()):
            missing.append(ax.get_title() or f"axes {number}")
    return missing


def _figure_folder() -> Path:
    """``$CIFAR_FIGURES``, else ``figures`` in the folder of the reader's runs (``$CIFAR_RUNS`` or ``runs/``)."""
    if chosen := os.environ.get("CIFAR_FIGURES"):
        return Path(chosen)
    return Path(os.environ.get("CIFAR_RUNS") or ROOT / "runs") / "figures"


def _as_png(figure: Figure) -> bytes:
    """The figure as a notebook shows it."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=figure.dpi, bbox_inches="tight", metadata=METADATA["png"])
    return picture.getvalue()


def _show_with_alt_text(figure: Figure, alt: str) -> None:
    """Show a figure in a notebook as its picture, with `alt` in the output and in a line of text below it.

    Left to itself, the inline backend shows every open figure at the end of a cell, without a description; so the
    figure is closed. (It can still be drawn on and saved.) Does nothing where no inline backend is at work.
    """
    if "inline" not in matplotlib.get_backend().lower():
        return
    from IPython.display import display

    display({"image/png": _as_png(figure), "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)
    escaped = re.sub(r"([\\*_$<`])", r"\\\1", alt)  # a description is no Markdown
    display({"text/markdown": f"*In words:* {escaped}", "text/plain": f"In words: {alt}"}, raw=True)
    plt.close(figure)


def _require_formats(name: str, formats) -> None:
    unknown = [formats] if isinstance(formats, str) else [ending for ending in formats if ending not in METADATA]
    if unknown or not formats:
        raise ValueError(f"{name}: formats={formats!r}: a tuple of at least one of {', '.join(METADATA)}, "
                         "for example ('png', 'svg')")


def save_figure(target, name: str, *, alt: str, formats: tuple[str, ...] = ("png",), folder=None) -> Path:
    """Save a figure, the same bytes each time, with its alt text beside it; in a notebook, show it with that text.

    Parameters
    ----------
    target : Figure, Axes, or array of Axes
    name : str
        File name without ending, for example ``"01_class_balance"``.
    alt : str
        What a reader who cannot see the figure should know: what is drawn, and what there is to see.
    formats : tuple of {"png", "svg", "pdf"}
        The path of the first is returned.
    folder : path, optional
        ``$CIFAR_FIGURES`` or ``figures`` in the folder of runs by default.

    Raises
    ------
    ValueError
        Without alt text, for axes without labels, or for another format.
    """
    figure = as_figure(target)
    alt = " ".join(alt.split())
    _require_formats(name, formats)
    if not alt:
        raise ValueError(f"{name}: alt text is empty; say in a sentence what the figure shows")
    if missing := _unlabelled(figure):
        raise ValueError(f"{name}: no axis labels on {missing}; set xlabel and ylabel, with units")
    if os.environ.get("CIFAR_PROFILE") == "smoke":
        stamp(figure, "smoke profile: stand-in data, not CIFAR")
    folder = Path(folder or _figure_folder())
    folder.mkdir(parents=True, exist_ok=True)
    for ending in formats:
        with matplotlib.rc_context({"svg.hashsalt": HASH_SALT}):  # also without `use_style`
            figure.savefig(folder / f"{name}.{ending}", metadata=METADATA[ending])
    write_text(folder / f"{name}.txt", alt + "\n")
    _show_with_alt_text(figure, alt)
    return folder / f"{name}.{formats[0]}"
