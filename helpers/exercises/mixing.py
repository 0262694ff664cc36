"""Checks of notebook 08."""

import math

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def coin_toss_accuracy(answer) -> str:
    """Accuracy on mixed images of a network that knows both classes and tosses a coin between them; ten classes."""
    answer = number(answer)
    if abs(answer - 0.55) < 1e-6:
        return ""
    if abs(answer - 0.5) < 1e-6:
        return "nearly: how often are both partners of the same class, so that the coin cannot be wrong?"
    if not 0 <= answer <= 1:
        return "a fraction between 0 and 1, please"
    if abs(answer - 0.45) < 1e-6:
        return "those are partners of different classes alone; of the same class the coin is always right"
    return "weigh two cases: partners of the same class, and of different classes"


@exercise
def mixed_loss(answer, logits, first, second, share) -> str:
    """Cross-entropy of labels that are `share` of class `first` and 1 − `share` of `second`, averaged over images."""
    answer = number(answer)
    of_first, of_second = _cross_entropy(logits, first), _cross_entropy(logits, second)
    expected = share * of_first + (1 - share) * of_second
    if abs(answer - expected) < 1e-3:
        return ""
    if abs(answer - ((1 - share) * of_first + share * of_second)) < 1e-3:
        return "the two shares are swapped"
    if abs(answer - len(logits) * expected) < 1e-2:
        return "that is the sum over the images; average it"
    if abs(answer - (of_first + of_second)) < 1e-3 or abs(answer - (of_first + of_second) / 2) < 1e-3:
        return "both partners count the same there; weigh them by their shares"
    return "weigh two ordinary cross-entropies, one for each partner's labels, by the partners' shares"


def _cross_entropy(logits, labels) -> float:
    """Averaged over the images, by a loop."""
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
        highest = max(row)  # taken out, so that exp cannot overflow
        log_sum = highest + math.log(sum(math.exp(value - highest) for value in row))
        total += log_sum - row[label]
    return total / len(logits)
