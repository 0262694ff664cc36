"""torchvision's ResNets, with a stem for small images."""

from torch import nn

from helpers.env import look_up


def torchvision_resnet(name: str, num_classes: int = 10, *, stem: str = "cifar") -> nn.Module:
    """torchvision's ``resnet18`` or ``resnet34`` for small images.

    ``stem="cifar"`` replaces the 7 × 7 convolution of stride 2 by a 3 × 3 of stride 1 and drops the max-pool,
    so that a 32-pixel image reaches the blocks with 32 pixels instead of 8; ``"imagenet"`` keeps both.
    """
    from torchvision import models

    if stem not in ("cifar", "imagenet"):
        raise ValueError(f"stem={stem!r}: choose from ['cifar', 'imagenet']")
    known = {"resnet18": models.resnet18, "resnet34": models.resnet34}
    model = look_up(known, name, "ResNet")(num_classes=num_classes)
    if stem == "cifar":
        model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
    return model
