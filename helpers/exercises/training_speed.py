"""Checks of notebook 19."""

import statistics

import torch

from helpers.exercises import exercise
from helpers.exercises.answers import letters

UNFAIR = {"a", "b", "e"}
REPEATS = 5


class _Machine:
    """A simulated machine with a clock of its own: it warms up, slows down, and is disturbed once."""

    def __init__(self):
        self.now, self.calls, self.took = 100.0, [], {"fast": [], "slow": []}

    def clock(self) -> float:
        return self.now

    def run(self, name: str) -> None:
        seconds = {"fast": 1.0, "slow": 2.0}[name] * (1 + 0.02 * len(self.calls))
        if not self.took[name]:
            seconds += 10  # of a first run
        if len(self.took[name]) == 3:
            seconds += 4  # a disturbance
        self.calls.append(name)
        self.took[name].append(seconds)
        self.now += seconds


@exercise
def time_ways(function) -> str:
    """A repaired function (ways, repeats, clock) → seconds per way: warmed up, in turn, the median."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    machine = _Machine()
    ways = {name: lambda name=name: machine.run(name) for name in machine.took}
    found = function(ways, REPEATS, machine.clock)
    if found is None:
        return "the function returns nothing: is there a return?"
    if not isinstance(found, dict) or set(found) != set(ways):
        return "a dictionary is wanted, from the name of each way to its seconds"
    return _calls_hint(machine) or _seconds_hint({name: float(found[name]) for name in ways}, machine.took)


def _calls_hint(machine: _Machine) -> str:
    counts = [len(took) for took in machine.took.values()]
    rounds = [set(machine.calls[at:at + 2]) for at in range(0, len(machine.calls), 2)]
    if min(counts) < REPEATS:
        return f"measure each way `repeats` times; of {REPEATS} this ran one only {min(counts)} times"
    if any(len(names) < 2 for names in rounds[-REPEATS:]):
        return "one way after the other: if the machine slows down, only the later way does; let them take turns"
    if min(counts) == REPEATS:
        return "a first run pays for kernels and memory: run each way once more than `repeats`, uncounted"
    return ""


def _seconds_hint(found: dict, took: dict) -> str:
    def matches(summary) -> bool:
        return all(abs(found[name] - summary(runs)) < 1e-6 for name, runs in took.items())

    if matches(lambda runs: statistics.median(runs[-REPEATS:])):
        return ""
    if matches(statistics.mean) or matches(lambda runs: sum(runs) / REPEATS) or matches(statistics.median):
        return "the warm-up is run, but counted: leave the first reading out"
    if matches(lambda runs: statistics.mean(runs[-REPEATS:])):
        return "one disturbed reading moves a mean: take the median"
    if matches(lambda runs: min(runs[-REPEATS:])):
        return "the smallest reading is the luckiest: take the median"
    if max(found.values()) < 0.5:
        return "these are no seconds of this machine: read the `clock` that is handed over"
    return "take the median of the readings after the warm-up, each from just before a run to just after it"


@exercise
def newton_schulz(function) -> str:
    """A function matrix → the same singular vectors, and all singular values 1 within a hundredth."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    for rows, columns in ((4, 7), (6, 4)):
        if hint := _orthogonal_hint(function, rows, columns):
            return hint
    return ""


def _orthogonal_hint(function, rows: int, columns: int) -> str:
    draws = torch.Generator().manual_seed(19)
    left, _, right = torch.linalg.svd(torch.randn(rows, columns, generator=draws), full_matrices=False)
    matrix = left @ torch.diag(torch.tensor([8.0, 4.0, 2.0, 1.0])) @ right
    found = function(matrix.clone())
    if found is None:
        return "the function returns nothing: is there a return?"
    found = torch.as_tensor(found).float()
    if found.shape != matrix.shape:
        return f"from {tuple(matrix.shape)} this made {tuple(found.shape)}: the shape is to stay"
    if not found.isfinite().all() or found.abs().max() > 1e3:
        return "the numbers grow without bounds: divide by the norm first"
    inside = left.T @ found @ right.T  # diagonal, where the singular vectors are kept
    reached, rest = inside.diagonal(), inside - torch.diag(inside.diagonal())
    if rest.abs().max() > 0.02 or (found - left @ inside @ right).abs().max() > 0.02:
        return "this turns directions: X Xᵀ X is two matrix products (@), not products of entries"
    return _values_hint(reached)


