"""Looking inside a network: what part of the image each layer sees."""

from __future__ import annotations

import numpy as np
from torch import nn

from helpers.models import trace

GLOBAL_POOLS = (nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)


def receptive_field(model: nn.Module, image_shape: tuple[int, int, int] = (3, 32, 32)) -> list[dict]:
    """How many input pixels across each convolution and pooling layer sees, in forward order.

    With kernel k and jump j (input pixels between neighboring outputs), a layer widens the field by (k − 1) · j
    and multiplies the jump by its stride (Araujo et al. 2019). Layers are taken in the order in which one image
    passes them, so a residual branch counts with its full depth; convolutions on a skip and squeeze-and-excitation
    branches are left out. Keys: ``name``, ``kernel_size``, ``stride``, ``jump``, ``receptive_field``, in pixels.
    """
    aside = tuple(name for name, module in model.named_modules()
                  if name.endswith(("skip", "downsample")) or type(module).__name__ == "SqueezeExcitation")
    rows, field, jump = [], 1, 1
    for name, module, shape, _ in trace(model, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, *GLOBAL_POOLS), image_shape):
        if name.startswith(aside):
            continue
        kernel, stride, dilation = (int(np.ravel(getattr(module, key, 1))[0])  # one number, or one a direction
                                    for key in ("kernel_size", "stride", "dilation"))
        kernel = dilation * (kernel - 1) + 1
        if isinstance(module, GLOBAL_POOLS):
            kernel = stride = shape[-1]
        field, jump = field + (kernel - 1) * jump, jump * stride
        rows.append({"name": name, "kernel_size": kernel, "stride": stride, "jump": jump, "receptive_field": field})
    return rows
