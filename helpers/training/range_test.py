"""The learning-rate range test, and three ways to read its curve."""

import contextlib
import copy
import io
import math
import unittest.mock
import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from helpers.training.optimizers import make_optimizer


class RangeTest(NamedTuple):
    """Smoothed loss at each learning rate, and the learning rates that three rules read off the curve."""

    lrs: list[float]
    losses: list[float]
    suggestions: dict[str, float]

    @property
    def suggestion(self) -> float:
        """Where the loss falls fastest per factor of the learning rate."""
        return self.suggestions["steepest"]


def lr_range_test(model: nn.Module, batches, config, *, min_lr: float = 1e-4, max_lr: float = 10.0,
                  num_steps: int = 100) -> RangeTest:
    """Raise the learning rate exponentially, one update a value, and watch the loss (Smith 2017).

    Runs torch-lr-finder on a copy of the model with a fresh optimizer of `config`, so that the model, its
    mode and the global random numbers are as before, bit for bit. `batches` of ``(images, labels)`` are begun again
    as often as needed. The curve ends where the loss exceeds five times its best, or is NaN or infinite.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its progress bar announces itself at import
        from torch_lr_finder import LRFinder, TrainDataLoaderIter

    if not 0 < min_lr < max_lr or num_steps < 20:
        raise ValueError(f"min_lr={min_lr}, max_lr={max_lr}, num_steps={num_steps}: "
                         "need 0 < min_lr < max_lr and at least 20 steps")
    trial, device = copy.deepcopy(model), next(model.parameters()).device
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    finder = LRFinder(trial, make_optimizer(trial, config), criterion, device=device)
    if len(finder.optimizer.param_groups) > 1:
        raise ValueError(f"optimizer={config.optimizer!r} has one learning rate a group: no range test finds them")

    def until_nan(steps):  # takes the place of a progress widget, and ends the sweep at a NaN
        losses = finder.history["loss"]
        return (step for step in steps if not losses or math.isfinite(losses[-1]))

    with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()), \
            unittest.mock.patch("torch_lr_finder.lr_finder.tqdm", until_nan):
        finder.range_test(TrainDataLoaderIter(batches), start_lr=min_lr, end_lr=max_lr, num_iter=num_steps)
    lrs, losses = finder.history["lr"], finder.history["loss"]
    if not math.isfinite(losses[-1]):
        lrs, losses = lrs[:-1], losses[:-1]
    return RangeTest(lrs, losses, suggest_lrs(lrs, losses))


def suggest_lrs(lrs: list[float], losses: list[float]) -> dict[str, float]:
    """Three readings of a range-test curve, each a learning rate.

    ``steepest``: where the loss falls fastest in log lr. ``minimum / 10``: a tenth of where it is lowest.
    ``valley``: two thirds into its longest falling stretch, as fastai does.
    """
    if len(lrs) < 5:
        raise ValueError(f"only {len(lrs)} finite losses: start the sweep at a smaller min_lr")
    x, y = np.log(np.asarray(lrs)), np.asarray(losses)
    best = int(y.argmin())
    slope = np.gradient(y, x)[: max(best, 1)]
    return {"steepest": float(lrs[int(slope.argmin())]), "minimum / 10": float(lrs[best] / 10),
            "valley": float(lrs[_valley(y)])}


def _valley(losses: np.ndarray) -> int:
    """Index two thirds along the longest decreasing subsequence of the losses."""
    chains: list[list[int]] = []  # the longest that ends at each loss
    for i, loss in enumerate(losses):
        longest = max((chain for chain in chains if losses[chain[-1]] > loss), key=len, default=[])
        chains.append([*longest, i])
    chain = max(chains, key=len)
    return chain[0] + (chain[-1] - chain[0]) * 2 // 3
