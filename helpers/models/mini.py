"""A network of two convolutions, small enough to train at every stride, padding and dilation."""

from torch import Tensor, nn

KERNEL = 3
WIDTHS = (3, 16, 32)
SETTINGS = [(stride, padding, dilation) for stride in (1, 2, 3) for padding in (0, 1, 2) for dilation in (1, 2)]


class MiniNet(nn.Module):
    """Two 3 × 3 convolutions of one stride, padding and dilation, then the mean over the map and a linear layer.

    The number of parameters is the same in all settings: none of the three changes the shape of a filter.

    Raises
    ------
    ValueError
        From `forward`, for an image so small that a convolution would leave no output pixel.
    """

    def __init__(self, num_classes: int = 10, stride: int = 1, padding: int = 1, dilation: int = 1):
        super().__init__()
        options = {"stride": stride, "padding": padding, "dilation": dilation, "bias": False}
        self.conv1 = nn.Conv2d(WIDTHS[0], WIDTHS[1], KERNEL, **options)
        self.norm1 = nn.BatchNorm2d(WIDTHS[1])
        self.conv2 = nn.Conv2d(WIDTHS[1], WIDTHS[2], KERNEL, **options)
        self.norm2 = nn.BatchNorm2d(WIDTHS[2])
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(WIDTHS[2], num_classes)

    def features(self, x: Tensor) -> Tensor:
        """The last map, (N, 32, height, width), before it is averaged."""
        for conv, norm in ((self.conv1, self.norm1), (self.conv2, self.norm2)):
            _require_output(conv, x)
            x = self.relu(norm(conv(x)))
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.pool(self.features(x)).flatten(1))


def _require_output(conv: nn.Conv2d, x: Tensor) -> None:
    """Raise `ValueError` where the spread-out filter is larger than the padded map."""
    spread = conv.dilation[0] * (conv.kernel_size[0] - 1) + 1
    side = min(x.shape[-2:])
    padded = side + 2 * conv.padding[0]
    if padded < spread:
        raise ValueError(f"a map of {side} pixels, {padded} with padding {conv.padding[0]}, is smaller than the "
                         f"{spread} pixels that the filter spans with dilation {conv.dilation[0]}: give larger images, "
                         "more padding, or a smaller stride or dilation")
