"""The network of the series: nine layers, two residual blocks."""

from torch import Tensor, nn


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
