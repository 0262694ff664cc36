"""What single filters see: their maps, their orientation and color, what they are worth, what drives them most."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from helpers.env import look_up
from helpers.models.trace import evaluating


@contextlib.contextmanager
def keeping_outputs(model: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """A dict into which each forward pass puts the outputs of these modules; afterwards all hooks are gone.

    Raises
    ------
    ValueError
        For a name that is no module of `model`.
    """
    modules = dict(model.named_modules())
    wanted = {name: look_up(modules, name, "module") for name in names}
    outputs: dict[str, Tensor] = {}

    def keep(name, module, inputs, output):
        outputs[name] = output

    with contextlib.ExitStack() as hooks:  # a hook removes itself at its end, also after an error
        for name, module in wanted.items():
            hooks.enter_context(module.register_forward_hook(partial(keep, name)))
        yield outputs


def feature_maps(model: nn.Module, images: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """By module name, what these modules make of normalized images (N, 3, H, W), in eval mode, on the CPU.

    Modes of the model stay as they were, and no hook stays behind.
    """
    device = next(model.parameters()).device
    with evaluating(model), keeping_outputs(model, names) as outputs:
        model(images.to(device))
    return {name: outputs[name].detach().cpu() for name in names}


def _as_filters(filters) -> np.ndarray:
    """Filters (n, colors, k, k) with odd k as float64; other shapes are refused."""
    filters = filters.detach().cpu() if isinstance(filters, Tensor) else filters
    filters = np.asarray(filters, dtype=np.float64)
    shape = filters.shape
    if filters.ndim != 4 or shape[2] != shape[3] or shape[2] % 2 == 0:
        raise ValueError(f"filters have shape {shape}: expected (filters, colors, k, k) with an odd k, as in the "
                         "`weight` of a first convolution")
    return filters


def orientation_selectivity(filters) -> np.ndarray:
    """How much each filter prefers one direction of stripes: 0 for none, 1 for only one; shape (n,).

    The power of the filter's discrete Fourier transform, summed over colors, is spread over the directions θ of its
    frequencies. The result is ``|Σ power · exp(2iθ)| / Σ power``, one minus the circular variance of directions (the
    doubled angle makes a stripe and its half turn the same). The mean of a filter has no direction and is left out;
    a filter of flat color has selectivity 0. For n filters of independent normal values in c colors the mean square
    is ``1 / (1 + c (k² − 1) / 2)``: no direction is exactly zero by chance.

    References
    ----------
    D. Ringach, R. Shapley, M. Hawken (2002), "Orientation selectivity in macaque V1", Journal of Neuroscience 22.
    """
    filters = _as_filters(filters)
    power = (np.abs(np.fft.fft2(filters)) ** 2).sum(1)
    power[:, 0, 0] = 0  # the mean
    frequency = np.fft.fftfreq(filters.shape[-1])
    direction = np.arctan2(frequency[:, None], frequency[None, :])
    resultant = np.abs((power * np.exp(2j * direction)).sum((1, 2)))
    total = power.sum((1, 2))
    rounding = 1e-20 * (filters**2).sum((1, 2, 3)) * filters.shape[-1] ** 2
    patterned = total > rounding
    return np.where(patterned, resultant / np.where(patterned, total, 1), 0.0)


def color_opponency(filters) -> np.ndarray:
    """Which share of each filter's energy a gray picture cannot reach: 0 for gray, 1 for color alone; shape (n,).

    Each position's three weights are split into their mean, which answers to brightness, and what is left, which
    weighs the colors against each other. The result is the energy of the second part over that of both; NaN for a
    filter of zeros. Independent random weights have 2/3 on average, since two of three directions are color.
    """
    filters = _as_filters(filters)
    gray = filters.mean(1, keepdims=True)
    energy = (filters**2).sum((1, 2, 3))
    color = ((filters - gray) ** 2).sum((1, 2, 3))
    return np.where(energy > 0, color / np.where(energy > 0, energy, 1), np.nan)


def random_filters(count: int, shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Filters (count, colors, k, k) of independent normal values: what chance looks like."""
    return np.random.default_rng(seed).normal(size=(count, *shape))


