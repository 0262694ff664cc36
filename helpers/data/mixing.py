"""MixUp and CutMix: the images of a batch are blended, and their labels with them."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from helpers.data.augment import seeded_by
from helpers.env import look_up

# Which of torchvision's mixing transforms a batch may go through; one of them is chosen per batch.
MIXES = {"none": (), "mixup": ("MixUp",), "cutmix": ("CutMix",), "mixup_or_cutmix": ("MixUp", "CutMix")}


@dataclass(frozen=True)
class Mix:
    """MixUp (Zhang et al. 2018) or CutMix (Yun et al. 2019) of each image of a batch with the one before it."""

    transforms: tuple[str, ...]
    num_classes: int
    alpha: float = 1.0
    probability: float = 1.0  # that a batch is mixed at all

    def __post_init__(self):
        if not self.transforms:
            raise ValueError("transforms is empty: give at least one, for example ('MixUp',), or use no Mix at all")
        known = {name: name for name in MIXES["mixup_or_cutmix"]}
        for name in self.transforms:
            look_up(known, name, "transform")
        if not 0 < self.alpha < math.inf:
            raise ValueError(f"alpha={self.alpha}: must be above 0; shares are drawn from Beta(alpha, alpha)")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability={self.probability}: must be between 0 and 1")

    def __call__(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Float images (N, 3, S, S) and labels int64 (N,) → images and float labels (N, num_classes), mixed or not."""
        from torchvision.transforms import v2

        with seeded_by(generator):
            if torch.rand(()).item() >= self.probability:
                return images, torch.nn.functional.one_hot(labels, self.num_classes).float()
            place = torch.randint(len(self.transforms), ()).item()
            transform = getattr(v2, self.transforms[place])
            return transform(alpha=self.alpha, num_classes=self.num_classes)(images, labels)


def make_mix(config, num_classes: int) -> Mix | None:
    """What a `TrainConfig` says about mixing."""
    names = look_up(MIXES, config.mix, "mix")
    return Mix(names, num_classes, config.mix_alpha, config.mix_probability) if names else None
