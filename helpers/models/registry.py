"""The networks of the series by name: float images (N, 3, 32, 32) → logits (N, num_classes)."""

from functools import partial

from torch import nn

from helpers.env import look_up
from helpers.models.cifar_stem import torchvision_resnet
from helpers.models.custom_resnet import CustomResNet
from helpers.models.depthwise import DepthwiseDilatedNet
from helpers.models.mini import SETTINGS, MiniNet
from helpers.models.resnet import ResNet
from helpers.models.whitened import WhitenedNet

MODELS = {
    "custom_resnet": CustomResNet,
    "custom_resnet_16": partial(CustomResNet, width=16),  # a quarter of its channels: what the sweeps train
    "kaggle_resnet": partial(ResNet, (3, 3, 4), (60, 120, 240), 3, 1, 8),
    "se_resnet": partial(ResNet, (2, 2, 2, 2), (32, 64, 128, 256), squeeze=16, dropout=0.3),
    "stochastic_depth_resnet": partial(ResNet, (2, 2, 2, 2), (32, 64, 128, 256), dropout=0.3, stochastic_depth=0.2),
    **{name: partial(torchvision_resnet, name) for name in ("resnet18", "resnet34")},
    **{f"mini_s{s}_p{p}_d{d}": partial(MiniNet, stride=s, padding=p, dilation=d) for s, p, d in SETTINGS},
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
