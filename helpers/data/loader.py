"""Batches from memory: the whole data set lives on the training device as uint8; no worker processes."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from helpers import distributed
from helpers.data.augment import BATCH_AUGMENTS, BatchAugment, TransformAugment
from helpers.data.image_set import ImageSet, channel_statistics
from helpers.data.mixing import Mix, make_mix
from helpers.env import look_up


def memory_format(config, device: torch.device) -> torch.memory_format:
    """The layout of images and filters: NHWC where `config`, or a loader, has ``channels_last``; never on MPS.

    There, batch norm's backward pass is wrong in NHWC up to torch 2.13 (pytorch/pytorch#175189).
    """
    if config.channels_last and device.type != "mps":
        return torch.channels_last
    return torch.contiguous_format


@dataclass(eq=False, repr=False)
class MemoryLoader:
    """Iterate over ``(images, labels)``: float32 (N, 3, H, W), normalized, laid out by `memory_format`; int64 (N,).

    The images are spread evenly over the batches of an epoch, whose sizes differ by one at most: a small last batch
    would take a step as long as the others in a direction that few images give.
    Order, augmentation and mixing depend on ``(seed, epoch)`` alone, so that a resumed run sees what the
    uninterrupted one would have seen.
    """

    data: ImageSet  # already on the training device (``data.to(device)``)
    batch_size: int  # at most so many images
    _: KW_ONLY
    statistics: tuple[Tensor, Tensor]  # channel_mean, channel_std (3,) of the *training* images, scale 0–1
    augment: BatchAugment | TransformAugment | None = None  # of the uint8 batch, before it is normalized
    shuffle: bool = False  # a new order every epoch
    seed: int = 0
    image_sizes: tuple = ()  # of (first_epoch, pixels), ascending: the side length from which epoch on
    mix: Mix | None = None  # blends images within a batch; labels are then float (N, num_classes)
    part: int = 1  # under torchrun, each process yields its share of every batch, cut as micro-batches of this size
    channels_last: bool = True

    def __post_init__(self):
        if self.batch_size < 1 or len(self.data) < 1:
            raise ValueError(f"batch_size={self.batch_size} for {len(self.data)} images: both must be at least 1")
        self._layout = memory_format(self, self.data.images.device)
        self._images = self.data.images.contiguous(memory_format=self._layout)
        mean, std = (s.to(self._images.device, torch.float32).view(3, 1, 1) * 255 for s in self.statistics)
        self._mean, self._scale = mean, 1 / std
        coins = torch.Generator(self._images.device).manual_seed(self.seed)
        self._flips = torch.rand(len(self.data), generator=coins, device=coins.device) < 0.5
        self.set_epoch(0)

    def __len__(self) -> int:
        return -(-len(self.data) // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the random numbers and image size of this epoch; `fit` calls it, as for torch's samplers."""
        sizes = [size for first, size in self.image_sizes if first <= epoch]
        self.epoch, self.image_size = epoch, sizes[-1] if sizes else self._images.shape[-1]  # side length in pixels

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        device, count = self._images.device, len(self.data)
        generator = torch.Generator(device).manual_seed(self.seed * 100_003 + self.epoch)
        order = (torch.randperm(count, generator=generator, device=device) if self.shuffle else
                 torch.arange(count, device=device))
        for rows in order.tensor_split(len(self)):
            images, labels = self._prepare(rows, generator), self.data.labels[rows]
            if self.mix is not None:
                images, labels = self.mix(images, labels, generator)
            mine = distributed.share(len(labels), self.part)
            yield images[mine], labels[mine]

    def _prepare(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Rows of the data → augmented, normalized, resized float32 batch."""
        images = self._images[rows]
        if self.augment is not None:
            alternate = getattr(self.augment, "alternate", False)
            flip = {"flip": self._flips[rows] ^ bool(self.epoch % 2)} if alternate else {}
            images = self.augment(images, generator, fill=self._mean.flatten(), **flip)
        images = (images.float() - self._mean) * self._scale
        if self.image_size != images.shape[-1]:
            images = F.interpolate(images, size=self.image_size, mode="bilinear", antialias=True)
        return images.contiguous(memory_format=self._layout)


class Loaders(NamedTuple):
    """What `fit` trains from: batches to learn from, and batches to validate on (or None)."""

    train: object
    val: object | None


def make_loaders(train: ImageSet, val: ImageSet | None, config, device: torch.device) -> Loaders:
    """Loaders for a `TrainConfig`: shuffled, augmented `train`; plain `val`; statistics of `train` for both."""
    statistics = channel_statistics(train.images)
    batches = MemoryLoader(
        train.to(device), config.batch_size, statistics=statistics, shuffle=True, seed=config.seed,
        augment=look_up(BATCH_AUGMENTS, config.augment, "augment"), image_sizes=config.image_sizes,
        mix=make_mix(config, train.num_classes), part=config.micro_batch_size,
        channels_last=config.channels_last)
    val_batches = None if val is None else MemoryLoader(val.to(device), 1000, statistics=statistics)
    return Loaders(batches, val_batches)
