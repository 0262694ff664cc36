from __future__ import annotations
from dataclasses import dataclass, replace
import torch
from torch import Tensor
@dataclass(frozen=True)
class ImageSet:
    images: Tensor
    labels: Tensor
    classes: tuple
    name: str
    real: bool
    def __len__(self): return len(self.labels)
    def to(self, device): return replace(self, images=self.images.to(device), labels=self.labels.to(device))
def channel_statistics(images):
    pixels = images.float() / 255
    return pixels.mean((0,2,3)), pixels.std((0,2,3))