def _values_hint(reached: torch.Tensor) -> str:
    if (reached - 1).abs().max() < 0.01:
        return ""
    if torch.allclose(reached / reached[0], torch.tensor([1, 0.5, 0.25, 0.125]), atol=0.01):
        return "the singular values still stand in their old ratios: has a round been run?"
    if reached.min() > 0 and reached.max() < 1.05:
        return f"the directions are right, but the smallest singular value is {reached.min():.2f}: more rounds"
    return "each round is 1.5 · X − 0.5 · X Xᵀ X: at a singular value of 1 it changes nothing"


@exercise
def run_operations(function) -> str:
    """A function (macs, num_epochs, image_sizes, images) → operations of a whole run whose pictures grow."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    for given in ((10, ((0, 24), (6, 32))), (4, ()), (5, ((2, 16), (3, 24)))):
        found = function(lambda size: size**2, *given, 50)
        if found is None:
            return "the function returns nothing: is there a return?"
        if hint := _operations_hint(float(found), *given):
            return hint
    return ""


def _work(num_epochs: int, image_sizes: tuple, late: int = 0) -> int:
    """Multiply-accumulates of forward passes over 50 images, where size² are one image's."""
    total = 0
    for epoch in range(num_epochs):
        size = 32
        for first, new in image_sizes:
            if epoch >= first + late:
                size = new
        total += 50 * size**2
    return total


def _operations_hint(found: float, num_epochs: int, image_sizes: tuple) -> str:
    macs = _work(num_epochs, image_sizes)
    if abs(found / macs - 6) < 1e-6:
        return ""
    factors = {
        1: "those are multiply-accumulates of forward passes; one is two operations, and training goes back",
        2: "those are the forward passes alone",
        3: "a multiply-accumulate is two operations",
        4: "the backward pass does twice a forward pass's work: for the weights, and for the layer's input",
        6 / 50: "that is a single image's share: an epoch has all images",
    }
    for factor, hint in factors.items():
        if abs(found / macs - factor) < 1e-6:
            return hint
    return _sizes_hint(found / 6, num_epochs, image_sizes)


def _sizes_hint(macs: float, num_epochs: int, image_sizes: tuple) -> str:
    ends = {num_epochs * 50 * size**2 for size in (32, *(size for _, size in image_sizes))}
    if image_sizes and macs in ends:
        return "one size for all epochs: from epoch 6 on ((0, 24), (6, 32)) has 32 pixels, before it 24"
    if macs == _work(num_epochs, image_sizes, late=1):
        return "one epoch late: (6, 32) means that epoch number 6, counted from 0, already has 32 pixels"
    if not image_sizes or image_sizes[0][0] > 0:
        return "before the first pair, and without any, the pictures have their full size, 32"
    return "for each epoch: find its size, then add 6 · macs(size) · images"


@exercise
def unfair(answer) -> str:
    """Which of five facts, by letter, make a claim about speed unfair."""
    given = letters(answer, "abcde")
    if given == UNFAIR:
        return ""
    if "c" in given:
        return "c: six views on both sides help both; that is fair as long as it is said"
    if "d" in given:
        return "d: validation chose, and new seeds were judged on the test set: that is how it should be"
    missing = sorted(UNFAIR - given)[0]
    return {"a": "one side was tuned and the other was not: which fact says so?",
            "b": "a machine's pace drifts: which fact lets drift look like speed?",
            "e": "one run may be a lucky or an unlucky one: which fact rests on one?"}[missing]
