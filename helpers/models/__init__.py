"""The networks of the series, and what they consist of."""

from helpers.models.cifar_stem import torchvision_resnet
from helpers.models.custom_resnet import CustomResNet, ResidualBlock
from helpers.models.depthwise import DepthwiseDilatedNet
from helpers.models.mini import MiniNet
from helpers.models.protocols import HasParameterGroups, Prepared
from helpers.models.registry import MODELS, make_model
from helpers.models.resnet import BasicBlock, ResNet
from helpers.models.trace import count_macs, count_parameters, evaluating, receptive_field
from helpers.models.whitened import WhitenedNet
from helpers.models.winograd import WinogradConv2d

__all__ = [
    "BasicBlock", "CustomResNet", "DepthwiseDilatedNet", "HasParameterGroups", "MODELS", "MiniNet", "Prepared",
    "ResNet", "ResidualBlock", "WhitenedNet", "WinogradConv2d", "count_macs", "count_parameters", "evaluating",
    "make_model", "receptive_field", "torchvision_resnet",
]
