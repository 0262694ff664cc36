"""Where the series lives: the set-up cell, the badges of the notebooks, and the accelerator that Colab is asked for."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
TRAINS = re.compile(r"\b(fit|sweep|run_seed|lr_range_test)\(")  # a notebook that calls one of these wants a GPU
BADGES = re.compile(r"\n*^\[!\[Open in Colab\].*$", re.M)
ADDRESS = re.compile(r'^ADDRESS = "(.*)"', re.M)
GITHUB = re.compile(r"(?:https://github\.com/|ssh://git@github\.com/|git@github\.com:)?([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def numbered_notebooks() -> list[Path]:
    """The notebooks of the series, in order."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def set_up_cell(address: str = "") -> str:
    """The first code cell of every notebook, with the address that it clones from when it stands alone."""
    text = (ROOT / "notebooks" / "setup_cell.py").read_text(encoding="utf-8").rstrip()
    return ADDRESS.sub(lambda match: f'ADDRESS = "{address}"', text, count=1)


def badges(notebook: str, address: str) -> str:
    """Colab and Kaggle badges of one notebook, as Markdown; "" for an address that is not on GitHub."""
    repository, _, branch = address.partition("@")
    if not address or "://" in address:
        return ""
    path = f"{repository}/blob/{branch or _default_branch()}/notebooks/{notebook}.ipynb"
    return (f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
            f"(https://colab.research.google.com/github/{path}) "
            f"[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]"
            f"(https://kaggle.com/kernels/welcome?src=https://github.com/{path})")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True).stdout.strip()


def _default_branch() -> str:
    """The branch that a plain clone of `origin` checks out, as far as this clone knows; else ``main``."""
    return _git("symbolic-ref", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/") or "main"


def read_address(given: str) -> str:
    """``user/repository[@branch]`` or the URL of a repository elsewhere; ``none`` is "", ``origin`` asks git."""
    if given == "none":
        return ""
    remote, _, branch = given.partition("@") if GITHUB.fullmatch(given.partition("@")[0]) else (given, "", "")
    if given == "origin":
        remote = _git("remote", "get-url", "origin")
        if not remote:
            raise ValueError("this repository has no remote called origin: give the address as user/repository")
    if match := GITHUB.fullmatch(remote):
        return f"{match[1]}@{branch}" if branch else match[1]
    if "://" in remote:
        return remote
    raise ValueError(f"--address {remote!r}: expected user/repository[@branch], a URL, origin or none")


def write_address(address: str) -> list[Path]:
    """Write set-up cell, address and badges into every notebook and the README; returns the files written."""
    paths = numbered_notebooks()
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        head = notebook.cells[0]
        head.source = with_badges(head.source, badges(path.stem, address))
        next(cell for cell in notebook.cells if cell.cell_type == "code").source = set_up_cell(address)
        ask_for_gpu(notebook)
        nbformat.write(notebook, path)
    readme = ROOT / "README.md"
    line = badges(paths[0].stem, address)
    marked = re.compile(r"(<!-- badges:begin -->\n).*?(<!-- badges:end -->)", re.S)
    text = marked.sub(lambda match: match[1] + (line + "\n" if line else "") + match[2], readme.read_text("utf-8"))
    readme.write_text(text, encoding="utf-8")
    return [*paths, readme]


def with_badges(text: str, line: str) -> str:
    """The head of a notebook with these badges below its paragraph on time, or with none."""
    text = BADGES.sub("", text)
    if not line:
        return text
    paragraphs = text.split("\n\n")
    time_stands = next(i for i, paragraph in enumerate(paragraphs) if paragraph.startswith("**Time**"))
    return "\n\n".join([*paragraphs[:time_stands + 1], line, *paragraphs[time_stands + 1:]])


def ask_for_gpu(notebook) -> None:
    """Have Colab open a notebook that trains on a T4."""
    trains = any(TRAINS.search(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    if trains:
        notebook.metadata |= {"accelerator": "GPU", "colab": {"gpuType": "T4"}}
    else:
        notebook.metadata.pop("accelerator", None)
        notebook.metadata.pop("colab", None)


def present_address() -> str:
    """The address that stands in the notebooks, "" for none."""
    notebook = nbformat.read(numbered_notebooks()[0], as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    match = ADDRESS.search(first.source)
    return match[1] if match else ""
