"""Checks of notebook 19."""

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def operations_an_epoch(answer, macs) -> str:
    """Operations of one epoch on 50,000 images, from the multiply-accumulates of one forward pass."""
    share = number(answer) / (50_000 * macs)
    hints = {
        6: "",
        1: "those are multiply-accumulates of forward passes; one is two operations, and training goes back, too",
        2: "that is the forward passes alone",
        3: "a multiply-accumulate is two operations",
        4: "the backward pass does twice a forward pass's work: for the weights, and for the layer's input",
    }
    otherwise = f"that is {share:.3g} per multiply-accumulate and image; count forward and backward passes"
    for per_mac, hint in hints.items():
        if abs(share - per_mac) < 0.005 * per_mac:  # rounded answers pass
            return hint
    return otherwise


@exercise
def seen_one_way(answer) -> str:
    """Probability that 8 random flips show an image one way round only."""
    answer = number(answer)
    if abs(answer - 0.5**7) < 5e-5:  # 0.0078 passes
        return ""
    if abs(answer - 0.5**8) < 5e-5:
        return "that is the chance of never being flipped; always being flipped is one way round, too"
    if abs(answer - (1 - 0.5**7)) < 5e-5:
        return "that is the chance of both ways; one way only is the rest"
    return "both 8 times plain and 8 times flipped count, 0.5 to the 8 each"
