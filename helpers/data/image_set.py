"""`ImageSet`, a set of labelled images; how it is split, and the statistics of its pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 (N, 3, H, W) with labels int64 (N,), the names of the classes, and where they come from.

    Images may be given as a NumPy array, labels as a list or as integers of any size: these lose nothing.
    All else raises `ValueError`, which names the field.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str
    real: bool  # True only for the MD5-checked official files

    def __post_init__(self):
        classes = _checked_classes(self.classes)
        images = _checked_images(_as_tensor("images", self.images))
        labels = _checked_labels(_as_tensor("labels", self.labels), len(images), classes).to(images.device)
        for name, value in {"images": images, "labels": labels, "classes": classes}.items():
            object.__setattr__(self, name, value)  # the set is frozen

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


def _checked_classes(classes) -> tuple[str, ...]:
    names = tuple(str(name) for name in classes) if isinstance(classes, Iterable) else ()
    if not names or isinstance(classes, str):
        raise ValueError(f"classes={classes!r}: must be the names of the classes, as ('cat', 'dog')")
    return names


def _as_tensor(name: str, values) -> Tensor:
    """The field `name` as a tensor of the same numbers."""
    if isinstance(values, Tensor):
        return values
    try:
        array = np.require(values, requirements=["C", "W"])  # copies only what torch could not share
        return torch.from_numpy(array)
    except (TypeError, ValueError) as error:  # texts, rows of different length
        raise ValueError(f"{name} of type {type(values).__name__}: must be a tensor or an array of numbers "
                         f"({error})") from error


def _checked_images(images: Tensor) -> Tensor:
    found = f"images {_kind(images)}"
    if images.ndim != 4:
        raise ValueError(f"{found}: must be uint8 (N, 3, H, W); a single image becomes a set by images[None], "
                         "rows of 3,072 by images.reshape(-1, 3, 32, 32)")
    if images.shape[1] != 3:
        raise ValueError(f"{found}: must be (N, 3, H, W), channels second; turn (N, H, W, 3) by "
                         "images.permute(0, 3, 1, 2), repeat a gray channel by images.expand(-1, 3, -1, -1)")
    if images.dtype != torch.uint8:
        raise ValueError(f"{found}: must be uint8, pixels from 0 to 255; turn floats from 0 to 1 by "
                         "(images * 255).round().to(torch.uint8); the loader normalizes them")
    return images


def _checked_labels(labels: Tensor, count: int, classes: tuple[str, ...]) -> Tensor:
    """Labels as int64 (N,), each the index of a class."""
    found = f"labels {_kind(labels)}"
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"{found}: must be whole numbers, the index of each image's class; turn them by "
                         "labels.to(torch.int64)")
    if labels.ndim != 1:
        raise ValueError(f"{found}: must be ({count},), one for each image; take labels.argmax(1) of one-hot "
                         "rows, labels.flatten() of a single column")
    if len(labels) != count:
        raise ValueError(f"{found} for {count} images: must be one for each image; give both the same rows")
    labels = labels.to(torch.int64)
    _refuse_unknown_classes(labels.cpu(), len(classes))  # not every device finds the extremes of int64
    return labels


def _refuse_unknown_classes(labels: Tensor, num_classes: int) -> None:
    if not len(labels):
        return
    lowest, highest = (extreme.item() for extreme in labels.aminmax())
    if lowest < 0 or highest >= num_classes:
        raise ValueError(f"labels from {lowest} to {highest}: must be from 0 to {num_classes - 1}, the index of "
                         f"one of {num_classes} classes; count them from 0, or name all of the classes")


def _kind(tensor: Tensor) -> str:
    """Type and shape, as ``uint8 (50000, 3, 32, 32)``."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"


def _first_of_each(labels: Tensor, count: int) -> Tensor:
    """Ascending indices of `count` images, the first of each class, as even as it goes."""
    if not 1 <= count <= len(labels):
        raise ValueError(f"count={count}: must be between 1 and {len(labels)}, the number of images")
    return _rank_in_class(labels).argsort(stable=True)[:count].sort().values


def _rank_in_class(labels: Tensor) -> Tensor:
    """1 for the first image of its class, 2 for the second, and so on: int64 (N,)."""
    seen_so_far = one_hot(labels).cumsum(0)
    return seen_so_far.gather(1, labels[:, None])[:, 0]


def split_train_val(train: ImageSet, val_size: int = 5000, seed: int = 0) -> tuple[ImageSet, ImageSet]:
    """A stratified split, fixed by `seed`: every class gives the same share to validation, a tenth at most.

    Where `val_size` suffices, every class is on both sides; the only image of a class stays in training.
    """
    if val_size < 1 or len(train) < 2:
        raise ValueError(f"val_size={val_size} of {len(train)} images: need at least one for each side")
    labels = train.labels.cpu()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    alone = labels.bincount() == 1
    order = order[~alone[labels[order]]]
    if not len(order):
        names = [train.classes[label] for label in labels.unique()]
        raise ValueError(f"classes {names} have one image each: none can be on both sides; "
                         "add images to at least one of them")
    val_size = min(val_size, max(1, len(order) // 10))
    in_val = torch.zeros(len(labels), dtype=torch.bool)
    in_val[order[_first_in_proportion(labels[order], val_size)]] = True
    return train.subset(~in_val), train.subset(in_val)


def _first_in_proportion(labels: Tensor, count: int) -> Tensor:
    """Indices of `count` images, the first of each class, in the proportions of the classes in `labels`.

    The next image is always one of the class that lacks most of its share: each gets the whole part of it, then
    those of the largest remainders get one more (Hamilton's method). If `count` suffices, no class gets none.
    """
    rank = _rank_in_class(labels)
    sizes = labels.bincount()
    lacking = count * sizes[labels] - len(labels) * (rank - 1)  # in whole numbers: images times len(labels)
    if count >= (sizes > 0).sum():
        lacking[rank == 1] = lacking.max()
    return lacking.argsort(descending=True, stable=True)[:count]


def channel_statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """``channel_mean, channel_std`` (3,) over all pixels of uint8 (N, 3, H, W), on the scale 0–1, in float64."""
    if not images.numel():
        raise ValueError(f"images {_kind(images)} have no pixels, and so no mean: give at least one image")
    values = torch.arange(256, dtype=torch.float64) / 255
    counts = [channel.flatten().bincount(minlength=256) for channel in images.cpu().transpose(0, 1)]
    share = torch.stack(counts).double() / counts[0].sum()
    mean = share @ values
    std = (share @ values.square() - mean.square()).clamp_min(0).sqrt()
    return mean.float(), std.float()
