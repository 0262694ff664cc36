"""What the analyses are given, checked once: finite logits, and a whole number per image as its label."""

import numpy as np
import torch
from torch import Tensor


def as_logits(logits) -> Tensor:
    """The logits as float32 or float64 (N, num_classes), on the CPU.

    Raises
    ------
    ValueError
        For another shape, for no images, and for rows of which no probabilities follow (NaN or infinite).
    """
    logits = torch.as_tensor(logits).detach().cpu()
    if logits.ndim != 2 or not logits.numel():
        raise ValueError(f"logits of shape {tuple(logits.shape)}: "
                         "expected (N, num_classes) of at least one image")
    if logits.dtype != torch.float64:
        logits = logits.float()
    broken = logits.softmax(1).isnan().any(1)
    if broken.any():
        first = int(broken.nonzero()[0])
        raise ValueError(f"logits: {int(broken.sum())} of {len(logits)} rows hold NaN or infinity, the first is row "
                         f"{first}: the training diverged, or an image is not finite; leave these rows out")
    return logits


def as_labels(labels, count: int, num_classes: int) -> Tensor:
    """The labels of `count` images as int64 (N,), from a tensor, an array or a list of any whole numbers.

    Raises
    ------
    ValueError
        For anything that is not one whole number from 0 to `num_classes` − 1 per image.
    """
    labels = np.asarray(labels.detach().cpu() if isinstance(labels, Tensor) else labels)
    if labels.shape != (count,):
        raise ValueError(f"labels of shape {labels.shape} for {count} images: expected ({count},), one per image; "
                         "of mixed or one-hot labels (N, num_classes) take argmax(1)")
    numbers = as_whole_numbers(labels)
    outside = (numbers < 0) | (numbers >= num_classes)
    if outside.any():
        raise ValueError(f"labels: {outside.sum()} of {count} are not from 0 to {num_classes - 1}, the first is "
                         f"{numbers[outside][0]}: do they start at 1, or belong to other classes?")
    return torch.from_numpy(numbers)


def as_whole_numbers(labels: np.ndarray) -> np.ndarray:
    """Labels of any type as int64; text, True and False, fractions and NaN are refused."""
    is_number = labels.dtype.kind in "iuf"
    if not is_number or not (np.isfinite(labels) & (labels == np.floor(labels))).all():
        raise ValueError(f"labels of type {labels.dtype}, for example {labels.ravel()[:3].tolist()}: "
                         "expected whole numbers, the place of each class in `classes`")
    return labels.astype(np.int64)
