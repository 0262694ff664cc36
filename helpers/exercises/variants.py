"""Checks of notebook 07."""

import torch

from helpers.exercises import exercise


@exercise
def small_resnet(answer) -> str:
    """A ResNet of three stages, at least six blocks, fewer than 500,000 parameters."""
    if not isinstance(answer, torch.nn.Module):
        return "give the network itself: ResNet([…], […])"
    blocks = [module for module in answer.modules() if type(module).__name__ == "BasicBlock"]
    stages = 1 + sum(module.body[0].stride == (2, 2) for module in blocks)
    parameters = sum(p.numel() for p in answer.parameters())
    if len(blocks) < 6 or stages != 3:
        return f"this one has {len(blocks)} blocks in {stages} stages"
    return "" if parameters < 500_000 else f"{parameters:,} parameters; halving all channels divides them by about four"


@exercise
def dilated_field(answer) -> str:
    """Receptive field of 3 × 3 convolutions with dilations 1, 2, 4."""
    if answer == 7:
        return "that is without dilation"
    if answer == 14:
        return "the first pixel itself counts too"
    return "" if answer == 15 else "each layer adds 2 × dilation pixels, as all strides are 1"
