"""Checks of notebook 16."""

import numpy as np
import torch
from torch.nn import functional as F

from helpers.exercises import exercise
from helpers.exercises.answers import number

GRID = [(side, kernel, stride, padding, dilation) for side in (16, 32) for kernel in (1, 3, 5)
        for stride in (1, 2, 3) for padding in (0, 1, 2) for dilation in (1, 2)]


def _torch_size(side, kernel, stride, padding, dilation) -> int:
    """What `F.conv2d` makes of a square image: the oracle, without a formula."""
    weight = torch.zeros(1, 1, kernel, kernel)
    return F.conv2d(torch.zeros(1, 1, side, side), weight, None, stride, padding, dilation).shape[-1]


@exercise
def output_size(answer) -> str:
    """A function (side, kernel, stride, padding, dilation) → output pixels per side."""
    if not callable(answer):
        return "hand over the function itself: its name, without parentheses"
    for setting in GRID:
        found, right = answer(*setting), _torch_size(*setting)
        if found is None:
            return "the function returns nothing: is there a `return`?"
        if found != right:
            return _size_hint(answer, setting, found, right)
    return ""


def _size_hint(answer, setting, found, right) -> str:
    side, kernel, stride, padding, dilation = setting
    told = (f"side {side}, kernel {kernel}, stride {stride}, padding {padding}, dilation {dilation}: "
            f"F.conv2d gives {right}, yours {found}")
    if found != int(found):
        return f"a map has whole pixels: round down with //. {told}"
    if dilation > 1 and found == answer(side, kernel, stride, padding, 1):
        return f"dilation spreads the filter over dilation · (kernel − 1) + 1 pixels. {told}"
    if dilation > 1 and found == (side + 2 * padding - dilation * kernel) // stride + 1:
        return f"between the taps of a filter lie kernel − 1 steps of the dilation, not kernel. {told}"
    if padding and found == _torch_size(side, kernel, stride, 0, dilation) + padding // stride:
        return f"padding is added on both sides. {told}"
    if found == right - 1:
        return f"the first position costs no step: add one. {told}"
    return told


@exercise
def coverage(answer) -> str:
    """How often each of 32 pixels in a row is read: kernel 3, stride 2, no padding, no dilation."""
    values = np.asarray(answer, dtype=float).ravel()
    right = _coverage(32, 3, 2)
    if len(values) != 32:
        return f"one count per input pixel: 32 are wanted, these are {len(values)}"
    if np.array_equal(values, right):
        return ""
    if np.array_equal(values, _coverage(32, 3, 1)):
        return "that is stride 1: with stride 2 every other window is left out"
    if values.sum() > right.sum():
        return "more reads than there are: a window that hangs over the border has no output without padding"
    return f"{right.sum():.0f} reads in all, three per output: yours sum to {values.sum():.0f}"


def _coverage(side: int, kernel: int, stride: int) -> np.ndarray:
    counts = np.zeros(side)
    for start in range(0, side - kernel + 1, stride):
        counts[start:start + kernel] += 1
    return counts


@exercise
def border_share(answer) -> str:
    """Share of the outputs of a 32 × 32 image, kernel 3, stride 1, padding 1, that read at least one added zero."""
    answer = number(answer)
    if abs(answer - (1 - 30**2 / 32**2)) < 2e-3:
        return ""
    if abs(answer - 2 / 32) < 1e-3:
        return "that is the share along one row; an output may touch the border in either direction"
    if abs(answer - 4 / 32) < 1e-3:
        return "the four corners belong to two edges each: count them once"
    if abs(answer - 30**2 / 32**2) < 1e-3:
        return "these are the outputs that read no zero; the others are asked for"
    if abs(answer - 124) < 1e-9:
        return "the right number of outputs; the share is that over all of them"
    return "how many outputs lie in the outer ring, of 32 × 32?"


STACKS = [  # (kernel, stride, dilation) of each layer
    [(3, 1, 1)],
    [(3, 1, 1), (3, 1, 1)],
    [(3, 1, 2), (3, 1, 2)],
    [(3, 2, 1), (3, 1, 1)],
    [(3, 2, 1), (3, 2, 1), (3, 1, 1)],
    [(5, 3, 1), (3, 1, 2)],
    [(1, 2, 1), (3, 1, 1)],
]


def _traced_field(layers) -> int:
    """From the first to the last pixel that one output reads, by the gradient: an oracle without a formula."""
    image = torch.ones(1, 1, 1, 101, requires_grad=True)
    out = image
    for kernel, stride, dilation in layers:
        out = F.conv2d(out, torch.ones(1, 1, 1, kernel), stride=(1, stride), dilation=(1, dilation))
    out[..., out.shape[-1] // 2].sum().backward()
    read = image.grad.flatten().nonzero().flatten()
    return int(read[-1] - read[0] + 1)


@exercise
def field_of_view(answer) -> str:
    """A function of layers, each (kernel, stride, dilation) → pixels from the first to the last that is read."""
    if not callable(answer):
        return "hand over the function itself: its name, without parentheses"
    for layers in STACKS:
        found, right = answer(layers), _traced_field(layers)
        if found is None:
            return "the function returns nothing: is there a `return`?"
        if found != right:
            return _field_hint(layers, found, right)
    return ""


def _field_hint(layers, found, right) -> str:
    told = f"layers {layers}: an output reads {right} pixels across, yours says {found}"
    reach = [dilation * (kernel - 1) for kernel, _, dilation in layers]
    if found == 1 + sum(reach):
        return f"a neighbor in a later map is several pixels away: multiply by the strides of the layers before. {told}"
    if any(dilation > 1 for _, _, dilation in layers) and found < right:
        return f"dilation spreads the filter over dilation · (kernel − 1) + 1 pixels. {told}"
    if found > right:
        return f"a layer's own stride comes after its filter: multiply with it only for the layers behind. {told}"
    return told
