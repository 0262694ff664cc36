"""The repository's folder and the reader's, and how a small file is written to them."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run_dir() -> Path:
    """``runs/`` in the repository, or ``$CIFAR_RUNS``: what a reader's own runs write, ignored by git."""
    return Path(os.environ.get("CIFAR_RUNS") or ROOT / "runs")


def write_text(path: Path, text: str) -> None:
    """Write a small file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")  # no other process writes to this one
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)  # there only after an error
