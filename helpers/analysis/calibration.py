"""Is a network as often right as it is sure? Reliability, and the temperature that mends it."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from helpers.analysis.inputs import as_labels, as_logits
from helpers.analysis.predict import confidences
from helpers.analysis.statistics import wilson_interval


def reliability(logits: Tensor, labels: Tensor, num_bins: int = 15) -> dict:
    """How often answers of each confidence are right (Guo et al. 2017): equal bins of confidence from 0 to 1.

    Returns ``confidence`` and ``accuracy``, means of each bin, and ``low`` and ``high``, the accuracy's 95 %
    Wilson interval, NaN where the bin is empty; its ``count``, all (num_bins,); ``ece``, the expected
    calibration error: the mean gap, weighted by count; ``excess``, mean confidence minus accuracy of all.
    Logits that are not finite are refused: they would count as answers in no bin.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins={num_bins}: at least 1")
    logits = as_logits(logits)
    labels = as_labels(labels, len(logits), logits.shape[1])
    confidence, predicted = (part.numpy() for part in confidences(logits))
    right = predicted == labels.numpy()
    cell = np.ceil(confidence * num_bins).astype(int) - 1  # bins are open on the left
    cell = np.clip(cell, 0, num_bins - 1)
    count = np.bincount(cell, minlength=num_bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 in an empty bin
        mean_confidence = np.bincount(cell, confidence, num_bins) / count
        accuracy = np.bincount(cell, right, num_bins) / count
    gap = np.abs(mean_confidence - accuracy)
    ece = np.nansum(gap * count) / count.sum()
    low, high = _intervals(accuracy, count)
    return {"confidence": mean_confidence, "accuracy": accuracy, "low": low, "high": high, "count": count,
            "ece": float(ece), "excess": float(confidence.mean() - right.mean())}


def _intervals(accuracy: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of each bin's interval; an empty bin has none."""
    low, high = np.full((2, len(count)), np.nan)
    filled = count > 0
    low[filled], high[filled] = wilson_interval(accuracy[filled] * count[filled], count[filled])
    return low, high


def chance_ece(logits: Tensor, draws: int = 20, seed: int = 0) -> float:
    """The largest ECE, a fraction, that chance gives answers which are calibrated.

    The labels of the images are drawn `draws` times from the answers' own softmax, by a generator of its own.

    Parameters
    ----------
    logits : Tensor
        Float (N, num_classes).
    """
    probabilities = as_logits(logits).softmax(1)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.multinomial(probabilities, draws, replacement=True, generator=generator)
    return max(reliability(logits, labels)["ece"] for labels in drawn.T)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T that minimizes the cross-entropy of ``logits / T`` (Guo et al. 2017), from images not trained on.

    Parameters
    ----------
    logits : Tensor
        Float (N, num_classes).
    labels : Tensor
        int64 (N,).

    Raises
    ------
    ValueError
        Where no T is best, as when a label's class is masked with -inf.
    """
    logits = as_logits(logits).double()
    labels = as_labels(labels, len(logits), logits.shape[1])
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], lr=0.5, max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(logits / log_t.exp(), labels)
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    temperature = float(log_t.detach().exp())
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature {temperature}: no T is best for these {len(labels)} images; "
                         "is a class masked with -inf that is the label of one?")
    return temperature
