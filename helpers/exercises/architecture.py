"""Checks of notebook 03."""

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def parameters_for_100(answer) -> str:
    """CustomResNet with a head for 100 classes."""
    answer = number(answer)
    for_ten = 6_573_120
    if answer == for_ten + 512 * 90:
        return ""
    if answer == for_ten:
        return "that is the network for ten classes; only its last layer changes"
    if answer in (for_ten + 512 * 90 + 90, for_ten + 512 * 90 + 100):
        return "the linear layer has no bias"
    if answer == for_ten + 512 * 100:
        return "the weights of the first ten classes are counted twice: 90 classes are added"
    return "only the linear layer changes: 512 weights for each class"


@exercise
def field_after_pooling(answer) -> str:
    """Receptive field of a 3 × 3 convolution, a 2 × 2 pooling with stride 2 and another 3 × 3 convolution."""
    answer = number(answer)
    if answer == 8:
        return ""
    if answer == 6:
        return "the last kernel reaches one further on either side in pooled pixels: how many image pixels are those?"
    if answer in (12, 18):
        return "the kernels overlap: each adds only what the one before has not seen"
    return "start at 1; a layer adds (kernel − 1) × jump, then multiplies the jump by its stride"
