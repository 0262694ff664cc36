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
from tqdm import tqdm

from helpers.data.loader import memory_format
from helpers.training.optimizers import make_optimizer

DEFAULT_RULE = "valley"  # notebook 11: it scatters far less over seeds than "steepest", and reads rates near the best


class RangeTest(NamedTuple):
    """Smoothed loss at each learning rate, and the learning rates that three rules read off the curve."""

    lrs: list[float]
    losses: list[float]
    suggestions: dict[str, float]  # without the rules that the curve does not support
    reason: str = ""  # why it does not

    @property
    def suggestion(self) -> float:
        """What `DEFAULT_RULE` reads; `ValueError`, which says why, where the curve does not support it."""
        if DEFAULT_RULE not in self.suggestions:
            raise ValueError(f"this curve suggests no learning rate: {self.reason}")
        return self.suggestions[DEFAULT_RULE]


def lr_range_test(model: nn.Module, batches, config, *, min_lr: float = 1e-4, max_lr: float = 30.0,
                  num_steps: int = 100, progress: bool = False) -> RangeTest:
    """Raise the learning rate exponentially, one update per value, and watch the loss (Smith 2017).

    Runs torch-lr-finder on a copy of the model with a fresh optimizer of `config`, so that the model, its
    mode and the global random numbers are as before, bit for bit. `batches` of ``(images, labels)`` are begun again
    as often as needed. The curve ends where the smoothed loss exceeds five times its best, or is NaN or infinite.
    Where it does neither and does not rise at the end, raise `max_lr`: two of the three rules need the rise.
    With `progress` a bar of tqdm counts the steps.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its progress bar announces itself at import
        from torch_lr_finder import LRFinder, TrainDataLoaderIter

    if not 0 < min_lr < max_lr or num_steps < 20:
        raise ValueError(f"min_lr={min_lr}, max_lr={max_lr}, num_steps={num_steps}: "
                         "need 0 < min_lr < max_lr and at least 20 steps")
    trial, device = copy.deepcopy(model), next(model.parameters()).device
    if device.type == "mps":
        trial = trial.to(memory_format=memory_format(config, device))
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    finder = LRFinder(trial, make_optimizer(trial, config), criterion, device=device)
    if len(finder.optimizer.param_groups) > 1:
        raise ValueError(f"optimizer={config.optimizer!r} has one learning rate per group: no range test finds them")

    def until_nan(steps):  # torch-lr-finder's loop has no other way to end at a NaN than through its progress bar
        losses = finder.history["loss"]
        for step in tqdm(steps, desc="range test", unit="step", disable=not progress):
            if losses and not math.isfinite(losses[-1]):
                return
            yield step

    with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()), \
            unittest.mock.patch("torch_lr_finder.lr_finder.tqdm", until_nan):
        finder.range_test(TrainDataLoaderIter(batches), start_lr=min_lr, end_lr=max_lr, num_iter=num_steps,
                          non_blocking_transfer=device.type == "cuda")
    lrs, losses = finder.history["lr"], finder.history["loss"]
    diverges = not math.isfinite(losses[-1])
    if diverges:
        lrs, losses = lrs[:-1], losses[:-1]
    try:
        return RangeTest(lrs, losses, *_read_curve(lrs, losses, diverges))
    except ValueError as error:
        return RangeTest(lrs, losses, {}, str(error))


def suggest_lrs(lrs: list[float], losses: list[float], *, diverges: bool = False) -> dict[str, float]:
    """Up to three readings of a range-test curve, each a learning rate; `ValueError` where it supports none.

    ``steepest``: where the loss falls fastest in log lr, before it is lowest. ``minimum / 10``: a tenth of where it
    is lowest. ``valley``: two thirds into its longest falling stretch (its longest decreasing subsequence). The last
    two need a loss that rises again, or one that `diverges` right after the curve's last point; else they are left
    out, and so is ``steepest`` where the loss falls fastest at an end of the range.

    The first tenth of the steps is left out, and what is left of a fall that is fastest at its beginning: there a
    single batch can stand out, and the fall from it says nothing of the learning rate.

    Notes
    -----
    fastai 2 (``steep``, ``minimum``, ``valley``) refuses no curve, and leaves out the first tenth and the last five
    steps. Its ``steep`` looks behind the minimum too; its ``minimum`` also is a tenth of the lowest point. Its
    ``valley``, the default, counts back from the end of the longest decreasing subsequence by the number of its
    points, and goes to the middle of that: a third, and half of another third.
    """
    found, reason = _read_curve(lrs, losses, diverges)
    if not found:
        raise ValueError(reason)
    return found


def _read_curve(lrs, losses, diverges: bool) -> tuple[dict[str, float], str]:
    """The learning rates that the rules read off a curve, and why a rule is missing; `ValueError` if it is flat."""
    if len(lrs) < 5:
        raise ValueError(f"only {len(lrs)} finite losses: start the sweep at a smaller min_lr")
    if not np.isfinite(losses).all():
        raise ValueError("the losses are not all finite: cut the curve before the first that is not")
    skip = len(lrs) // 10
    lrs, y = np.asarray(lrs)[skip:], np.asarray(losses)[skip:]
    start = _end_of_spike(lrs, y)
    lrs, y = lrs[start:], y[start:]
    best = int(y.argmin())
    _refuse_without_fall(y, best)
    steepest = int(_slope(lrs, y)[:best].argmin())
    if diverges or y[best:].max() - y[best] > _smallest_change(y):
        return {"steepest": float(lrs[steepest]), "minimum / 10": float(lrs[best] / 10),
                "valley": float(lrs[_valley(y)])}, ""
    reason = (f"the loss does not rise again up to the largest learning rate, {lrs[-1]:.3g}, "
              "so the range holds no minimum: raise max_lr")
    if steepest + _margin(y) >= len(y) - 1:
        return {}, reason
    return {"steepest": float(lrs[steepest])}, reason


def _slope(lrs: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Change of the loss per factor e of the learning rate, at each of them."""
    return np.gradient(losses, np.log(lrs))


