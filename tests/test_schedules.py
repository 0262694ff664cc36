"""Schedules and optimizers of the sweeps: each is the formula, or torch's own class, that its name says."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from helpers.training.config import TrainConfig
from helpers.training.optimizers import make_optimizer
from helpers.training.schedules import make_scheduler

STEPS = 120
CONFIG = TrainConfig(max_lr=0.4, num_epochs=12, restart_epochs=4)
FORMULAS = {
    "constant": lambda t: 1.0,
    "linear": lambda t: 1 - t,
    "cosine": lambda t: (1 + math.cos(math.pi * t)) / 2,
    "step": lambda t: 0.5 ** int(6 * t + 1e-9),
    "multi_step": lambda t: 0.1 ** ((t >= 0.5) + (t >= 0.75)),
    "exponential": lambda t: 0.001**t,
    "cosine_warm_restarts": lambda t: (1 + math.cos(math.pi * (3 * t if t < 1 / 3 else (3 * t - 1) / 2))) / 2,
}


def rates(config, steps=STEPS):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=config.max_lr)
    scheduler = make_scheduler(optimizer, config, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("name", FORMULAS)
def test_a_schedule_is_its_formula_at_every_step(name):
    expected = [0.4 * FORMULAS[name](step / STEPS) for step in range(STEPS)]
    assert rates(replace(CONFIG, scheduler=name)) == pytest.approx(expected, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_schedule_of_few_steps_is_one_too(name):
    found = rates(replace(CONFIG, scheduler=name), 2)
    assert found[0] == 0.4 and all(0 <= rate <= 0.4 for rate in found)


@pytest.mark.parametrize(("name", "kind", "settings"), [
    ("adamw", torch.optim.AdamW, {"betas": (0.8, 0.999), "weight_decay": 0.01, "lr": 0.003}),
    ("rmsprop", torch.optim.RMSprop, {"momentum": 0.8, "weight_decay": 0.01, "lr": 0.003})])
def test_an_optimizer_is_torchs_with_the_settings_of_the_configuration(name, kind, settings):
    config = TrainConfig(optimizer=name, max_lr=0.003, momentum=0.8, weight_decay=0.01)
    made = make_optimizer(nn.Linear(2, 2), config)
    assert type(made) is kind
    assert {key: made.param_groups[0][key] for key in settings} == settings


def test_decay_of_adamw_is_apart_from_the_gradient_and_that_of_adam_is_not():
    """Without a gradient AdamW only shrinks the weights, by 1 − lr · decay; Adam takes a full step of size lr."""
    after = {}
    for name in ("adam", "adamw"):
        layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(layer.weight, 2.0)
        optimizer = make_optimizer(layer, TrainConfig(optimizer=name, max_lr=0.1, weight_decay=0.5))
        layer.weight.grad = torch.zeros_like(layer.weight)
        optimizer.step()
        after[name] = layer.weight.item()
    assert after["adamw"] == pytest.approx(2 * (1 - 0.1 * 0.5)) and after["adam"] == pytest.approx(2 - 0.1, abs=1e-4)
