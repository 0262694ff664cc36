"""Where the official CIFAR files may lie on this machine, and what to tell a reader who has none."""

import os
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

KAGGLE_INPUT = Path("/kaggle/input")
LEVELS = 2  # below a folder that is given, that the files may lie
MAX_FOLDERS = 1000  # opened below one place, the nearest first
MAX_ENTRIES = 1000  # read of one folder: one that holds more is a folder of pictures, not one of data sets


def dataset_class(name: str):
    """torchvision's class of the set, which knows the names and sums of its files."""
    from torchvision import datasets

    return {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]


def read_official(name: str, split: str, root: Path):
    """torchvision's data set of `split`; None unless `root` holds all official files with the right MD5."""
    try:
        return dataset_class(name)(root, train=split == "train", download=False)
    except (RuntimeError, OSError):
        return None


def is_complete(name: str, root: Path) -> bool:
    """True if all official files of both splits lie under `root` with the right MD5."""
    return read_official(name, "test", root) is not None


def find_official(name: str, split: str, root: str | Path):
    """torchvision's own data set of `split` from the first folder that holds all files; None if none does."""
    base = dataset_class(name).base_folder
    for folder in places(name, root):
        if (folder / base).is_dir():
            found = read_official(name, split, folder)
            if found is not None:
                return found
    return None


def find_archive(name: str, root: str | Path) -> Path | None:
    """The first archive with the official MD5 that lies where the files may lie; None if none does."""
    from torchvision.datasets.utils import check_md5

    official = dataset_class(name)
    for folder in places(name, root):
        archive = folder / official.filename
        if archive.is_file() and os.access(archive, os.R_OK) and check_md5(str(archive), official.tgz_md5):
            return archive
    return None


def find_rejected(name: str, root: str | Path) -> list[Path]:
    """What has the right name there; where nothing official was found, it is cut short or altered."""
    official = dataset_class(name)
    names = (official.base_folder, official.filename)
    candidates = [folder / child for folder in places(name, root) for child in names]
    return [path for path in dict.fromkeys(candidates) if path.exists()]


def places(name: str, root: str | Path) -> Iterator[Path]:
    """Where to look: `root`, ``$CIFAR_ROOT``, and `LEVELS` below each; Kaggle's input at any depth."""
    yield from walk(as_folder(name, root), LEVELS)
    own = clean(os.environ.get("CIFAR_ROOT", ""))
    if own:
        yield from walk(as_folder(name, own), LEVELS)
    yield from walk(KAGGLE_INPUT)


def clean(value: str | Path) -> str:
    """A path as people write it, without the spaces and quotes around it and with ``~`` written out."""
    text = str(value).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return os.path.expanduser(text)


def as_folder(name: str, value: str | Path) -> Path:
    """The folder to look into, given its path or that of the files' own folder, of a file or of the archive."""
    path = Path(clean(value))
    official = dataset_class(name)
    for part in (path, *path.parents):
        if part.name in (official.base_folder, official.filename):
            return part.parent
    return path


def walk(top: Path, levels: int | None = None) -> Iterator[Path]:
    """`top` and the folders below it, the nearest first, at most `levels` deep and `MAX_FOLDERS` in number.

    Hidden folders are left out: in one, another process may be unpacking.
    """
    waiting = deque([(top, 0)])
    for _ in range(MAX_FOLDERS):
        if not waiting:
            return
        folder, level = waiting.popleft()
        yield folder
        if levels is None or level < levels:
            waiting.extend((child, level + 1) for child in subfolders(folder))


def subfolders(folder: Path) -> list[Path]:
    """The folders in `folder` that can be seen, sorted, among the first `MAX_ENTRIES` of its entries."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in islice(entries, MAX_ENTRIES) if entry.is_dir()]
    except OSError:  # it is not there, or it may not be read
        return []
    return [folder / name for name in sorted(found) if not name.startswith(".")]


def wrong_setting(name: str) -> str | None:
    """What to say about a ``$CIFAR_ROOT`` that led nowhere; None if there is none."""
    own = os.environ.get("CIFAR_ROOT", "")
    if not clean(own):
        return None
    base = dataset_class(name).base_folder
    folder = as_folder(name, own)
    if not folder.exists():
        return f"CIFAR_ROOT={own}: no {base}/ with all official files in it, for there is no {folder}"
    return f"CIFAR_ROOT={own}: no {base}/ with all official files in it or up to {LEVELS} levels below"


def ways_out(name: str, root: str | Path) -> list[str]:
    """What a reader without files and without a mirror can do, a line each."""
    official = dataset_class(name)
    base = official.base_folder
    lines = [f"{path}: not used, for a file is missing or its MD5 is not the official one"
             for path in find_rejected(name, root)]
    mistake = wrong_setting(name)
    if mistake:
        lines.append(mistake)
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ or KAGGLE_INPUT.exists():
        lines.append("On Kaggle: switch on Internet in the notebook's settings (right-hand panel: Settings → "
                     "Internet → on; needs a phone-verified account), or add a data set that has "
                     f"{base}/ as input.")
    lines.append(f"Put {base}/ or {official.filename} into {as_folder(name, root)} (see data/README.md), or "
                 "set CIFAR_ROOT to a folder that has one of them or CIFAR_MIRROR to another address, and load "
                 "again: what you put or set counts at once.")
    lines.append("If only the network was missing: switch it on and restart the kernel, for a mirror that "
                 "failed is asked no second time.")
    return lines