def equally_smooth_filters(filters, count: int, seed: int = 0) -> np.ndarray:
    """Random filters (count, colors, k, k) as smooth as these: with their mean power at each distance from frequency 0.

    A smooth filter consists of few frequencies, and so prefers some direction by chance more often than a rough one;
    directions and colors of these are random. Each of `filters` counts alike, whatever its norm; zeros are left out.
    """
    filters = _as_filters(filters)
    power = (np.abs(np.fft.fft2(filters)) ** 2).sum(1)
    total = power.sum((1, 2), keepdims=True)
    share = (power / np.where(total > 0, total, 1)).mean(0)
    frequency = np.fft.fftfreq(filters.shape[-1])
    distance = np.hypot(frequency[:, None], frequency[None, :]).round(6)
    profile = np.zeros_like(share)
    for ring in np.unique(distance):
        profile[distance == ring] = share[distance == ring].mean()
    noise = random_filters(count, filters.shape[1:], seed)
    return np.fft.ifft2(np.fft.fft2(noise) * np.sqrt(profile)).real


@contextlib.contextmanager
def without_filters(layer: nn.Module, filters: int | Sequence[int]) -> Iterator[nn.Module]:
    """Set these filters of a layer, and their biases, to zero for a while; afterwards they are back, bit for bit.

    Raises
    ------
    IndexError
        For a number that is no filter of the layer.
    """
    rows = [filters] if isinstance(filters, int) else list(filters)
    count = len(layer.weight)
    if wrong := [row for row in rows if not 0 <= row < count]:
        raise IndexError(f"filters {wrong}: this layer has {count}, numbered from 0 to {count - 1}")
    parts = [part for part in (layer.weight, getattr(layer, "bias", None)) if part is not None]
    before = [part.detach().clone() for part in parts]
    try:
        with torch.no_grad():
            for part in parts:
                part[rows] = 0
        yield layer
    finally:
        with torch.no_grad():
            for part, old in zip(parts, before, strict=True):
                part.copy_(old)


def maximize_filter(model: nn.Module, name: str, channel: int, generator: torch.Generator, *, size: int = 32,
                    steps: int = 60, rate: float = 0.2) -> tuple[Tensor, list[float]]:
    """An image (3, size, size), normalized, that one filter answers to most in its map's center.

    Gradient ascent on the pixels from noise of `generator`. After each step the image is scaled to a root mean square
    of 1, that of a normalized data set: without this, more contrast would always be better. Also returned is the
    response before each step. For a filter of the first layer the best image is the filter itself.

    Parameters
    ----------
    name : str
        A module of `model`, best one before its ReLU, which has no slope where it is silent.
    rate : float
        Length of a step, as a share of the image's.

    References
    ----------
    D. Erhan et al. (2009), "Visualizing higher-layer features of a deep network", University of Montreal.
    """
    device = next(model.parameters()).device
    image = _unit_rms(torch.randn(1, 3, size, size, generator=generator).to(device))
    responses = []
    with evaluating(model), torch.enable_grad(), keeping_outputs(model, [name]) as outputs:
        for _ in range(steps):
            image = image.detach().requires_grad_()
            model(image)
            response = _center(outputs[name])[0, channel]
            slope, = torch.autograd.grad(response, image)
            responses.append(response.item())
            if slope.any():
                image = _unit_rms(image.detach() + rate * _unit_rms(slope))
    return image.detach()[0].cpu(), responses


def _unit_rms(values: Tensor) -> Tensor:
    return values / values.square().mean().sqrt()


def _center(maps: Tensor) -> Tensor:
    """The middle of maps (N, channels, H, W): (N, channels)."""
    return maps[..., maps.shape[-2] // 2, maps.shape[-1] // 2]
