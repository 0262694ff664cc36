"""What single filters see: their maps, their orientation and color, what they are worth, what drives them most."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from numbers import Integral

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

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


def class_neighbors(model: nn.Module, names: Sequence[str], known, asked, statistics) -> dict[str, np.ndarray]:
    """By module name, whether each asked image's nearest known image is of its class, (N,) of bool.

    An image's code in a layer is the maximum of each channel, less its mean over the known images; nearest is the
    one of the largest cosine. Modules read in one pass, 250 images at a time.

    Parameters
    ----------
    known, asked : ImageSet
        Their uint8 images are normalized with `statistics`, (mean, std) of each color in units of 0–1.
    """
    ours, theirs = (_channel_maxima(model, names, data.images, statistics) for data in (asked, known))
    result = {}
    for name in names:
        center = theirs[name].mean(0)
        cosine = functional.normalize(ours[name] - center) @ functional.normalize(theirs[name] - center).T
        result[name] = (known.labels[cosine.argmax(1)] == asked.labels).numpy()
    return result


def _channel_maxima(model: nn.Module, names: Sequence[str], images: Tensor, statistics) -> dict[str, Tensor]:
    """By module name, the maximum of each channel over each image's map: (N, channels)."""
    mean, std = (torch.as_tensor(part).cpu().view(3, 1, 1) for part in statistics)
    maxima: dict[str, list[Tensor]] = {name: [] for name in names}
    for part in images.split(250):
        for name, maps in feature_maps(model, (part.float() / 255 - mean) / std, names).items():
            maxima[name].append(maps.float().amax((2, 3)))
    return {name: torch.cat(parts) for name, parts in maxima.items()}


def _as_filters(filters) -> np.ndarray:
    """Filters (n, colors, k, k) with odd k as float64; other shapes are refused."""
    filters = filters.detach().cpu() if isinstance(filters, Tensor) else filters
    filters = np.asarray(filters, dtype=np.float64)
    shape = filters.shape
    if filters.ndim != 4 or shape[2] != shape[3] or shape[2] % 2 == 0:
        raise ValueError(f"filters have shape {shape}: expected (filters, colors, k, k) with an odd k, as in the "
                         "`weight` of a first convolution")
    return filters


def orientation_walk(filters) -> np.ndarray:
    """How each filter's stripes add up to a direction: places of a walk in the complex plane, (n, k² − 1).

    Each frequency of a filter's discrete Fourier transform, the mean apart, is a pattern of stripes with a direction θ.
    It is one step, as long as its share of the power (summed over colors), in direction 2θ: a stripe and its half
    turn are the same, and two at right angles are opposite steps. Steps are in order of θ, from 0 to π; the last
    place is how far the filter prefers one direction, and which. A filter of flat color stays at 0.
    """
    filters = _as_filters(filters)
    count, size = len(filters), filters.shape[-1]
    power = (np.abs(np.fft.fft2(filters)) ** 2).sum(1).reshape(count, -1)[:, 1:]  # entry 0 is the mean
    frequency = np.fft.fftfreq(size)
    direction = np.arctan2(frequency[:, None], frequency[None, :]).ravel()[1:]
    total = power.sum(1, keepdims=True)
    rounding = 1e-20 * (filters**2).sum((1, 2, 3))[:, None] * size**2
    share = np.where(total > rounding, power / np.where(total > rounding, total, 1), 0)
    in_order = np.argsort((direction % np.pi).round(9), kind="stable")
    return (share * np.exp(2j * direction))[:, in_order].cumsum(1)


def orientation_selectivity(filters) -> np.ndarray:
    """How much each filter prefers one direction of stripes: 0 for none, 1 for only one; shape (n,).

    It is how far from its start `orientation_walk` ends, ``|Σ power · exp(2iθ)| / Σ power`` over the filter's
    frequencies, one minus the circular variance of directions. For n filters of independent normal values in c colors
    the mean square is ``1 / (1 + c (k² − 1) / 2)``: no direction is exactly zero by chance. It speaks of *oriented*
    patterns only: a center that is compared with all of its surround answers to every edge, and has selectivity 0.

    References
    ----------
    D. Ringach, R. Shapley, M. Hawken (2002), "Orientation selectivity in macaque V1", Journal of Neuroscience 22.
    """
    return np.abs(orientation_walk(filters)[:, -1])


