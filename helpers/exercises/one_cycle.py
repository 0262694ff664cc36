"""Checks of notebook 05."""

import copy

import numpy as np
import torch
from torch import nn

from helpers.exercises import exercise
from helpers.exercises.answers import ask_for_missing, letters

DISHONEST = {"c", "e"}


@exercise
def three_phases(function) -> str:
    """A function (step, total_steps) → rate: up in 30 % of the steps, down in as many, then on towards zero."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    total_steps = 200
    if function(0, total_steps) is None:
        return "the function returns nothing: is there a return?"
    steps = np.arange(total_steps)
    given = np.array([float(function(int(step), total_steps)) for step in steps])
    corners = [0, 0.3 * total_steps - 1, 0.6 * total_steps - 2, total_steps - 1]
    wanted = np.interp(steps, corners, [0.016, 0.4, 0.016, 1.6e-6])
    if np.allclose(given, wanted, rtol=1e-4, atol=1e-7):
        return ""
    return _phase_hint(given, steps, total_steps)


def _phase_hint(given: np.ndarray, steps: np.ndarray, total_steps: int) -> str:
    rates = [0.016, 0.4, 0.016, 1.6e-6]
    peak, last = 0.3 * total_steps - 1, total_steps - 1
    mistakes = {
        "the corners lie one step early, the second return two: torch counts steps from 0":
            np.interp(steps, [0, 0.3 * total_steps, 0.6 * total_steps, total_steps], rates),
        "the way down from the peak is as long as the way up, and ends at the first rate: where is the third phase?":
            np.interp(steps, [0, peak, last], [0.016, 0.4, 1.6e-6]),
        "after 60 % of the steps the rate should be back at 0.016, and then go on to the last rate":
            np.interp(steps, [0, peak, 2 * peak], rates[:3]),
        "that is the share of the peak: multiply by 0.4":
            np.interp(steps, [0, peak, 2 * peak, last], rates) / 0.4,
    }
    for hint, mistake in mistakes.items():
        if np.allclose(given, mistake, rtol=1e-3, atol=1e-6):
            return hint
    if given.max() < 0.39:
        return "the peak of 0.4 is never reached"
    if given.argmax() != round(peak):
        return f"of {total_steps} steps, number {round(peak)} should have the peak; here it is number {given.argmax()}"
    return "np.interp with four corners: steps 0, 0.3 N − 1, 0.6 N − 2, N − 1; rates 0.016, 0.4, 0.016, 0.0000016"


@exercise
def repaired_loop(function) -> str:
    """A loop (model, batches, optimizer, scheduler, num_epochs) that trains in place, given a model in eval mode."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    weights, rates = _weights_after(function)
    if _same(weights, _weights_after(_loop())[0]):
        return ""
    if _same(weights[:2], list(_start().parameters())[:2]):
        return ("the weights are as they were: is there a backward(), then at once an optimizer.step()? zero_grad "
                "between them throws the gradient away")
    faults = {
        "gradients add up from step to step: where are they set to zero?": dict(zero=False),
        "the rate changes once per epoch: its place is behind every optimizer.step()": dict(per_step=False),
        "the network came in eval mode, where batch norm does not look at the batch: call model.train()":
            dict(train=False),
    }
    for number_of_faults in (1, 2, 3):
        for hint, change in _combinations(faults, number_of_faults):
            if _same(weights, _weights_after(_loop(**change))[0]):
                left = "" if number_of_faults == 1 else f" (and {number_of_faults - 1} more)"
                return hint + left
    if len(rates) != 6 or len(set(rates)) != 6:
        return "six batches are six updates, each with a rate of its own: step the scheduler once per update"
    return ("the order is: loss, zero_grad, backward, optimizer.step, scheduler.step; a scheduler before the optimizer "
            "skips the first rate")


def _combinations(faults: dict, count: int):
    from itertools import combinations

    for chosen in combinations(faults.items(), count):
        merged = {name: value for _, change in chosen for name, value in change.items()}
        yield chosen[0][0], merged


def _start() -> nn.Module:
    torch.manual_seed(5)
    return _network()


def _network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3)).eval()


def _weights_after(function) -> tuple[list, list]:
    """The weights and averages that a loop leaves after two epochs of three batches, and the rates that it used."""
    generator = torch.Generator().manual_seed(5)
    model = _start()
    batches = [(torch.randn(8, 4, generator=generator) + 1, torch.arange(8) % 3) for _ in range(3)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    rates = []
    optimizer.register_step_pre_hook(lambda *_: rates.append(optimizer.param_groups[0]["lr"]))
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)
    function(model, batches, optimizer, scheduler, 2)
    return [value.detach().clone() for value in model.state_dict().values()], rates


def _loop(*, zero: bool = True, per_step: bool = True, train: bool = True):
    """The right loop, or one with some of the three faults."""
    def run(model, batches, optimizer, scheduler, num_epochs):
        if train:
            model.train()
        for _ in range(num_epochs):
            for images, labels in batches:
                loss = nn.functional.cross_entropy(model(images), labels)
                if zero:
                    optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if per_step:
                    scheduler.step()
            if not per_step:
                scheduler.step()
    return run


def _same(some, others) -> bool:
    return all(torch.allclose(a.float(), b.float(), atol=1e-5) for a, b in zip(some, others, strict=True))


@exercise
def running_variance(function) -> str:
    """A function of the variances of the batches, in order → batch norm's running average after them."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    variances = [4.0, 9.0, 1.0, 25.0, 16.0]
    given = function(copy.copy(variances))
    if given is None:
        return "the function returns nothing: is there a return?"
    given = float(np.asarray(given, dtype=float).ravel()[-1]) if np.size(given) == 1 else None
    if given is None:
        return "one number is wanted: the average after the last batch"
    if abs(given - _running(variances, 0.1, 1.0)) < 1e-3:
        return ""
    mistakes = {
        "torch's momentum of 0.1 is the weight of the *new* value; the old average keeps 0.9":
            _running(variances, 0.9, 1.0),
        "before the first batch the average is not empty: it begins at 1": _running(variances[1:], 0.1, variances[0]),
        "it begins at 1, not at 0": _running(variances, 0.1, 0.0),
        "that is the plain mean, which re-estimation takes; a running average forgets": np.mean(variances),
        "that is the last batch alone": variances[-1],
    }
    for hint, mistake in mistakes.items():
        if abs(given - mistake) < 1e-3:
            return hint
    return "average = 0.9 · average + 0.1 · new, once per batch, from 1"


def _running(values, weight_of_new: float, start: float) -> float:
    average = start
    for value in values:
        average = (1 - weight_of_new) * average + weight_of_new * value
    return average


@exercise
def dishonest(answer) -> str:
    """Which of five habits, by letter, flatter the test accuracy that is reported."""
    given = letters(answer, "abcde")
    if given == DISHONEST:
        return ""
    if "a" in given:
        return "a: the range test saw training images only"
    if "b" in given:
        return "b: choosing is what validation is for; the test set knows nothing of it"
    if "d" in given:
        return "d: after all choices are made, validation images may teach; the test images still did not"
    return ask_for_missing(DISHONEST, given, {
        "c": "which epochs has the test set been asked about?",
        "e": "which of the seeds are you told about?"})
