"""Checks of notebook 19."""

from helpers.exercises import exercise


@exercise
def operations_an_epoch(answer, macs) -> str:
    """Operations of one epoch on 50,000 images, from the multiply-accumulates of one forward pass."""
    share = answer / (50_000 * macs)
    hints = {1: "those are multiply-accumulates of forward passes; one is two operations, and training goes back, too",
             2: "that is the forward passes alone", 3: "a multiply-accumulate is two operations"}
    hint = hints.get(round(share, 6), f"that is {share:.3g} a multiply-accumulate; count forward and backward passes")
    return "" if abs(share - 6) < 1e-6 else hint


@exercise
def seen_one_way(answer) -> str:
    """Probability that 8 random flips show an image one way round only."""
    if abs(answer - 0.5**8) < 1e-9:
        return "that is the chance of never being flipped; always being flipped is one way round, too"
    return "" if abs(answer - 0.5**7) < 1e-9 else "both 8 times plain and 8 times flipped count, 0.5 to the 8 each"
