"""Is a network as often right as it is sure? Reliability, and the temperature that mends it."""

import numpy as np
import torch
from torch import Tensor, nn

from helpers.analysis.predict import confidences


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
