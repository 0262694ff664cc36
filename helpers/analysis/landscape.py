"""The loss around a network's weights: along random directions, and over the plane that two of them span.

After Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets" (https://arxiv.org/abs/1712.09913), section 4.
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from helpers.env import look_up
from helpers.models.trace import evaluating
from helpers.training.checkpoints import restore_rng_state, rng_state
from helpers.training.fit import evaluate

Direction = dict[str, Tensor]  # one tensor per parameter, by its name


def _per_filter(noise: Tensor, weight: Tensor) -> Tensor:
    """Each filter of `noise` as long as the filter of `weight` at its place; a filter is what one output reads."""
    rows, filters = noise.flatten(1), weight.flatten(1)
    lengths = filters.norm(dim=1, keepdim=True)
    scaled = rows / rows.norm(dim=1, keepdim=True) * lengths
    return scaled.view_as(weight)


def _per_layer(noise: Tensor, weight: Tensor) -> Tensor:
    """`noise` as long as `weight`, as one vector."""
    return noise / noise.norm() * weight.norm()


def _as_drawn(noise: Tensor, weight: Tensor) -> Tensor:
    """`noise`, whatever the scale of the weights."""
    return noise


NORMALIZE = {"filter": _per_filter, "layer": _per_layer, "none": _as_drawn}


def random_direction(model: nn.Module, generator: torch.Generator, normalize: str = "filter") -> Direction:
    """A random direction in the space of a network's weights, normal noise brought to the scale of the weights.

    Biases and the parameters of batch norm, all that have fewer than two dimensions, are zero in it: they stay as they
    are along the direction. In a linear layer, the weights of one output count as its filter.

    Parameters
    ----------
    generator : torch.Generator
        On the CPU; the global random numbers are not touched.
    normalize : {"filter", "layer", "none"}
        Each filter, or each layer, has the norm of the weights there; or nothing is scaled. Without it, a step of one
        length is large for small weights and small for large ones, although batch norm makes both one function.

    Raises
    ------
    ValueError
        For another normalization; it lists the known.
    """
    scale = look_up(NORMALIZE, normalize, "normalization")
    direction = {}
    for name, parameter in model.named_parameters():
        weight = parameter.detach()
        if weight.dim() < 2:
            direction[name] = torch.zeros_like(weight)
            continue
        noise = torch.randn(weight.shape, generator=generator).to(weight)
        direction[name] = scale(noise, weight)
    return direction


def loss_along(model: nn.Module, direction: Direction, steps, batches, *, reestimate_on=None,
               precision: str = "auto") -> np.ndarray:
    """The loss at ``weights + step · direction``, float64 (steps,).

    The model comes back bit for bit as it was, also after an error: weights, buffers, modes and random numbers.

    Parameters
    ----------
    batches : iterable of ``(images, labels)``
        Gone through once and kept, so that every point is asked about the same images.
    reestimate_on : iterable of ``(images, labels)``, optional
        Training batches on which the mean and variance of every batch norm are measured anew at each point. That is
        right for the landscape that training sees, since training normalizes by the batch at hand. Without it, the
        statistics of the center are kept: right for what happens to the finished network when its weights are
        disturbed, and misleading about training, since a shifted layer then feeds the next with a scale that no
        training step would have left.
    precision : str
        As for `evaluate`.
    """
    steps = np.asarray(steps, dtype=float).ravel()
    losses = loss_surface(model, (direction, None), steps, [0.0], batches, reestimate_on=reestimate_on,
                          precision=precision)
    return losses[0]


def loss_surface(model: nn.Module, directions: tuple[Direction, Direction | None], xs, ys, batches, *,
                 reestimate_on=None, precision: str = "auto") -> np.ndarray:
    """The loss at ``weights + x · a + y · b`` of two directions (a, b), float64 (ys, xs): a row per y.

    Batch norm's statistics, and what comes back untouched, as in `loss_along`.
    """
    xs, ys = (np.asarray(values, dtype=float).ravel() for values in (xs, ys))
    a, b = directions
    for direction in (a, b):
        _refuse_foreign(model, direction)
    losses = np.empty((len(ys), len(xs)))
    with _restored(model):
        batches = list(batches)
        training = None if reestimate_on is None else list(reestimate_on)
        center = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        for row, column in np.ndindex(losses.shape):
            _move(model, center, ((xs[column], a), (ys[row], b)))
            if training is not None:
                _reestimate(model, training)
            losses[row, column] = evaluate(model, batches, precision=precision)["loss"]
    return losses


def _refuse_foreign(model: nn.Module, direction: Direction | None) -> None:
    """Raise `ValueError` for a direction of another network."""
    if direction is None:
        return
    ours = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    theirs = {name: tuple(part.shape) for name, part in direction.items()}
    for name in ours | theirs:
        if ours.get(name) != theirs.get(name):
            raise ValueError(f"this direction does not fit the network: {name} has shape {theirs.get(name)} in the "
                             f"direction and {ours.get(name)} in the network; make it by random_direction(model, …)")


@torch.no_grad()
def _move(model: nn.Module, center: Direction, moves) -> None:
    """Set the weights to ``center + Σ length · direction``; at length 0 they are the center's bits."""
    for name, parameter in model.named_parameters():
        parameter.copy_(center[name])
        for length, direction in moves:
            if direction is not None and length:
                parameter.add_(direction[name], alpha=length)


@torch.no_grad()
def _reestimate(model: nn.Module, batches: list) -> None:
    """Measure the mean and variance of every batch norm as plain averages over these batches."""
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    device = next(model.parameters()).device
    with evaluating(model):  # dropout and the like stay as in evaluation
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain average
            norm.train()
        try:
            for images, _ in batches:
                model(images.to(device))
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum


@contextmanager
def _restored(model: nn.Module):
    """Afterwards weights, buffers, modes and random numbers are bit for bit what they were, also on an error."""
    tensors = [*model.parameters(), *model.buffers()]
    before = [tensor.detach().clone() for tensor in tensors]
    modes = [(module, module.training) for module in model.modules()]
    random = rng_state()
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, old in zip(tensors, before, strict=True):
                tensor.copy_(old)
        for module, mode in modes:
            module.training = mode
        restore_rng_state(random)
