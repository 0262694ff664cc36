"""The networks of the series. Every model takes float images (N, 3, 32, 32) and returns logits (N, num_classes)."""

import contextlib
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from helpers.env import look_up
from helpers.fast import WhitenedNet
from helpers.variants import DepthwiseDilatedNet, ResNet, torchvision_resnet


def conv_bn_relu(in_channels: int, out_channels: int, *, pool: bool = False) -> nn.Sequential:
    """3 × 3 convolution, optional 2 × 2 max-pool, batch norm, ReLU: the brick of `CustomResNet`."""
    pooling = [nn.MaxPool2d(2)] if pool else []  # before batch norm: a quarter of its work, the same kind of features
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False), *pooling,
                         nn.BatchNorm2d(out_channels), nn.ReLU())


class ResidualBlock(nn.Module):
    """``x + f(x)`` with two `conv_bn_relu` bricks as ``f``; shape (N, channels, H, W) in and out."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(conv_bn_relu(channels, channels), conv_bn_relu(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class CustomResNet(nn.Module):
    """The nine-layer residual network of D. Page's DAWNBench entry (2018), 94 % on CIFAR-10 in 24 epochs.

    A `width` (channels of the first layer) of 64 gives the published 6,573,120 parameters for ten classes.
    With a `logit_scale` of 1/8 an untrained network starts near a loss of ln(num_classes), and the last layer,
    whose inputs are maxima and therefore large, learns at the pace of the others.
    """

    def __init__(self, num_classes: int = 10, width: int = 64, logit_scale: float = 0.125):
        super().__init__()
        if num_classes < 2 or width < 1:
            raise ValueError(f"num_classes={num_classes}, width={width}: need at least 2 classes and 1 channel")
        self.prep = conv_bn_relu(3, width)
        self.layer1 = nn.Sequential(conv_bn_relu(width, 2 * width, pool=True), ResidualBlock(2 * width))
        self.layer2 = conv_bn_relu(2 * width, 4 * width, pool=True)
        self.layer3 = nn.Sequential(conv_bn_relu(4 * width, 8 * width, pool=True), ResidualBlock(8 * width))
        self.pool = nn.AdaptiveMaxPool2d(1)  # 4 × 4 at 32-pixel input; smaller inputs fit too
        self.linear = nn.Linear(8 * width, num_classes, bias=False)
        self.logit_scale = logit_scale

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.prep(x))))
        return self.linear(self.pool(x).flatten(1)) * self.logit_scale


MODELS = {
    "custom_resnet": CustomResNet,
    "kaggle_resnet": partial(ResNet, (3, 3, 4), (60, 120, 240), 3, 1, 8),
    "se_resnet": partial(ResNet, (2, 2, 2, 2), (32, 64, 128, 256), squeeze=16, dropout=0.3),
    "stochastic_depth_resnet": partial(ResNet, (2, 2, 2, 2), (32, 64, 128, 256), dropout=0.3, stochastic_depth=0.2),
    **{name: partial(torchvision_resnet, name) for name in ("resnet18", "resnet34")},
    "depthwise_dilated": DepthwiseDilatedNet,
    "whitened_net": WhitenedNet,
    "whitened_net_small_passes": partial(WhitenedNet, norm_momentum=0.06),
    "whitened_net_passes_of_500": partial(WhitenedNet, norm_momentum=0.12),
    "whitened_net_winograd": partial(WhitenedNet, norm_momentum=0.12, winograd=True),
    "whitened_net_large": partial(WhitenedNet, widths=(128, 384, 512), depth=3),
}


def make_model(name: str, **options) -> nn.Module:
    """Build a model of `MODELS` by name."""
    return look_up(MODELS, name, "model")(**options)


def count_parameters(model: nn.Module) -> int:
    """Number of trainable scalars, each shared tensor counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@contextlib.contextmanager
def evaluating(model: nn.Module):
    """Eval mode without gradients; afterwards, also after an error, the model is in the mode it was in."""
    was_training = model.training
    try:
        with torch.no_grad():
            yield model.eval()
    finally:
        model.train(was_training)


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
