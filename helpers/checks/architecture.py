"""Checks of notebook 03."""

from helpers.checks import exercise


@exercise
def convolution_macs(answer) -> str:
    """A 3 × 3 convolution, 64 → 128 channels, on 16 × 16 pixels."""
    if answer == 64 * 128 * 9:
        return "those are its weights; each of them is used once for every output pixel"
    if answer == 64 * 9 * 16 * 16:
        return "that is one output channel; there are 128"
    return "" if answer == 18_874_368 else "inputs of one output number, times the number of output numbers"


@exercise
def parameters_for_100(answer) -> str:
    """CustomResNet with a head for 100 classes."""
    if answer == 6_573_120:
        return "that is the network for ten classes; only its last layer changes"
    if answer == 6_573_120 + 512 * 90 + 90:
        return "the linear layer has no bias"
    return "" if answer == 6_619_200 else "only the linear layer changes: 512 weights for each class"


@exercise
def field_of_three(answer) -> str:
    """Receptive field of three 3 × 3 convolutions."""
    if answer == 9:
        return "the kernels overlap: each one adds only the pixels beyond what the last one saw"
    return "" if answer == 7 else "each convolution adds one pixel on either side"
