"""What a network's answer rests on: covered parts of an image, and answers sorted by how sure they are."""

import numpy as np
import torch
from torch import Tensor, nn

from helpers.analysis.inputs import as_labels
from helpers.analysis.statistics import wilson_interval
from helpers.models.trace import evaluating


def occlusion_map(model: nn.Module, image: Tensor, *, size: int = 8, stride: int = 4) -> Tensor:
    """What the network says while a square of the image is covered, for each of its places (Zeiler 2014).

    Parameters
    ----------
    image : Tensor
        float32 (3, H, W), normalized as the network wants it; the square is filled with 0, the mean color.
    size, stride : int
        Side of the square, and how far it moves, in pixels.

    Returns
    -------
    Tensor
        Probabilities float32 (rows, columns, num_classes), on the CPU.
    """
    if image.ndim != 3 or not image.is_floating_point():
        raise ValueError(f"image {image.dtype} of shape {tuple(image.shape)}: expected one normalized image, "
                         "float (3, H, W); take a row of a loader's batch")
    height, width = image.shape[-2:]
    if not (1 <= size <= min(height, width) and stride >= 1):
        raise ValueError(f"size={size}, stride={stride}: a square of 1 to {min(height, width)} pixels, "
                         "moved by at least 1")
    rows, columns = range(0, height - size + 1, stride), range(0, width - size + 1, stride)
    covered = torch.stack([_cover(image, row, column, size) for row in rows for column in columns])
    device = next(model.parameters()).device
    with evaluating(model):
        probabilities = model(covered.to(device)).float().softmax(1).cpu()
    return probabilities.view(len(rows), len(columns), -1)


def _cover(image: Tensor, row: int, column: int, size: int) -> Tensor:
    """A copy of the image (3, H, W) whose square at this row and column is 0."""
    covered = image.clone()
    covered[:, row:row + size, column:column + size] = 0
    return covered


def accuracy_by_rank(score, right, labels, num_bins: int = 10) -> dict[str, np.ndarray]:
    """How often answers are right among the least sure, the next, … and the surest: bins of equal count.

    Parameters
    ----------
    score : array (N,)
        Sorts the images, the lowest first: of the network that is right or wrong, or of another one.
    right : bool array (N,)
        Whether the answer to each image is right.
    labels : int array (N,)
        True classes, for the baseline.

    Returns
    -------
    dict
        ``score`` (mean), ``accuracy``, ``low``, ``high`` (95 % Wilson interval), ``count``, and ``by_class``,
        the accuracy to be expected of a bin if only its mix of classes mattered; each (num_bins,).
    """
    score, right = np.asarray(score, dtype=float), np.asarray(right, dtype=bool)
    if unsorted := int(np.isnan(score).sum()):
        raise ValueError(f"{unsorted} of {len(score)} scores are NaN, which has no rank: leave these images out")
    if not len(score):
        raise ValueError("no scores: give at least one image")
    labels = as_labels(labels, len(score), int(np.max(np.asarray(labels))) + 1).numpy()
    if not 1 <= num_bins <= len(score):
        raise ValueError(f"num_bins={num_bins} for {len(score)} images: from one bin to one per image")
    if right.shape != score.shape:
        raise ValueError(f"{right.shape} answers for {score.shape} scores: expected one of each per image")
    of_class = np.bincount(labels, right) / np.maximum(np.bincount(labels), 1)
    bins = np.array_split(np.argsort(score, kind="stable"), num_bins)
    count = np.array([len(rows) for rows in bins])
    accuracy = np.array([right[rows].mean() for rows in bins])
    low, high = wilson_interval(accuracy * count, count)
    return {
        "score": np.array([score[rows].mean() for rows in bins]),
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "by_class": np.array([of_class[labels[rows]].mean() for rows in bins]),
        "count": count,
    }
