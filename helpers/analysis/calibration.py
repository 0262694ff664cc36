"""Is a network as often right as it is sure? Reliability, and the temperature that mends it."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from helpers.analysis.inputs import as_labels, as_logits
from helpers.analysis.predict import confidences


def reliability(logits: Tensor, labels: Tensor, num_bins: int = 15) -> dict:
    """How often answers of each confidence are right (Guo et al. 2017): equal bins of confidence from 0 to 1.

    Returns ``confidence`` and ``accuracy``, means of each bin, NaN where it is empty, and its ``count``, all
    (num_bins,); ``ece``, the expected calibration error: the mean gap, weighted by count. Logits that are
    not finite are refused: they would count as answers in no bin.
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
    return {"confidence": mean_confidence, "accuracy": accuracy, "count": count, "ece": float(ece)}


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T that minimizes the cross-entropy of ``logits / T`` (Guo et al. 2017), from images not trained on."""
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
