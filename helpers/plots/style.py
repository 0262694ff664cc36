"""House style: colors, settings, and how words are set."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

COLORS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000"]  # Okabe–Ito
CHANNEL_COLORS = ["#D55E00", "#009E73", "#0072B2"]  # red, green, blue
HASH_SALT = "cifar"  # else SVG names its parts at random
SPLIT_STYLE = {
    "train": {"color": COLORS[0], "marker": "o", "linestyle": "-"},
    "val": {"color": COLORS[1], "marker": "s", "linestyle": "--"},
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


def luminance(color) -> float:
    """Relative luminance of a color, 0 to 1, as WCAG 2.2 defines it."""
    parts = np.array(to_rgba(color)[:3])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(color, other) -> float:
    """Contrast of two colors, 1 to 21, as WCAG 2.2 defines it."""
    low, high = sorted((luminance(color), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable_on(ground) -> str:
    """Black or white: what stands out more on a color."""
    return max("white", "black", key=lambda color: contrast(color, ground))


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


def stamp(target, text: str) -> None:
    """Mark a figure whose data is not what its reader might take it for, across the middle."""
    as_figure(target).text(0.5, 0.5, plain(text), ha="center", va="center", rotation=20, fontsize=15, color="0.3",
                           alpha=0.35, zorder=10)
