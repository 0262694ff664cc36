"""Checks of notebook 18: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import math

import pytest
import torch
from exercise_cases import make_tests
from torch.optim import lr_scheduler

from helpers.exercises import schedule_comparison as checks

pytestmark = pytest.mark.filterwarnings("ignore:Detected call of")


def warm_cosine(t):
    if t < 0.2:
        return t / 0.2
    return (1 + math.cos(math.pi * (t - 0.2) / 0.8)) / 2


def after_warm_up(fall):
    return lambda t: t / 0.2 if t < 0.2 else fall(t)


def stepped(length=lambda epochs, steps: epochs * steps, *, per_epoch=False, late=False):
    """The loop of the exercise with torch's own schedule; `late` notes the rate after the schedule has moved."""
    def rates(num_epochs, steps_per_epoch):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
        scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=length(num_epochs, steps_per_epoch))
        seen = []
        for _ in range(num_epochs):
            for _ in range(steps_per_epoch):
                before = optimizer.param_groups[0]["lr"]
                optimizer.step()
                if not per_epoch:
                    scheduler.step()
                seen.append(optimizer.param_groups[0]["lr"] if late else before)
            if per_epoch:
                scheduler.step()
        return seen
    return rates


def by_torch(average, weights, count):
    """What AveragedModel makes of a layer that holds these weights."""
    layer = torch.nn.Linear(2, 3, bias=False)
    averaged = torch.optim.swa_utils.AveragedModel(layer)
    averaged.n_averaged.fill_(count)
    averaged.module.weight.data = average
    layer.weight.data = weights
    averaged.update_parameters(layer)
    return averaged.module.weight.detach()


RIGHT = [
    (checks.warm_cosine, warm_cosine),
    (checks.warm_cosine, lambda t: torch.tensor(warm_cosine(t))),
    (checks.rates_per_step, stepped()),
    (checks.rates_per_step, lambda epochs, steps: torch.tensor(stepped()(epochs, steps))),
    (checks.running_average, by_torch),
    (checks.running_average, lambda average, weights, count: (average * count + weights) / (count + 1)),
    (checks.unfair, ["a", "d"]),
    (checks.unfair, ("D", "A")),
]
WRONG = [
    (checks.warm_cosine, lambda t: (1 + math.cos(math.pi * t)) / 2, "where is the warm-up"),
    (checks.warm_cosine, lambda t: t if t < 0.2 else warm_cosine(t), "half of the warm-up"),
    (checks.warm_cosine, after_warm_up(lambda t: (1 + math.cos(math.pi * t)) / 2), "the fall begins"),
    (checks.warm_cosine, after_warm_up(lambda t: (1 + math.cos(math.pi * (t - 0.2))) / 2), "0.8 long"),
    (checks.warm_cosine, after_warm_up(lambda t: math.cos(math.pi * (t - 0.2) / 0.8)), "negative"),
    (checks.warm_cosine, after_warm_up(lambda t: math.cos(math.pi * (t - 0.2) / 1.6)), "quarter"),
    (checks.warm_cosine, after_warm_up(lambda t: 1 - (t - 0.2) / 0.8), "straight line"),
    (checks.warm_cosine, lambda t: None, "return"),
    (checks.rates_per_step, stepped(lambda epochs, steps: epochs), "T_max counts"),
    (checks.rates_per_step, stepped(lambda epochs, steps: epochs, late=True), "T_max counts"),
    (checks.rates_per_step, stepped(lambda epochs, steps: epochs, per_epoch=True), "stands still"),
    (checks.rates_per_step, stepped(late=True), "off by one"),
    (checks.rates_per_step, stepped(lambda epochs, steps: epochs * steps - 1), "one less"),
    (checks.rates_per_step, lambda epochs, steps: stepped()(epochs, steps)[:epochs], "one per step"),
    (checks.running_average, lambda average, weights, count: (average + weights) / 2, "fixed share"),
    (checks.running_average, lambda average, weights, count: 0.9 * average + 0.1 * weights, "fixed share"),
    (checks.running_average, lambda average, weights, count: average + weights, "sum"),
    (checks.running_average, lambda average, weights, count: average + (weights - average) / count, "divide by 0"),
    (checks.running_average, lambda average, weights, count: weights, "last of the weights"),
    (checks.running_average, lambda average, weights, count: weights.mean(), "shape"),
    (checks.unfair, ["a"], "measured"),
    (checks.unfair, ["d"], "tries"),
    (checks.unfair, ["a", "b", "d"], "comparable"),
    (checks.unfair, ["a", "c", "d"], "paired"),
    (checks.unfair, ["a", "d", "e"], "pays late"),
    (checks.unfair, ["f"], "from a to e"),
]
MORE_KINDS = [3, [None], lambda *given: "x"]  # beyond those that all exercises share
WRONG += [(check, answer, "✗ ") for check in dict(RIGHT) for answer in MORE_KINDS]


test_right_answers_pass, test_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
