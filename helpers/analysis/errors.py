"""Which errors a network makes: confusion, and accuracy by class."""

import numpy as np
import torch
from torch import Tensor

from helpers.analysis.inputs import as_labels, as_logits
from helpers.analysis.statistics import wilson_interval


def confusion_matrix(logits: Tensor, labels: Tensor, num_classes: int) -> np.ndarray:
    """Counts int64 (num_classes, num_classes): row = true class, column = predicted class."""
    logits = as_logits(logits)
    if logits.shape[1] > num_classes:
        raise ValueError(f"num_classes={num_classes}, but logits of {logits.shape[1]} classes: "
                         "an answer may have no column; give the network's number of classes")
    labels = as_labels(labels, len(logits), num_classes)
    predicted = logits.argmax(1)
    cell = labels * num_classes + predicted  # row by row
    counts = torch.bincount(cell, minlength=num_classes**2)
    return counts.view(num_classes, num_classes).numpy()


def per_class_accuracy(logits: Tensor, labels: Tensor, num_classes: int) -> dict[str, np.ndarray]:
    """``accuracy``, ``low``, ``high`` (95 % Wilson interval) and ``count``, each (num_classes,)."""
    matrix = confusion_matrix(logits, labels, num_classes)
    count = matrix.sum(1)
    if not count.all():
        raise ValueError(f"classes {np.flatnonzero(count == 0).tolist()} have no images: their accuracy is unknown")
    right = matrix.diagonal()
    low, high = wilson_interval(right, count)
    return {"accuracy": right / count, "low": low, "high": high, "count": count}


def most_confused(matrix: np.ndarray, classes, top: int = 10) -> list[tuple[str, str, int]]:
    """``(true, predicted, count)`` of the `top` most frequent errors, largest first; errors that never happen are not.

    Parameters
    ----------
    matrix : int array (num_classes, num_classes)
        As of `confusion_matrix`: row = true class, column = predicted class.
    classes : sequence of str
        Names of the classes, in the order of the rows.
    """
    matrix = np.asarray(matrix)
    if matrix.shape != (len(classes), len(classes)):
        raise ValueError(f"matrix {matrix.shape} does not fit {len(classes)} classes: "
                         "expected a row and a column for each")
    if top < 1:
        raise ValueError(f"top={top}: at least 1")
    errors = matrix - np.diag(matrix.diagonal())
    largest_first = np.argsort(-errors, axis=None, kind="stable")[:top]
    rows, columns = np.unravel_index(largest_first, errors.shape)
    return [(classes[true], classes[predicted], int(errors[true, predicted]))
            for true, predicted in zip(rows, columns, strict=True) if errors[true, predicted]]
