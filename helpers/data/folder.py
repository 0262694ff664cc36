"""Your own pictures: a folder for each class, read as an `ImageSet`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from helpers.data.image_set import ImageSet
from helpers.data.pictures import read_picture, readable_endings

LEFTOVERS = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir"}  # in lower case


def load_image_folder(root: str | Path, split: str = "train") -> ImageSet:
    """Your own pictures: ``root/<split>/<class>/*.png`` (or any format Pillow reads), squeezed to 32 × 32.

    `read_picture` says how one file is read. Labels follow the names of the class folders in sorted order.
    Where `root` has a ``train`` folder, every other split must have the same classes, so that a label means
    the same in all of them. Hidden files and what operating systems leave behind are passed over.

    Raises
    ------
    FileNotFoundError
        Fewer than two classes, or a class without a picture.
    ValueError
        Other classes than those of ``train``; or a file that is no picture or cannot be read.
    """
    folder = Path(root) / split
    classes = _find_classes(folder)
    if classes:
        _check_against_train(classes, folder, Path(root) / "train")
    if len(classes) < 2:
        raise FileNotFoundError(f"{folder}: need a folder of images for each of at least two classes, "
                                f"found {classes}; put them into {folder / '<class>'}")
    pictures = [_find_pictures(folder / name) for name in classes]
    labels = [label for label, paths in enumerate(pictures) for _ in paths]
    images = [read_picture(path) for paths in pictures for path in paths]
    name = f"own pictures in {Path(root).resolve().name}"  # a folder "cifar10" must not pass for CIFAR-10
    return ImageSet(torch.stack(images), torch.tensor(labels), tuple(classes), name, real=False)


def _find_classes(folder: Path) -> list[str]:
    """The sorted names of the class folders, none where `folder` is missing.

    A picture beside them belongs to no class and is refused.
    """
    if not folder.is_dir():
        return []
    entries = _visible(folder)
    endings = readable_endings()
    stray = [path for path in entries if path.is_file() and path.suffix.lower() in endings]
    if stray:
        raise ValueError(f"{stray[0]}: a picture beside the class folders; move it into that of its class")
    return [path.name for path in entries if path.is_dir()]


def _check_against_train(classes: list[str], folder: Path, train: Path) -> None:
    """Refuse `classes`, those of `folder`, if the folder `train` has others: labels would shift."""
    learned = _find_classes(train)
    if not learned or learned == classes:
        return
    missing = sorted(set(learned) - set(classes))
    unknown = sorted(set(classes) - set(learned))
    raise ValueError(f"{folder}: its classes must be those of {train}, or labels change their meaning; "
                     f"missing: {missing}, not in {train.name}: {unknown}; "
                     "add pictures of these, or remove their folders")


def _find_pictures(folder: Path) -> list[Path]:
    """The pictures of one class, also from folders within, in a fixed order."""
    paths = sorted(_walk(folder), key=lambda path: (str(path.parent), path.name))
    if not paths:
        raise FileNotFoundError(f"{folder}: no picture in it; add some, or remove the folder")
    endings = readable_endings()
    for path in paths:
        if path.suffix.lower() not in endings:
            raise ValueError(f"{path}: {path.suffix or 'no ending'} is not among the endings of pictures "
                             "that Pillow opens; move it out of the class folders, or convert it to PNG")
    return paths


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below `folder` that is not a leftover."""
    for path in _visible(folder):
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _visible(folder: Path) -> list[Path]:
    """What lies in `folder` by name, without hidden files and what systems and editors leave behind."""
    entries = [path for path in folder.iterdir() if not _is_leftover(path.name)]
    return sorted(entries, key=lambda path: path.name)


def _is_leftover(name: str) -> bool:
    """True for ``.DS_Store``, ``._1.png``, ``.ipynb_checkpoints``, ``Thumbs.db``, ``1.png~`` and so on."""
    return name.startswith(".") or name.endswith("~") or name.lower() in LEFTOVERS
