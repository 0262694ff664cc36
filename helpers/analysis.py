"""Looking inside a network: what part of the image each layer sees."""

import numpy as np
from torch import nn

from helpers.models import trace


def receptive_field(model: nn.Module, image_shape: tuple[int, int, int] = (3, 32, 32)) -> list[dict]:
    """How many input pixels across each convolution and pooling layer sees, in forward order.

    With kernel k and jump j (input pixels between neighboring outputs), a layer widens the field by (k − 1) · j
    and multiplies the jump by its stride (Araujo et al. 2019); all are in pixels. A residual branch counts with its
    full depth; convolutions on a skip and squeeze-and-excitation branches are left out.
    """
    aside = tuple(name for name, module in model.named_modules()
                  if name.endswith(("skip", "downsample")) or type(module).__name__ == "SqueezeExcitation")
    rows, field, jump = [], 1, 1
    kinds = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d)
    for name, module, shape, _ in trace(model, kinds, image_shape):
        if name.startswith(aside):
            continue
        whole = {"kernel_size": shape[-1], "stride": shape[-1], "dilation": 1}  # what a global pool has
        kernel, stride, dilation = (int(np.ravel(getattr(module, key, whole[key]))[0])  # of one a direction, the first
                                    for key in whole)
        kernel = dilation * (kernel - 1) + 1
        field, jump = field + (kernel - 1) * jump, jump * stride
        rows.append({"name": name, "kernel_size": kernel, "stride": stride, "jump": jump, "receptive_field": field})
    return rows
