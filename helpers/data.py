"""CIFAR-10 and CIFAR-100 as tensors: found on disk, fetched from a mirror, or stood in for when offline."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import one_hot

from helpers.download import TITLES, fetch_cifar, find_official, ways_out
from helpers.env import get_profile

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"train": 50_000, "test": 10_000}  # images in the official sets, and in what stands in for them
SMOKE_SIZES = {"train": 600, "test": 200}
BLOCK = 500  # stand-in images drawn at a time: 50,000 at once would take 4 GB


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

    Looks for the official python files under `root` (by default the repository's ``data/``), in
    ``$CIFAR_ROOT`` and in Kaggle's input folder, then fetches them. Without files and network the stand-in is
    returned, as large as the official set; in the smoke profile always, and small. `count` keeps only the
    first images, as many of each class as it allows; of the stand-in it makes as many as asked for.
    """
    if name not in TITLES or split not in ("train", "test"):
        raise ValueError(f"name={name!r}, split={split!r}: choose from {sorted(TITLES)} and 'train' or 'test'")
    if get_profile() == "smoke":
        return make_stand_in(split, count or SMOKE_SIZES[split])
    official = _find_or_fetch(name, split, Path(root) if root else ROOT / "data")
    if official is None:
        return make_stand_in(split, count or SIZES[split])
    images = torch.from_numpy(official.data).permute(0, 3, 1, 2).contiguous()
    return ImageSet(images, torch.tensor(official.targets), tuple(official.classes), name, real=True).first(count)


_in_vain: set[tuple] = set()  # what this process asked the mirrors for without success


def _find_or_fetch(name: str, split: str, root: Path):
    """The official set from the first folder that holds its files, or else from a mirror.

    Where neither helps, says so loudly, once, and returns None. Folders are searched at every call. Mirrors
    are asked again only after the reader changed ``$CIFAR_ROOT`` or ``$CIFAR_MIRROR``.
    """
    found = find_official(name, split, root)
    if found is not None:
        return found
    tried = (name, os.environ.get("CIFAR_ROOT"), os.environ.get("CIFAR_MIRROR"))
    if tried in _in_vain:
        return None
    try:
        return find_official(name, split, fetch_cifar(name, root))
    except ConnectionError as error:
        _in_vain.add(tried)
        print(f"!! No {TITLES[name]} files and no mirror within reach: STAND-IN DATA, NOT CIFAR, is used.",
              *str(error).splitlines(), *ways_out(name, root), sep="\n   ")
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
    traits = _draw_traits(count, rng)
    images = np.empty((count, 3, 32, 32), np.uint8)
    for start in range(0, count, BLOCK):
        block = slice(start, start + BLOCK)
        scene = _paint(labels[block], {name: values[block] for name, values in traits.items()})
        scene += rng.normal(0, 0.06, scene.shape).astype(np.float32)  # grain, the last draw
        images[block] = (scene.clip(0, 1) * 255).round()
    return ImageSet(torch.from_numpy(images), torch.from_numpy(labels), SHAPES, "shapes10", real=False)


def _draw_traits(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What is random in `count` scenes, image by image; the order of the draws decides what they are."""
    def column(low, high):
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    traits = {"angle": column(-0.35, 0.35), "size": column(0.35, 0.7),
              "right": column(-0.4, 0.4), "down": column(-0.4, 0.4),
              "pitch": column(4, 25), "turn_x": column(0, 3), "turn_y": column(0, 3)}
    traits["clutter"] = rng.normal(0, 0.22, (count, 3, 8, 8)).astype(np.float32)
    colors = rng.uniform(0.1, 0.9, (2, count, 3, 1, 1)).astype(np.float32)
    traits["shape_color"], traits["ground_color"] = colors
    return traits


def _paint(labels: np.ndarray, traits: dict[str, np.ndarray]) -> np.ndarray:
    """Scenes float32 (n, 3, 32, 32), about 0–1: a striped shape on cluttered ground."""
    y, x = np.mgrid[-1:1:32j, -1:1:32j].astype(np.float32)
    dx = x - traits["right"]
    dy = y - traits["down"]
    cos, sin = np.cos(traits["angle"]), np.sin(traits["angle"])
    u = (cos * dx + sin * dy) / traits["size"]
    v = (cos * dy - sin * dx) / traits["size"]
    inside = np.zeros(u.shape, bool)
    for label, contains in enumerate(SHAPE_RULES.values()):
        own = labels == label
        inside[own] = contains(u[own], v[own])
    stripes = 0.15 * np.sin(traits["pitch"] * (x * np.cos(traits["turn_x"]) + y * np.sin(traits["turn_y"])))
    ground = traits["ground_color"] + traits["clutter"].repeat(4, 2).repeat(4, 3)
    return np.where(inside[:, None], traits["shape_color"] + stripes[:, None], ground)


def _box(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(abs(u), abs(v)) < 0.9


SHAPE_RULES = {  # which points belong to a shape, in coordinates −1 … 1; in the order of the labels
    "disk": lambda u, v: np.hypot(u, v) < 1,
    "square": _box,
    "triangle": lambda u, v: (v < 0.8) & (v > 2.2 * abs(u) - 1),
    "ring": lambda u, v: (np.hypot(u, v) < 1) & (np.hypot(u, v) > 0.55),
    "cross": lambda u, v: _box(u, v) & (np.minimum(abs(u), abs(v)) < 0.28),
    "bars": lambda u, v: _box(u, v) & (np.sin(7 * u) > 0),
    "diamond": lambda u, v: abs(u) + abs(v) < 1,
    "arch": lambda u, v: (np.hypot(u, v) < 1) & (np.hypot(u, v) > 0.5) & (v < 0.1),
    "checker": lambda u, v: _box(u, v) & (np.sin(5 * u) * np.sin(5 * v) > 0),
    "star": lambda u, v: np.hypot(u, v) < 0.62 + 0.38 * np.cos(5 * np.arctan2(v, u)),
}
SHAPES = tuple(SHAPE_RULES)


def _first_of_each(labels: Tensor, count: int) -> Tensor:
    """Ascending indices of `count` images, the first of each class, as even as it goes."""
    if not 1 <= count <= len(labels):
        raise ValueError(f"count={count}: must be between 1 and {len(labels)}, the number of images")
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
