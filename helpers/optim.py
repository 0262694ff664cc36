"""Optimizers and learning-rate schedules by name, and the learning-rate range test."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import lr_scheduler


def _sgd(parameters, config):
    return torch.optim.SGD(parameters, lr=config.max_lr, momentum=config.momentum, nesterov=config.momentum > 0,
                           weight_decay=config.weight_decay)


def _adam(parameters, config):
    return torch.optim.Adam(parameters, lr=config.max_lr, betas=(config.momentum, 0.999),
                            weight_decay=config.weight_decay)


def _one_cycle(optimizer, config, total_steps):
    return lr_scheduler.OneCycleLR(
        optimizer, config.max_lr, total_steps=total_steps, pct_start=config.pct_start, anneal_strategy="linear",
        div_factor=config.div_factor, final_div_factor=config.final_div_factor,
        cycle_momentum=config.cycle_momentum)


def _constant(optimizer, config, total_steps):
    return lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0)


OPTIMIZERS = {"sgd": _sgd, "adam": _adam}
SCHEDULERS = {"one_cycle": _one_cycle, "constant": _constant}


def _lookup(table: dict, name: str, kind: str):
    if name not in table:
        raise ValueError(f"unknown {kind} {name!r}: choose from {sorted(table)}")
    return table[name]


def make_optimizer(model: nn.Module, config) -> torch.optim.Optimizer:
    """The optimizer that a `TrainConfig` names, at its `max_lr`. ``"sgd"`` is Nesterov's variant."""
    return _lookup(OPTIMIZERS, config.optimizer, "optimizer")(model.parameters(), config)


def make_scheduler(optimizer: torch.optim.Optimizer, config, total_steps: int) -> lr_scheduler.LRScheduler:
    """The schedule that a `TrainConfig` names, stepped once after each of `total_steps` optimizer updates."""
    return _lookup(SCHEDULERS, config.scheduler, "scheduler")(optimizer, config, total_steps)
