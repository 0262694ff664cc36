"""The networks of the series. Every model takes float images (N, 3, 32, 32) and returns logits (N, num_classes)."""

from __future__ import annotations

import contextlib
import copy
import io
import re
from functools import partial

import torch
from torch import Tensor, nn

from helpers.variants import DepthwiseDilatedNet, ResNet, torchvision_resnet


def conv_bn_relu(in_channels: int, out_channels: int, *, pool: bool = False) -> nn.Sequential:
    """3 × 3 convolution, optional 2 × 2 max-pool, batch norm, ReLU: the brick of `CustomResNet`.

    Pooling before batch norm gives the same kind of features for a quarter of the normalisation's work.
    """
    layers: list[nn.Module] = [nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)]
    if pool:
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.BatchNorm2d(out_channels), nn.ReLU())


class ResidualBlock(nn.Module):
    """``x + f(x)`` with two `conv_bn_relu` bricks as ``f``; shape (N, channels, H, W) in and out."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(conv_bn_relu(channels, channels), conv_bn_relu(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class CustomResNet(nn.Module):
    """The nine-layer residual network of D. Page's DAWNBench entry (2018), 94 % on CIFAR-10 in 24 epochs.

    Parameters
    ----------
    num_classes : int
        Length of the logits.
    width : int
        Channels of the first layer; 64 gives the published 6,573,120 parameters for ten classes.
    logit_scale : float
        Factor on the logits. With 1/8 an untrained network starts near a loss of ln(num_classes), and
        the last layer, whose inputs are maxima and therefore large, learns at the pace of the others.
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
    "resnet18": partial(torchvision_resnet, "resnet18"),
    "resnet34": partial(torchvision_resnet, "resnet34"),
    "depthwise_dilated": DepthwiseDilatedNet,
}


def make_model(name: str, **options) -> nn.Module:
    """Build a model of `MODELS` by name; an unknown name raises `ValueError` with the known ones."""
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}: choose from {sorted(MODELS)}")
    return MODELS[name](**options)


def count_parameters(model: nn.Module) -> int:
    """Number of trainable scalars, each shared tensor counted once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def count_macs(model: nn.Module, image_shape: tuple[int, int, int] = (3, 32, 32)) -> dict[str, int]:
    """Multiply-accumulates of one image in each convolution and linear layer, by module name.

    Counted by running one image through a hooked model in eval mode; mode and hooks are restored.
    """
    macs: dict[str, int] = {}

    def count(name):
        def hook(module, inputs, output):
            macs[name] = macs.get(name, 0) + output[0].numel() * module.weight[0].numel()
        return hook

    layers = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    hooks = [module.register_forward_hook(count(name)) for name, module in layers]
    was_training, weight = model.training, next(model.parameters())
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(1, *image_shape, device=weight.device, dtype=weight.dtype))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return macs


def summarize(model: nn.Module, image_shape: tuple[int, int, int] = (3, 32, 32)) -> tuple[str, int]:
    """torchsummary's table of a model on any device, and its total of trainable parameters.

    torchsummary 1.5.1 assumes CUDA, runs in train mode (which moves batch-norm statistics), leaves its hooks
    behind on an error and only prints: it gets a copy on the CPU in eval mode, and its output is caught.

    Raises
    ------
    ValueError
        If its total is not the true one: it counts a module that is used twice twice.
    """
    from torchsummary import summary

    copied = copy.deepcopy(model).cpu().float().eval()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        summary(copied, image_shape, device="cpu")
    total = int(re.search(r"Trainable params: ([\d,]+)", printed.getvalue())[1].replace(",", ""))
    if total != count_parameters(model):
        raise ValueError(f"torchsummary counts {total:,} parameters, the model has {count_parameters(model):,}: "
                         "a module is used twice; read the layers by model.named_parameters()")
    return printed.getvalue(), total
