"""Optimizers by name."""

import torch
from torch import nn

from helpers.env import look_up
from helpers.models.protocols import HasParameterGroups
from helpers.training.muon import Muon


def _sgd(model, config):
    return torch.optim.SGD(model.parameters(), lr=config.max_lr, momentum=config.momentum,
                           nesterov=config.nesterov and config.momentum > 0, weight_decay=config.weight_decay)


def _adam(model, config):
    return torch.optim.Adam(model.parameters(), lr=config.max_lr, betas=(config.momentum, 0.999),
                            weight_decay=config.weight_decay)


def _adamw(model, config):
    return torch.optim.AdamW(model.parameters(), lr=config.max_lr, betas=(config.momentum, 0.999),
                             weight_decay=config.weight_decay)


def _rmsprop(model, config):
    return torch.optim.RMSprop(model.parameters(), lr=config.max_lr, momentum=config.momentum,
                               weight_decay=config.weight_decay)


def _muon(model, config):
    if not isinstance(model, HasParameterGroups):
        raise ValueError(f"optimizer 'muon' does not know {type(model).__name__}: it is for model 'whitened_net'")
    return Muon(model.parameter_groups(config.max_lr, config.batch_size))


OPTIMIZERS = {"sgd": _sgd, "adam": _adam, "adamw": _adamw, "rmsprop": _rmsprop, "muon": _muon}


def make_optimizer(model: nn.Module, config) -> torch.optim.Optimizer:
    """The optimizer that a `TrainConfig` names, at its `max_lr`. ``"sgd"`` is Nesterov's variant."""
    return look_up(OPTIMIZERS, config.optimizer, "optimizer")(model, config)
