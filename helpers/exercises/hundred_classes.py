"""Checks of notebook 09."""

import numpy as np

from helpers.exercises import exercise


@exercise
def epochs_of_four_cycles(answer) -> str:
    """Length of a run that ends with its fourth cosine cycle, the first of 5 epochs, each next one twice as long."""
    if answer == 5 * 4:
        return "that would be four cycles of one length; each is twice as long as the one before"
    if answer == 5 * 2**3:
        return "that is the length of the fourth cycle alone"
    return "" if answer == 5 + 10 + 20 + 40 else "add up the lengths of the four cycles"


@exercise
def errors_inside(answer, predicted, labels, superclass) -> str:
    """Share of the wrong answers whose superclass is right."""
    rows = list(zip(*(np.asarray(part).tolist() for part in (predicted, labels)), strict=True))
    group = np.asarray(superclass).tolist()
    wrong = [(p, t) for p, t in rows if p != t]
    inside = sum(group[p] == group[t] for p, t in wrong)
    if abs(answer - inside / len(rows)) < 1e-5 and inside:
        return "that is the share of all answers; divide by the wrong ones only"
    if abs(answer - sum(group[p] == group[t] for p, t in rows) / len(rows)) < 1e-5:
        return "that counts the right answers too; look at the wrong ones only"
    right = abs(answer - inside / max(len(wrong), 1)) < 1e-5
    return "" if right else "of the wrong answers, count those with the right superclass"
