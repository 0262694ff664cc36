"""Checks of notebook 09."""

import numpy as np

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def epochs_of_four_cycles(answer) -> str:
    """Length of a run that ends with its fourth cosine cycle, the first of 5 epochs, each next one twice as long."""
    hints = {
        5 + 10 + 20 + 40: "",
        5 * 4: "that would be four cycles of one length; each is twice as long as the one before",
        5 * 2**3: "that is the length of the fourth cycle alone",
        5 + 10 + 20: "that is where the fourth cycle begins; the run ends with it",
    }
    return hints.get(number(answer), "add up the lengths of the four cycles")


@exercise
def errors_inside(answer, predicted, labels, superclass) -> str:
    """Share of the wrong answers whose superclass is right."""
    answer = number(answer)
    group = np.asarray(superclass).tolist()
    pairs = list(zip(np.asarray(predicted).tolist(), np.asarray(labels).tolist(), strict=True))
    same_group = [group[guess] == group[true] for guess, true in pairs]
    wrong = [guess != true for guess, true in pairs]
    inside = sum(same and missed for same, missed in zip(same_group, wrong, strict=True))
    share = inside / max(sum(wrong), 1)
    if abs(answer - share) < 1e-4:
        return ""
    if abs(answer - inside / len(pairs)) < 1e-4:
        return "that is the share of all answers; divide by the wrong ones only"
    if abs(answer - sum(same_group) / len(pairs)) < 1e-4:
        return "that counts the right answers too; look at the wrong ones only"
    if abs(answer - inside) < 1e-4:
        return "that is how many they are; which share of the wrong answers is it?"
    if abs(answer - (1 - share)) < 1e-4:
        return "that is the share outside: the superclass is wrong, too"
    return "of the wrong answers, count those with the right superclass"
