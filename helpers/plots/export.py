"""Saving figures: with their words, in each format and theme, with the same bytes each time.

`make figures` sets what is read here: ``$CIFAR_FIGURE_FORMATS`` ("png,svg,pdf"), ``$CIFAR_THEME``, ``$CIFAR_DPI``,
``$CIFAR_FIGURES`` (the folder) and ``$CIFAR_NOTEBOOK`` (whose figures they are). Without them a figure is saved as PNG,
for print, with the dots per inch of the house style.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from helpers.paths import ROOT, write_text
from helpers.plots.manifest import add_to_manifest
from helpers.plots.style import HASH_SALT, as_figure, stamp
from helpers.plots.themes import THEMES, apply_theme, chosen_theme

FORMATS = ("png", "svg", "pdf")
DPI_RANGE = (50, 1200)
# Words stay words in SVG and PDF. The salt names the parts of an SVG, at random without it.
FIXED = {"svg.hashsalt": HASH_SALT, "svg.fonttype": "none", "pdf.fonttype": 42}


def chosen_formats() -> tuple[str, ...]:
    """``$CIFAR_FIGURE_FORMATS``, by commas, or PNG alone; an unknown one raises `ValueError` that lists the known."""
    given = os.environ.get("CIFAR_FIGURE_FORMATS") or "png"
    names = tuple(dict.fromkeys(part.strip().lower() for part in given.split(",") if part.strip()))
    if unknown := [name for name in names if name not in FORMATS]:
        raise ValueError(f"unknown format {', '.join(map(repr, unknown))}: choose from {', '.join(FORMATS)}")
    if not names:
        raise ValueError(f"formats {given!r} name none: choose from {', '.join(FORMATS)}, for example png,svg")
    return names


def chosen_dpi() -> int | None:
    """``$CIFAR_DPI``: dots per inch of PNG files, where they are asked for."""
    given = os.environ.get("CIFAR_DPI")
    if not given:
        return None
    low, high = DPI_RANGE
    if not given.isdecimal() or not low <= int(given) <= high:
        raise ValueError(f"dpi {given!r}: expected a whole number from {low} to {high}, for example 300")
    return int(given)


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
    figure.savefig(picture, format="png", dpi=figure.dpi, bbox_inches="tight", metadata={"Software": None})
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
    unknown = [formats] if isinstance(formats, str) else [ending for ending in formats if ending not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"{name}: formats={formats!r}: a tuple of at least one of {', '.join(FORMATS)}, "
                         "for example ('png', 'svg')")


def _require_words(figure: Figure, name: str, alt: str) -> None:
    if not alt:
        raise ValueError(f"{name}: alt text is empty; say in a sentence what the figure shows")
    if missing := _unlabelled(figure):
        raise ValueError(f"{name}: no axis labels on {missing}; set xlabel and ylabel, with units")


def _stamp_in_smoke(figure: Figure) -> None:
    """In the smoke profile, mark a figure as one of stand-in data, once however often it is saved."""
    if os.environ.get("CIFAR_PROFILE") == "smoke" and not getattr(figure, "stamped", False):
        stamp(figure, "smoke profile: stand-in data, not CIFAR")
        figure.stamped = True


def _metadata(ending: str, name: str, alt: str) -> dict:
    """What a file says of itself: not the moment and the program, so that a figure has the same bytes each time."""
    return {"png": {"Software": None}, "svg": {"Date": None, "Title": name, "Description": alt},
            "pdf": {"CreationDate": None, "Title": name, "Subject": alt}}[ending]


def save_figure(target, name: str, *, alt: str, formats: tuple[str, ...] | None = None, folder=None) -> Path:
    """Save a figure, the same bytes each time, with its alt text beside it; in a notebook, show it with that text.

    Parameters
    ----------
    target : Figure, Axes, or array of Axes
    name : str
        File name without ending, for example ``"01_class_balance"``.
    alt : str
        What a reader who cannot see the figure should know: what is drawn, and what there is to see.
    formats : tuple of {"png", "svg", "pdf"}, optional
        ``$CIFAR_FIGURE_FORMATS`` or PNG by default. The path of the first is returned.
    folder : path, optional
        ``$CIFAR_FIGURES`` or ``figures`` in the folder of runs by default.

    Raises
    ------
    ValueError
        Without alt text, for axes without labels, or for another format, theme or dpi than there are.
    """
    figure = as_figure(target)
    alt = " ".join(alt.split())
    formats = chosen_formats() if formats is None else formats
    theme, dpi = chosen_theme(), chosen_dpi()
    _require_formats(name, formats)
    _require_words(figure, name, alt)
    _stamp_in_smoke(figure)
    crowded = apply_theme(figure, theme)
    folder = Path(folder or _figure_folder())
    folder.mkdir(parents=True, exist_ok=True)
    _write(figure, folder / name, alt, formats, dpi or THEMES[theme].dpi)
    if os.environ.get("CIFAR_FIGURE_FORMATS"):
        add_to_manifest(figure, folder, name, alt=alt, formats=formats, theme=theme, crowded=crowded)
    _show_with_alt_text(figure, alt)
    return folder / f"{name}.{formats[0]}"


def _write(figure: Figure, stem: Path, alt: str, formats, dpi: int | None) -> None:
    """The file of each format, and the alt text as a file of its own."""
    for ending in formats:
        with matplotlib.rc_context(FIXED):
            figure.savefig(stem.with_name(f"{stem.name}.{ending}"), dpi=dpi or plt.rcParams["savefig.dpi"],
                           metadata=_metadata(ending, stem.name, alt))
    write_text(stem.with_name(f"{stem.name}.txt"), alt + "\n")
