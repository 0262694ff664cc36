"""What a network consists of, layer by layer: parameters, operations, receptive field."""

import contextlib
from functools import partial

import numpy as np
import torch
from torch import nn

POOLS = (nn.MaxPool2d, nn.AvgPool2d)
ADAPTIVE_POOLS = (nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)


def count_parameters(model: nn.Module) -> int:
    """Number of trainable scalars, each shared tensor counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@contextlib.contextmanager
def evaluating(model: nn.Module):
    """Eval mode without gradients; afterwards, also after an error, each module is in the mode that it was in."""
    was_training = [(module, module.training) for module in model.modules()]
    try:
        with torch.no_grad():
            yield model.eval()
    finally:
        for module, training in was_training:
            module.training = training  # train() would pass it on to the children


def trace(model: nn.Module, kinds: tuple, image_shape: tuple[int, int, int]) -> list[tuple]:
    """``(name, module, input shape, output shape)`` of each module of these kinds, as one image meets them."""
    met = []

    def note(name, module, inputs, output):
        met.append((name, module, inputs[0].shape, output.shape))

    with evaluating(model), contextlib.ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, kinds):
                hooks.enter_context(module.register_forward_hook(partial(note, name)))
        model(next(model.parameters()).new_zeros(1, *image_shape))
    return met


def count_macs(model: nn.Module, image_shape: tuple[int, int, int] = (3, 32, 32)) -> dict[str, int]:
    """Multiply-accumulates of one image in each convolution and linear layer, by module name."""
    macs: dict[str, int] = {}
    for name, module, _, shape in trace(model, (nn.Conv2d, nn.Linear), image_shape):
        macs[name] = macs.get(name, 0) + shape.numel() * module.weight[0].numel()
    return macs


def receptive_field(model: nn.Module, image_shape: tuple[int, int, int] = (3, 32, 32)) -> list[dict]:
    """How many input pixels across each convolution and pooling layer sees, in forward order.

    With kernel k and jump j (input pixels between neighboring outputs), a layer widens the field by (k − 1) · j
    and multiplies the jump by its stride (Araujo et al. 2019); all are in pixels. A residual branch counts with its
    full depth; convolutions on a skip and squeeze-and-excitation branches are left out.
    """
    aside = tuple(name for name, module in model.named_modules()
                  if name.endswith(("skip", "downsample")) or type(module).__name__ == "SqueezeExcitation")
    rows = []
    field = 1
    jump = 1
    for name, module, shape, out_shape in trace(model, (nn.Conv2d, *POOLS, *ADAPTIVE_POOLS), image_shape):
        if name.startswith(aside):
            continue
        kernel, stride = _window(module, shape[-2], out_shape[-2])
        field += (kernel - 1) * jump
        jump *= stride
        rows.append({"name": name, "kernel_size": kernel, "stride": stride, "jump": jump, "receptive_field": field})
    return rows


def _window(module: nn.Module, inputs: int, outputs: int) -> tuple[int, int]:
    """How many of `inputs` rows each of `outputs` rows sees, dilation included, and how far two of them are apart."""
    if isinstance(module, ADAPTIVE_POOLS):  # which choose their window by the map that they meet
        stride = max(1, inputs // outputs)
        return max(1, inputs - (outputs - 1) * stride), stride
    kernel = _down(module.kernel_size)
    stride = _down(module.stride)
    dilation = _down(getattr(module, "dilation", 1))  # average pooling has none
    return dilation * (kernel - 1) + 1, stride


def _down(size) -> int:
    """A setting of a layer from row to row: of one per direction, the first."""
    return int(np.ravel(size)[0])
