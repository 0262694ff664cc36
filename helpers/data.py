"""CIFAR-10 and CIFAR-100 as tensors: found on disk, fetched from a mirror, or stood in for when offline."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import one_hot

from helpers.download import TITLES, dataset_class, fetch_cifar, is_complete
from helpers.env import get_profile

ROOT = Path(__file__).resolve().parent.parent
KAGGLE_INPUT = Path("/kaggle/input")
SHAPES = ("disk", "square", "triangle", "ring", "cross", "bars", "diamond", "arch", "checker", "star")


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 (N, 3, H, W) with labels int64 (N,), the names of the classes, and where they come from."""

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str
    real: bool  # True only for the MD5-checked official files

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set with its tensors on `device`."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def subset(self, indices: Tensor) -> ImageSet:
        """The images at `indices`, int64 (n,), in that order; or where a bool mask (N,) is true."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])

    def first(self, count: int | None) -> ImageSet:
        """The first `count` images, as many of each class as it allows; 0 or None for all."""
        return self.subset(_first_of_each(self.labels, count)) if count else self


def describe(data: ImageSet) -> str:
    """One phrase for captions: what the images are, and how many."""
    titles = TITLES | {"shapes10": "stand-in data, not CIFAR"}
    return f"{titles.get(data.name, data.name)}, {len(data):,} images"


def load_cifar(name: str = "cifar10", split: str = "train", root: str | Path | None = None, *,
               count: int | None = None) -> ImageSet:
    """The `split` ``"train"`` (50,000 images) or ``"test"`` (10,000) of ``"cifar10"`` or ``"cifar100"``.

    Looks for the official python files under `root` (by default the repository's ``data/``), ``$CIFAR_ROOT`` and
    Kaggle's input folder, then fetches them. Without files and network, and always in the smoke profile, the
    stand-in is returned. `count` keeps only the first images, as many of each class as it allows.
    """
    if name not in TITLES or split not in ("train", "test"):
        raise ValueError(f"name={name!r}, split={split!r}: choose from {sorted(TITLES)} and 'train' or 'test'")
    if get_profile() == "smoke":
        return make_stand_in(split, count or {"train": 600, "test": 200}[split])
    folder = _find_or_fetch(name, Path(root) if root else ROOT / "data")
    if folder is None:
        return make_stand_in(split, count or {"train": 5000, "test": 1000}[split])
    official = dataset_class(name)(folder, train=split == "train", download=False)
    images = torch.from_numpy(official.data).permute(0, 3, 1, 2).contiguous()
    return ImageSet(images, torch.tensor(official.targets), tuple(official.classes), name, real=True).first(count)


@cache
def _find_or_fetch(name: str, root: Path) -> Path | None:
    """The first folder that holds the official files; offline, say loudly, once, that the stand-in takes over."""
    folders = [root, Path(os.environ.get("CIFAR_ROOT") or root), KAGGLE_INPUT, *sorted(KAGGLE_INPUT.glob("*"))]
    try:
        return next((folder for folder in folders if is_complete(name, folder)), None) or fetch_cifar(name, root)
    except ConnectionError as error:
        print(f"!! No {TITLES[name]} files and no mirror within reach: STAND-IN DATA, NOT CIFAR, is used.\n"
              f"   {error}\n   Put the official files into {root.name}/ (see data/README.md), or set CIFAR_ROOT.")
        return None


def load_image_folder(root: str | Path, split: str = "train") -> ImageSet:
    """Your own pictures: ``root/<split>/<class>/*.png`` (or any format Pillow reads), resized to 32 × 32.

    Raises `FileNotFoundError` for missing classes or images, `ValueError` for an image that cannot be read.
    """
    from torchvision.datasets import ImageFolder

    folder = Path(root) / split
    classes = sorted(path.name for path in folder.glob("*") if path.is_dir())
    if len(classes) < 2:
        raise FileNotFoundError(f"{folder}: need a folder of images for each of at least two classes, found {classes}")
    pictures = ImageFolder(folder, loader=_read_image)
    images = torch.stack([image for image, _ in pictures])
    return ImageSet(images, torch.tensor(pictures.targets), tuple(pictures.classes), Path(root).name, real=False)


def _read_image(path: str) -> Tensor:
    """One picture as uint8 (3, 32, 32)."""
    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB").resize((32, 32), Image.Resampling.LANCZOS))
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path}: not an image that can be read ({error}); replace or delete it") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def make_stand_in(split: str, count: int, seed: int = 0) -> ImageSet:
    """``shapes10``: ten classes of generated 32 × 32 color images, for when there are no real ones.

    A textured shape, the class, of random place, size and color on clutter, so that crop, flip and cutout help.
    """
    if count < 1:
        raise ValueError(f"count={count}: need at least one image")
    rng = np.random.default_rng([seed, {"train": 0, "test": 1}[split]])
    labels = rng.permutation(np.arange(count) % len(SHAPES))
    y, x = np.mgrid[-1:1:32j, -1:1:32j].astype(np.float32)

    def column(low, high):
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    angle, size = column(-0.35, 0.35), column(0.35, 0.7)
    dx, dy = x - column(-0.4, 0.4), y - column(-0.4, 0.4)
    u = (np.cos(angle) * dx + np.sin(angle) * dy) / size
    v = (np.cos(angle) * dy - np.sin(angle) * dx) / size
    inside = np.choose(labels[:, None, None], _shapes(u, v))
    stripes = 0.15 * np.sin(column(4, 25) * (x * np.cos(column(0, 3)) + y * np.sin(column(0, 3))))
    coarse = rng.normal(0, 0.22, (count, 3, 8, 8)).astype(np.float32).repeat(4, 2).repeat(4, 3)
    colors = rng.uniform(0.1, 0.9, (2, count, 3, 1, 1)).astype(np.float32)
    scene = np.where(inside[:, None], colors[0] + stripes[:, None], colors[1] + coarse)
    scene += rng.normal(0, 0.06, scene.shape).astype(np.float32)
    images = (scene.clip(0, 1) * 255).round().astype(np.uint8)
    return ImageSet(torch.from_numpy(images), torch.from_numpy(labels), SHAPES, "shapes10", real=False)


def _shapes(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
    """Which points belong to each of `SHAPES`, in coordinates −1 … 1."""
    r, box = np.hypot(u, v), np.maximum(abs(u), abs(v)) < 0.9
    return (
        r < 1, box, (v < 0.8) & (v > 2.2 * abs(u) - 1), (r < 1) & (r > 0.55),
        box & (np.minimum(abs(u), abs(v)) < 0.28), box & (np.sin(7 * u) > 0), abs(u) + abs(v) < 1,
        (r < 1) & (r > 0.5) & (v < 0.1), box & (np.sin(5 * u) * np.sin(5 * v) > 0),
        r < 0.62 + 0.38 * np.cos(5 * np.arctan2(v, u)),
    )


def _first_of_each(labels: Tensor, count: int) -> Tensor:
    """Ascending indices of `count` images, the first of each class, as even as it goes."""
    if not 1 <= count <= len(labels):
        raise ValueError(f"count={count}: must be between 1 and {len(labels)}")
    rank = one_hot(labels).cumsum(0).gather(1, labels[:, None])[:, 0]  # 1 for the first of its class
    return rank.argsort(stable=True)[:count].sort().values


def split_train_val(train: ImageSet, val_size: int = 5000, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    """A stratified split, fixed by `seed`: every class gives the same share to validation, a tenth at most."""
    if val_size < 1 or len(train) < 2:
        raise ValueError(f"val_size={val_size} of {len(train)} images: need at least one for each side")
    val_size = min(val_size, max(1, len(train) // 10))
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    in_val = torch.zeros(len(train), dtype=torch.bool)
    in_val[order[_first_of_each(train.labels[order], val_size)]] = True
    return train.subset(~in_val), train.subset(in_val)


def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """``channel_mean, channel_std`` (3,) over all pixels of uint8 (N, 3, H, W), on the scale 0–1, in float64."""
    values = torch.arange(256, dtype=torch.float64) / 255
    counts = [channel.flatten().bincount(minlength=256) for channel in images.cpu().transpose(0, 1)]
    share = torch.stack(counts).double() / counts[0].sum()
    mean = share @ values
    std = (share @ values.square() - mean.square()).clamp_min(0).sqrt()
    return mean.float(), std.float()
