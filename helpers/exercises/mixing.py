"""Checks of notebook 08."""

import math

from helpers.exercises import exercise


@exercise
def coin_toss_accuracy(answer) -> str:
    """Accuracy on mixed images of a network that knows both classes and tosses a coin between them; ten classes."""
    if abs(answer - 0.5) < 1e-6:
        return "nearly: how often are both partners of the same class, so that the coin cannot be wrong?"
    if answer > 1:
        return "a fraction between 0 and 1, please"
    return "" if abs(answer - 0.55) < 1e-6 else "weigh two cases: partners of the same class, and of different classes"


@exercise
def mixed_loss(answer, logits, first, second, share) -> str:
    """Cross-entropy of labels that are `share` of class `first` and 1 − `share` of `second`, averaged over images."""
    def by_loop(weights):
        total = 0.0
        for row, *labels in zip(logits.tolist(), first.tolist(), second.tolist(), strict=True):
            log_sum = math.log(sum(math.exp(value - max(row)) for value in row)) + max(row)
            total += sum(weight * (log_sum - row[label]) for weight, label in zip(weights, labels, strict=True))
        return total / len(logits)

    answer = float(answer)
    if abs(answer - by_loop((1 - share, share))) < 1e-4:
        return "the two shares are swapped"
    if abs(answer - len(logits) * by_loop((share, 1 - share))) < 1e-3:
        return "that is the sum over the images; average it"
    if abs(answer - by_loop((share, 1 - share))) < 1e-4:
        return ""
    return "weigh two ordinary cross-entropies, one for each partner's labels, by the partners' shares"
