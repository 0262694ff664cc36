"""Which errors a network makes: confusion, and accuracy by class."""

import numpy as np
import torch
from torch import Tensor

from helpers.analysis.statistics import wilson_interval


def confusion_matrix(logits: Tensor, labels: Tensor, num_classes: int) -> np.ndarray:
    """Counts int64 (num_classes, num_classes): row = true class, column = predicted class."""
    cell = torch.as_tensor(labels) * num_classes + torch.as_tensor(logits).argmax(1)
    return torch.bincount(cell, minlength=num_classes**2).view(num_classes, num_classes).numpy()


def per_class_accuracy(logits: Tensor, labels: Tensor, num_classes: int) -> dict[str, np.ndarray]:
    """``accuracy``, ``low``, ``high`` (95 % Wilson interval) and ``count``, each (num_classes,)."""
    matrix = confusion_matrix(logits, labels, num_classes)
    count = matrix.sum(1)
    if not count.all():
        raise ValueError(f"classes {np.flatnonzero(count == 0).tolist()} have no images: their accuracy is unknown")
    low, high = wilson_interval(matrix.diagonal(), count)
    return {"accuracy": matrix.diagonal() / count, "low": low, "high": high, "count": count}


def most_confused(matrix: np.ndarray, classes, top: int = 10) -> list[tuple[str, str, int]]:
    """``(true, predicted, count)`` of the most frequent errors, largest first."""
    errors = matrix - np.diag(matrix.diagonal())
    cells = np.argsort(-errors, axis=None, kind="stable")[:top]
    pairs = zip(*np.unravel_index(cells, errors.shape), strict=True)
    return [(classes[r], classes[c], int(errors[r, c])) for r, c in pairs if errors[r, c]]
