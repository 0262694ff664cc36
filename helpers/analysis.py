"""Looking inside a network: what part of the image each layer sees."""

from __future__ import annotations

import torch
from torch import nn


def receptive_field(model: nn.Module, image_shape: tuple[int, int, int] = (3, 32, 32)) -> list[dict]:
    """How many input pixels across each convolution and pooling layer sees, in forward order.

    With kernel k and jump j (input pixels between neighbouring outputs), a layer widens the field by
    (k − 1) · j and multiplies the jump by its stride (Araujo et al. 2019). Layers are taken in the order
    in which one image passes them, so a residual branch counts with its full depth; convolutions on a skip
    and squeeze-and-excitation branches are left out.

    Returns
    -------
    list of dict
        ``name``, ``kernel_size``, ``stride``, ``jump`` and ``receptive_field``, in pixels.
    """
    rows, field, jump = [], 1, 1
    for name, module, size in _spatial_layers(model, image_shape):
        if isinstance(module, nn.AdaptiveMaxPool2d | nn.AdaptiveAvgPool2d):
            kernel = stride = size  # global pooling sees the whole map
        else:
            kernel, stride = _first(module.kernel_size), _first(module.stride)
            kernel = _first(getattr(module, "dilation", 1)) * (kernel - 1) + 1
        field, jump = field + (kernel - 1) * jump, jump * stride
        rows.append({"name": name, "kernel_size": kernel, "stride": stride, "jump": jump, "receptive_field": field})
    return rows


def _first(value) -> int:
    return value[0] if isinstance(value, tuple) else value


def _spatial_layers(model: nn.Module, image_shape: tuple[int, int, int]):
    """``(name, module, input height)`` of convolutions and pools in the order in which an image meets them."""
    kinds = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)
    aside = [name for name, module in model.named_modules()
             if name.endswith(("skip", "downsample")) or type(module).__name__ == "SqueezeExcitation"]
    met, names = [], {module: name for name, module in model.named_modules()
                      if not any(name.startswith(prefix) for prefix in aside)}

    def hook(module, inputs, output):
        met.append((names[module], module, inputs[0].shape[-1]))

    hooks = [module.register_forward_hook(hook) for module in names if isinstance(module, kinds)]
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()(next(model.parameters()).new_zeros(1, *image_shape))
    finally:
        model.train(was_training)
        for handle in hooks:
            handle.remove()
    return met
