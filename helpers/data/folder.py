"""Your own pictures: a folder for each class, read as an `ImageSet`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from helpers.data.image_set import ImageSet


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
