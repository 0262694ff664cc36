"""The configuration of a training run: what is trained, on what, and how."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from helpers.env import PRECISIONS


@dataclass(frozen=True)
class TrainConfig:
    """A training recipe. The defaults are the series' reference recipe for CIFAR-10."""

    dataset: str = "cifar10"  # "cifar10" or "cifar100": ten classes of 6,000 images or a hundred of 600
    train_images: int = 0  # learn from only so many images, evenly over the classes, to save time; 0 for all
    model: str = "custom_resnet"  # network that is trained, see models.MODELS
    num_epochs: int = 24  # passes over the training images: more cost time, and gain less and less
    batch_size: int = 512  # images per optimizer update: more make its direction steadier, and bear a larger lr
    micro_batch_size: int = 128  # images per forward pass: fits the cache, and batch norm sees this many
    optimizer: str = "sgd"  # rule of the update (muon has its own momentum and decay), see optim.OPTIMIZERS
    max_lr: float = 0.4  # peak learning rate, from the range test
    momentum: float = 0.9  # share of the last update kept, to smooth out noise: SGD's momentum, Adam's first beta
    nesterov: bool = True  # SGD looks ahead along its momentum, which damps swings
    weight_decay: float = 5e-4  # L2 penalty per step, on all parameters: keeps weights small, against overfitting
    scheduler: str = "one_cycle"  # course of the lr over the steps, see optim.SCHEDULERS
    restart_epochs: int = 10  # length of the first cosine cycle; each next one is twice as long
    pct_start: float = 5 / 24  # fraction of all steps before the peak: epoch 5 of 24
    div_factor: float = 25.0  # first lr is max_lr / div_factor: fresh weights bear small steps only
    final_div_factor: float = 1e4  # last lr is first lr / final_div_factor; 1 ends where it began
    cycle_momentum: bool = False  # let momentum fall from 0.95 to 0.85 while lr rises, and back
    label_smoothing: float = 0.1  # share of the target spread evenly over all classes, against overconfidence
    mix: str = "none"  # blend pairs of images and their labels, see augment.MIXES
    mix_alpha: float = 1.0  # Beta(alpha, alpha) draws the share of each image; 1 is uniform
    mix_probability: float = 1.0  # share of the batches that are mixed; the others stay as they are
    augment: str = "crop_flip_cutout"  # random changes of each image, for variety, see augment.BATCH_AUGMENTS
    image_sizes: tuple = ()  # (first_epoch, pixels) pairs, as 0:24,16:32: smaller first, to save time; "" for full size
    clip_norm: float = 0.0  # largest gradient norm, so that no batch moves the weights too far; 0 for no clipping
    clip_value: float = 0.0  # largest absolute entry of a gradient, for the same end; 0 for no clipping
    precision: str = "auto"  # auto takes what the hardware is fastest at, see env.PRECISIONS
    channels_last: bool = True  # memory layout NHWC, which convolutions in low precision prefer
    keep_memory: bool = True  # freed memory stays with the process: on CPUs under Linux, faster for large micro-batches
    compile: bool = False  # torch.compile: slow to start, pays on GPUs in long runs
    seed: int = 0  # of weights, order, augmentation: the same seed repeats a run

    def __post_init__(self):
        for name in ("num_epochs", "batch_size", "micro_batch_size", "max_lr", "div_factor", "final_div_factor",
                     "restart_epochs", "mix_alpha"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be greater than 0")
        for name, high in {"momentum": 1, "label_smoothing": 1, "pct_start": 1, "weight_decay": 1e9, "clip_norm": 1e9,
                           "clip_value": 1e9, "train_images": 1e9}.items():
            if not 0 <= getattr(self, name) < high:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 0 and below {high:g}")
        if not 0 <= self.mix_probability <= 1:
            raise ValueError(f"mix_probability={self.mix_probability!r} must be from 0 to 1")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision={self.precision!r}: choose from {sorted(PRECISIONS)}")
        sizes = tuple(tuple(pair) for pair in self.image_sizes)
        if any(len(pair) != 2 or pair[0] < 0 or pair[1] < 1 for pair in sizes) or list(sizes) != sorted(sizes):
            raise ValueError(f"image_sizes={sizes!r}: give (first_epoch, pixels) pairs in ascending order of epoch")
        object.__setattr__(self, "image_sizes", sizes)


def field_help() -> dict[str, str]:
    """What each field of `TrainConfig` means, read from the comment on its line: the ``--help`` of script mode."""
    return dict(re.findall(r"^    (\w+): \w+ = .*?  # (.+)$", inspect.getsource(TrainConfig), flags=re.M))
