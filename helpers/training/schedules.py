"""Learning-rate schedules by name, and parameters that learn for a share of the run only."""

import torch
from torch.optim import lr_scheduler

from helpers.env import look_up


def _one_cycle(optimizer, config, total_steps):
    if abs(config.pct_start * total_steps - 1) < 1e-9:  # torch would divide by zero
        raise ValueError(f"pct_start={config.pct_start} of {total_steps} steps leaves a warm-up of no length: "
                         "train longer, or change pct_start")
    peaks = [group["lr"] for group in optimizer.param_groups]  # config.max_lr, or a rate of the group's own
    return lr_scheduler.OneCycleLR(
        optimizer, peaks, total_steps=total_steps, pct_start=config.pct_start, anneal_strategy="linear",
        div_factor=config.div_factor, final_div_factor=config.final_div_factor, cycle_momentum=config.cycle_momentum)


def _linear(optimizer, config, total_steps):
    ends = [group.get("until", 1.0) * total_steps for group in optimizer.param_groups]
    return lr_scheduler.LambdaLR(optimizer, [lambda step, end=end: max(0.0, 1 - step / end) for end in ends])


def _step(optimizer, config, total_steps):
    return lr_scheduler.StepLR(optimizer, step_size=max(1, round(total_steps / 6)), gamma=0.5)


def _multi_step(optimizer, config, total_steps):
    milestones = [round(total_steps / 2), round(total_steps * 3 / 4)]
    return lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)


def _exponential(optimizer, config, total_steps):
    return lr_scheduler.ExponentialLR(optimizer, gamma=0.001 ** (1 / total_steps))


SCHEDULERS = {
    "one_cycle": _one_cycle,
    "cosine": lambda optimizer, config, total_steps: lr_scheduler.CosineAnnealingLR(optimizer, T_max=total_steps),
    "cosine_warm_restarts": lambda optimizer, config, total_steps: lr_scheduler.CosineAnnealingWarmRestarts(
        optimizer, T_0=max(1, round(config.restart_epochs * total_steps / config.num_epochs)), T_mult=2),
    "linear": _linear,
    "step": _step,  # halved after every sixth of the steps
    "multi_step": _multi_step,  # a tenth after half of the steps, again after three quarters (He et al. 2016)
    "exponential": _exponential,  # the same factor at every step, down to a thousandth
    "constant": lambda optimizer, config, total_steps: lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=0),
}


def make_scheduler(optimizer: torch.optim.Optimizer, config, total_steps: int) -> lr_scheduler.LRScheduler:
    """The schedule that a `TrainConfig` names, stepped once after each of `total_steps` optimizer updates."""
    return look_up(SCHEDULERS, config.scheduler, "scheduler")(optimizer, config, total_steps)


def freeze_finished(optimizer: torch.optim.Optimizer, progress: float) -> None:
    """Spare the gradients of groups that learn only `until` a share of the run, of which `progress` (0 … 1) is over.

    A parameter group may hold ``until``, a share in (0, 1]: from then on its parameters stay as they are, whatever
    the schedule; the schedule ``linear`` also brings its rate down to 0 by then.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"] if group.get("until", 1.0) < 1 else ():
            parameter.requires_grad_(progress < group["until"])
