"""`ImageSet`, a set of labelled images; how it is split, and the statistics of its pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot


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
