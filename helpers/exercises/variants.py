"""Checks of notebook 07."""

import torch

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def small_resnet(answer) -> str:
    """A ResNet of three stages, at least six blocks, fewer than 500,000 parameters."""
    if not isinstance(answer, torch.nn.Module):  # its class, or a number of parameters
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
    hints = {
        15: "",
        7: "that is without dilation",
        14: "the first pixel itself counts too",
        3 + 5 + 9: "the kernels overlap: each adds only what the one before has not seen",
    }
    return hints.get(number(answer), "each layer adds 2 × dilation pixels, as all strides are 1")