def color_opponency(filters) -> np.ndarray:
    """What share of each filter's energy a gray picture cannot reach: 0 for gray, 1 for color alone; shape (n,).

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


def equally_smooth_filters(filters, count: int, seed: int = 0, *, each: bool = False) -> np.ndarray:
    """Random filters (count, colors, k, k) as smooth as these: with their mean power at each distance from frequency 0.

    A smooth filter consists of few frequencies, and so prefers some direction by chance more often than a rough one;
    directions and colors of these are random. Each of `filters` counts alike, whatever its norm; zeros are left out.
    With `each`, every filter gets `count` random ones with its own power, (n · count, colors, k, k), in order.
    """
    filters = _as_filters(filters)
    power = (np.abs(np.fft.fft2(filters)) ** 2).sum(1)
    total = power.sum((1, 2), keepdims=True)
    share = power / np.where(total > 0, total, 1)
    profile = _mean_over_rings(share if each else share.mean(0, keepdims=True))
    profile = profile.repeat(count, axis=0)[:, None]
    noise = random_filters(len(profile), filters.shape[1:], seed)
    return np.fft.ifft2(np.fft.fft2(noise) * np.sqrt(profile)).real


def _mean_over_rings(power: np.ndarray) -> np.ndarray:
    """Power (n, k, k) of a Fourier transform, each entry replaced by the mean over its distance from frequency 0."""
    frequency = np.fft.fftfreq(power.shape[-1])
    distance = np.hypot(frequency[:, None], frequency[None, :]).round(6)
    result = np.empty_like(power)
    for ring in np.unique(distance):
        result[:, distance == ring] = power[:, distance == ring].mean(1, keepdims=True)
    return result


@contextlib.contextmanager
def without_filters(layer: nn.Module, filters: int | Sequence[int]) -> Iterator[nn.Module]:
    """Set these filters of a layer, and their biases, to zero for a while; afterwards they are back, bit for bit.

    Raises
    ------
    IndexError
        For a number that is no filter of the layer.
    """
    rows = [int(filters)] if isinstance(filters, Integral) else list(filters)
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


def maximize_filter(model: nn.Module, name: str, channel: int | Sequence[int], generator: torch.Generator, *,
                    size: int = 32, steps: int = 60, rate: float = 0.2) -> tuple[Tensor, list]:
    """An image (3, size, size), normalized, that one filter answers to most in its map's center.

    Gradient ascent on the pixels from noise of `generator`. After each step the image is scaled to a root mean square
    of 1, that of a normalized data set: without this, more contrast would always be better. Also returned is the
    response before each step. For a filter of the first layer the best image is the filter itself.

    Parameters
    ----------
    name : str
        A module of `model`, best one before its ReLU, which has no slope where it is silent.
    channel : int or sequence of int
        Several channels climb together, which is cheaper, each with an image and a start of its own: the images are
        then (n, 3, size, size), and the responses of each step n numbers. A channel may come twice.
    rate : float
        Length of a step, as a share of the image's.

    References
    ----------
    D. Erhan et al. (2009), "Visualizing higher-layer features of a deep network", University of Montreal.
    """
    channels = [int(channel)] if isinstance(channel, Integral) else list(channel)
    device = next(model.parameters()).device
    images = _unit_rms(torch.randn(len(channels), 3, size, size, generator=generator).to(device))
    responses = []
    with evaluating(model), torch.enable_grad(), keeping_outputs(model, [name]) as outputs:
        for _ in range(steps):
            images = images.detach().requires_grad_()
            model(images)
            response = _center(outputs[name])[range(len(channels)), channels]
            slope, = torch.autograd.grad(response.sum(), images)  # no image has a part in another's response
            responses.append(response.tolist())
            images = _unit_rms(images.detach() + rate * _unit_rms(slope))
    images = images.detach().cpu()
    if isinstance(channel, Integral):
        return images[0], [one for one, in responses]
    return images, responses


def _unit_rms(images: Tensor) -> Tensor:
    """Each image (N, 3, H, W) scaled to a root mean square of 1; one of zeros stays as it is."""
    size = images.square().mean((1, 2, 3), keepdim=True).sqrt()
    return images / torch.where(size > 0, size, 1)


def _center(maps: Tensor) -> Tensor:
    """The middle of maps (N, channels, H, W): (N, channels)."""
    return maps[..., maps.shape[-2] // 2, maps.shape[-1] // 2]
