"""From a trained model to its answers: logits, errors by confidence, per-class accuracy, confusion."""

import numpy as np
import torch
from torch import Tensor, nn

from helpers.env import autocast, resolve_precision
from helpers.models import evaluating


def predict_logits(model: nn.Module, batches, *, device: torch.device | None = None,
                   precision: str = "auto", flip: bool = False, shift: int = 0) -> tuple[Tensor, Tensor]:
    """Logits float32 (N, num_classes) and labels int64 (N,), in order, on the CPU.

    Test-time augmentation: with `flip`, logits are averaged with the mirror image's; with `shift`, the image has
    weight one half, its copies moved by so many pixels up and left, and down and right, one quarter each.
    """
    device = device or next(model.parameters()).device
    precision, logits, labels = resolve_precision(precision, device), [], []
    with evaluating(model):
        for images, targets in batches:
            images = images.to(device)
            with autocast(precision, device):
                logits.append(sum(weight * model(view).float() for view, weight in _views(images, flip, shift)).cpu())
            labels.append(targets.cpu())
    return torch.cat(logits), torch.cat(labels)


def _views(images: Tensor, flip: bool, shift: int) -> list[tuple[Tensor, float]]:
    """What a network is shown for each image, and with which weight; the weights sum to 1."""
    views = [(images, 1.0)]
    if shift:
        size, padded = images.shape[-1], nn.functional.pad(images, (shift,) * 4, mode="reflect")
        views = [(images, 0.5), *((padded[:, :, start:start + size, start:start + size], 0.25)
                                  for start in (0, 2 * shift))]
    return [(side, weight / 2) for view, weight in views for side in (view, view.flip(3))] if flip else views


def confidences(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Largest softmax probability (N,) and the class it belongs to (N,)."""
    return torch.as_tensor(logits).softmax(1).max(1)


def wilson_interval(successes, count, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a proportion (Wilson 1927), which stays inside [0, 1] also for few trials."""
    successes, count = np.asarray(successes, float), np.asarray(count, float)
    share, weight = successes / count, 1 + z**2 / count
    center = (share + z**2 / (2 * count)) / weight
    half = z / weight * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)


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


def reliability(logits: Tensor, labels: Tensor, num_bins: int = 15) -> dict:
    """How often answers of each confidence are right (Guo et al. 2017): equal bins of confidence from 0 to 1.

    Returns ``confidence`` and ``accuracy``, means of each bin, NaN where it is empty, and its ``count``, all
    (num_bins,); ``ece``, the expected calibration error: the mean gap, weighted by count.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins={num_bins}: at least 1")
    confidence, predicted = (np.asarray(part) for part in confidences(logits))
    right = predicted == np.asarray(labels)
    cell = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)  # bins are open on the left
    count = np.bincount(cell, minlength=num_bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(cell, values, num_bins) / count for values in (confidence, right)]
    gap = np.nansum(np.abs(means[0] - means[1]) * count) / count.sum()
    return {"confidence": means[0], "accuracy": means[1], "count": count, "ece": float(gap)}


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T that minimizes the cross-entropy of ``logits / T`` (Guo et al. 2017), from images not trained on."""
    logits, labels = torch.as_tensor(logits).double(), torch.as_tensor(labels)
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], lr=0.5, max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(logits / log_t.exp(), labels)
        value.backward()
        return value

    optimizer.step(loss)
    return float(log_t.detach().exp())
