"""A residual network to configure: stages, kernels, squeeze-and-excitation, stochastic depth."""

import torch
from torch import Tensor, nn


def conv_bn(inputs: int, outputs: int, size: int = 3, stride: int = 1, dilation: int = 1, groups: int = 1) -> list:
    """A convolution that keeps the size of the map at stride 1, and batch norm."""
    padding = size // 2 * dilation
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding, dilation, groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


class BasicBlock(nn.Module):
    """``relu(x + f(x))`` with two convolutions in ``f`` (He et al. 2016), and what later papers hang on to it.

    Where the shape changes, ``x`` passes a strided convolution. `squeeze` > 0 weighs the channels of ``f(x)``
    by a squeeze-and-excitation branch (Hu et al. 2018); `drop_probability` skips ``f`` for an image now and
    then while training, and scales it by 1/(1 − p) otherwise, so that its mean is that of test time.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, kernel_size: int = 3,
                 skip_kernel_size: int = 1, squeeze: int = 0, drop_probability: float = 0.0):
        from torchvision.ops import SqueezeExcitation, StochasticDepth

        super().__init__()
        body = [*conv_bn(in_channels, out_channels, kernel_size, stride), nn.ReLU(),
                *conv_bn(out_channels, out_channels, kernel_size)]
        if squeeze:
            body.append(SqueezeExcitation(out_channels, max(1, out_channels // squeeze)))
        if drop_probability:
            body.append(StochasticDepth(drop_probability, mode="row"))
        self.body = nn.Sequential(*body)
        self.skip = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            self.skip = nn.Sequential(*conv_bn(in_channels, out_channels, skip_kernel_size, stride))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.skip(x) + self.body(x))


class ResNet(nn.Module):
    """A residual network of any number of stages; every stage after the first halves the map.

    `blocks` and `channels` have one number per stage, and so may the odd `kernel_size` (of the blocks) and
    `skip_kernel_size`. The average pooling before the linear layer has side `pool_size` on the map of a 32-pixel
    image, 0 for all of it. `squeeze` is the reduction of squeeze-and-excitation, 16 in its paper, 0 for none;
    `dropout` acts before the linear layer; `stochastic_depth` is the probability of skipping the last block, which
    grows linearly from 0 at the first (Huang et al. 2016).
    """

    def __init__(self, blocks=(2, 2, 2, 2), channels=(64, 128, 256, 512), kernel_size=3, skip_kernel_size=1,
                 pool_size: int = 0, num_classes: int = 10, *, squeeze: int = 0, dropout: float = 0.0,
                 stochastic_depth: float = 0.0):
        super().__init__()
        kernels = _one_per_stage(kernel_size, len(blocks))
        skips = _one_per_stage(skip_kernel_size, len(blocks))
        side = 32 // 2 ** (len(blocks) - 1)  # of the last map
        _refuse_bad_shapes(blocks, channels, kernels, skips, pool_size, side)
        self.stem = nn.Sequential(*conv_bn(3, channels[0]), nn.ReLU())
        stages = []
        in_channels = channels[0]
        last = max(1, sum(blocks) - 1)  # number of the last block, counted from 0
        for stage, (count, out_channels) in enumerate(zip(blocks, channels, strict=True)):
            for block in range(count):
                halves = stage > 0 and block == 0
                stages.append(BasicBlock(
                    in_channels, out_channels,
                    stride=2 if halves else 1,
                    kernel_size=kernels[stage],
                    skip_kernel_size=skips[stage],
                    squeeze=squeeze,
                    drop_probability=stochastic_depth * len(stages) / last))
                in_channels = out_channels
        self.stages = nn.Sequential(*stages)
        cells = side // pool_size if pool_size else 1
        classify = nn.Linear(in_channels * cells**2, num_classes)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(cells), nn.Flatten(), nn.Dropout(dropout), classify)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stages(self.stem(x)))


def _one_per_stage(size, stages: int) -> list[int]:
    """Kernel sizes stage by stage; a single one is for all of them."""
    return [size] * stages if isinstance(size, int) else list(size)


def _refuse_bad_shapes(blocks, channels, kernels, skips, pool_size: int, side: int) -> None:
    """Raise `ValueError` that names what does not fit."""
    lengths = {"blocks": len(blocks), "channels": len(channels), "kernel_size": len(kernels),
               "skip_kernel_size": len(skips)}
    if len(set(lengths.values())) > 1 or not blocks:
        raise ValueError(f"one number per stage is needed in each of {lengths}")
    if min(*blocks, *channels) < 1 or side < 1:
        raise ValueError(f"blocks={list(blocks)}, channels={list(channels)}: at least 1 each, and at most 6 stages")
    even = [k for k in (*kernels, *skips) if k % 2 == 0 or k < 1]
    if even:
        raise ValueError(f"kernel sizes {even} are not odd: padding could not keep the size of the map")
    if pool_size < 0 or pool_size and side % pool_size:
        raise ValueError(f"pool_size={pool_size} is larger than the last map of {side} × {side} pixels, or does not "
                         "divide it; 0 pools all")
