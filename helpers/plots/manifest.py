"""``manifest.json``: what each exported figure is, where it comes from, and what its numbers stand on."""

from __future__ import annotations

import json
import os
from pathlib import Path

from matplotlib.figure import Figure

from helpers.paths import write_text
from helpers.plots.captions import fields_of

MANIFEST, PREVIEWS = "manifest.json", "previews"
PREVIEW_WIDTH = 640  # pixels


def add_to_manifest(figure: Figure, folder: Path, name: str, *, alt: str, formats, theme: str,
                    crowded: list[str]) -> None:
    """Put one figure into its folder's manifest, in place of an older one of that name, and write its preview."""
    files = {ending: {"file": f"{name}.{ending}", "bytes": (folder / f"{name}.{ending}").stat().st_size}
             for ending in formats}
    entry = {"name": name, "notebook": os.environ.get("CIFAR_NOTEBOOK"), "cell": _code_cell(), "alt": alt,
             **fields_of(figure), "theme": theme, "crowded": crowded, "files": files}
    _write_preview(figure, folder / PREVIEWS / f"{name}.png")
    others = [each for each in read_manifest(folder) if each["name"] != name]
    figures = sorted([*others, entry], key=lambda each: (each["notebook"] or "", each["cell"] or 0, each["name"]))
    write_text(folder / MANIFEST, json.dumps({"figures": figures}, indent=1, ensure_ascii=False) + "\n")


def read_manifest(folder: Path) -> list[dict]:
    """The figures of a folder's manifest whose files are all there, in the order of notebooks and cells."""
    path = folder / MANIFEST
    if not path.exists():
        return []
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return [each for each in figures if all((folder / file["file"]).exists() for file in each["files"].values())]


def _code_cell() -> int | None:
    """The number of the code cell that is being run in a notebook, from 1; a notebook runs from top to bottom."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    return len(shell.history_manager.input_hist_raw) - 1 if shell else None


def _write_preview(figure: Figure, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=PREVIEW_WIDTH / figure.get_figwidth(), metadata={"Software": None})