def _margin(losses: np.ndarray) -> int:
    """Steps so near to an end of the curve that the steepest among them may be steeper still beyond it."""
    return max(1, len(losses) // 20)


def _end_of_spike(lrs: np.ndarray, losses: np.ndarray) -> int:
    """Index behind a fall that is fastest where the curve begins, as smoothing leaves it of one bad batch; else 0.

    A learning rate that is too small changes nothing yet, so that a curve that it is read from begins flat.
    """
    slope, start = _slope(lrs, losses), 0
    best = int(losses.argmin())
    while start < best:
        steepest = start + int(slope[start:best].argmin())
        if steepest - start >= _margin(losses):
            break
        start = steepest + 1
    return start


def _smallest_change(losses: np.ndarray) -> float:
    """What a change of the loss must exceed to be more than its jumps from step to step."""
    jump = np.median(np.abs(np.diff(losses, 2)))
    return max(1e-3 * abs(losses[0]), 3 * jump)


def _refuse_without_fall(losses: np.ndarray, best: int) -> None:
    """Raise `ValueError` if the curve only rises, or falls by no more than it jumps from step to step."""
    if best == 0 or len(losses) < 5:
        raise ValueError("the loss never falls below where it starts, or fastest there: it is flat or rises from "
                         "the smallest learning rate on; lower min_lr, or look at the data")
    fall = losses[0] - losses[best]
    if fall <= _smallest_change(losses):
        raise ValueError(f"the loss falls by {fall:.2g} only, from {losses[0]:.3g}: the curve is flat; raise max_lr "
                         "or num_steps")


def _valley(losses: np.ndarray) -> int:
    """Index two thirds along the longest decreasing subsequence of the losses."""
    chains: list[list[int]] = []  # the longest that ends at each loss
    for i, loss in enumerate(losses):
        longest = max((chain for chain in chains if losses[chain[-1]] > loss), key=len, default=[])
        chains.append([*longest, i])
    chain = max(chains, key=len)
    return chain[0] + (chain[-1] - chain[0]) * 2 // 3
