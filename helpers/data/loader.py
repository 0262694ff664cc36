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


def image_size_in(epoch: int, image_sizes: tuple, full: int) -> int:
    """Side length in pixels, by (first_epoch, pixels) pairs in ascending order; `full` before the first of them."""
    begun = [pixels for first_epoch, pixels in image_sizes if first_epoch <= epoch]
    return begun[-1] if begun else full


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
        device = self.data.images.device
        self._layout = memory_format(self, device)
        self._images = self.data.images.contiguous(memory_format=self._layout)
        mean, std = self.statistics
        self._mean = _per_channel(mean, device) * 255
        self._scale = 1 / (_per_channel(_without_zeros(std), device) * 255)
        coins = torch.Generator(device).manual_seed(self.seed)
        self._flips = torch.rand(len(self.data), generator=coins, device=device) < 0.5  # in even epochs
        self.set_epoch(0)

    def __len__(self) -> int:
        return -(-len(self.data) // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the random numbers and image size of this epoch; `fit` calls it, as for torch's samplers."""
        self.epoch = epoch
        self.image_size = image_size_in(epoch, self.image_sizes, full=self._images.shape[-1])

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        device = self._images.device
        generator = torch.Generator(device).manual_seed(self.seed * 100_003 + self.epoch)
        order = self._draw_order(generator)
        for rows in order.tensor_split(len(self)):
            images = self._augment(rows, generator)
            images = self._normalize(images)
            images = self._resize(images)
            labels = self.data.labels[rows]
            if self.mix is not None:
                images, labels = self.mix(images, labels, generator)
            mine = distributed.share(len(labels), self.part)
            yield images[mine], labels[mine]

    def _draw_order(self, generator: torch.Generator) -> Tensor:
        """The rows of the data in the order of this epoch."""
        count = len(self.data)
        if self.shuffle:
            return torch.randperm(count, generator=generator, device=generator.device)
        return torch.arange(count, device=generator.device)

    def _augment(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """The images of `rows`, uint8 (n, 3, H, W), changed at random."""
        images = self._images[rows]
        if self.augment is None:
            return images
        fill = self._mean.flatten()
        if getattr(self.augment, "alternate", False):
            odd_epoch = bool(self.epoch % 2)
            flip = self._flips[rows] ^ odd_epoch
            return self.augment(images, generator, fill=fill, flip=flip)
        return self.augment(images, generator, fill=fill)

    def _normalize(self, images: Tensor) -> Tensor:
        """float32 of mean 0 and standard deviation 1, per channel, over the training images."""
        return (images.float() - self._mean) * self._scale

    def _resize(self, images: Tensor) -> Tensor:
        """Images of this epoch's size, in the loader's layout."""
        if self.image_size != images.shape[-1]:
            images = F.interpolate(images, size=self.image_size, mode="bilinear", antialias=True)
        return images.contiguous(memory_format=self._layout)


def _per_channel(values: Tensor, device: torch.device) -> Tensor:
    """Values (3,) as float32 (3, 1, 1), to be combined with images (N, 3, H, W)."""
    return values.to(device, torch.float32).view(3, 1, 1)


def _without_zeros(std: Tensor) -> Tensor:
    """1 for the deviation 0 of a channel that never changes: normalized, it is 0 everywhere, and not 0 / 0."""
    return torch.where(std == 0, torch.ones_like(std), std)


class Loaders(NamedTuple):
    """What `fit` trains from: batches to learn from, and batches to validate on (or None)."""

    train: object
    val: object | None


def make_loaders(train: ImageSet, val: ImageSet | None, config, device: torch.device) -> Loaders:
    """Loaders for a `TrainConfig`: shuffled, augmented `train`; plain `val`; statistics of `train` for both."""
    statistics = channel_statistics(train.images)
    train_batches = MemoryLoader(
        train.to(device),
        config.batch_size,
        statistics=statistics,
        augment=look_up(BATCH_AUGMENTS, config.augment, "augment"),
        shuffle=True,
        seed=config.seed,
        image_sizes=config.image_sizes,
        mix=make_mix(config, train.num_classes),
        part=config.micro_batch_size,
        channels_last=config.channels_last)
    if val is None:
        return Loaders(train_batches, None)
    val_batches = MemoryLoader(val.to(device), 1000, statistics=statistics, channels_last=config.channels_last)
    return Loaders(train_batches, val_batches)
