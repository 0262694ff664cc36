"""A network of depthwise-separable and dilated convolutions: a wide view for little work."""

from torch import Tensor, nn

from helpers.models.resnet import conv_bn


class DepthwiseDilatedNet(nn.Module):
    """Depthwise-separable convolutions, some dilated: the last sees 51 × 51 pixels, more than the image has.

    A depthwise 3 × 3 filters each channel on its own, a 1 × 1 mixes the channels (Howard et al. 2017): about a
    ninth of the work. Dilation 2 spreads the nine taps over 5 × 5 pixels for no work at all (Yu & Koltun 2016).
    """

    def __init__(self, num_classes: int = 10, width: int = 32):
        super().__init__()
        layers, inputs = [*conv_bn(3, width), nn.ReLU()], width
        for factor, stride, dilation in (
                (2, 1, 1), (2, 1, 2), (4, 2, 1), (4, 1, 1), (4, 1, 2), (8, 2, 1), (8, 1, 1), (8, 1, 2)):
            outputs = factor * width
            layers += [*conv_bn(inputs, inputs, 3, stride, dilation, groups=inputs), nn.ReLU(),
                       *conv_bn(inputs, outputs, 1), nn.ReLU()]
            inputs = outputs
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))
