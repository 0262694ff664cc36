"""Checks of notebook 06."""

import numpy as np

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def count_errors(answer, logits, labels) -> str:
    """Number of wrong answers."""
    answer = number(answer)
    right = sum(int(row.argmax()) == int(label) for row, label in zip(logits, labels, strict=True))
    wrong = len(labels) - right
    if answer == wrong:
        return ""
    if answer == right:
        return "that is the number of right answers"
    if abs(answer - wrong / len(labels)) < 1e-4:
        return "that is the share of wrong answers; how many are they?"
    return "compare argmax over the classes with the label, and count"


@exercise
def precision(answer, matrix) -> str:
    """Share of each column of a confusion matrix that lies on its diagonal."""
    answer, matrix = np.asarray(answer, float), np.asarray(matrix)
    if answer.shape != (len(matrix),):
        return f"one number per class is needed: shape {(len(matrix),)}, not {answer.shape}"
    right = [int(matrix[c][c]) for c in range(len(matrix))]
    answered = [sum(int(row[c]) for row in matrix) for c in range(len(matrix))]
    present = [sum(int(cell) for cell in row) for row in matrix]
    of_answers = [hits / max(count, 1) for hits, count in zip(right, answered, strict=True)]
    of_images = [hits / max(count, 1) for hits, count in zip(right, present, strict=True)]
    if np.allclose(answer, of_answers, atol=1e-3):
        return ""
    if np.allclose(answer, of_images, atol=1e-3):
        return "that is the share of each true class that was found (recall); precision divides by a column's sum"
    if np.allclose(answer, 100 * np.array(of_answers), atol=0.1):
        return "fractions, not percent"
    return "divide the diagonal by how often each class was predicted"


@exercise
def lower_end(answer) -> str:
    """Lower end of Wilson's 95 % interval of 45 out of 50."""
    answer = number(answer)
    lower, upper = 0.7864, 0.9565
    normal = 0.9 - 1.96 * (0.9 * 0.1 / 50) ** 0.5
    if abs(answer - lower) < 1e-3:
        return ""
    if abs(answer - normal) < 1e-3:
        return "that is the normal approximation, which is poor for few images; look for wilson_interval"
    if abs(answer - upper) < 1e-3:
        return "that is the upper end: wilson_interval returns the lower one first"
    if abs(answer - 100 * lower) < 0.1:
        return "a fraction, not percent"
    return "the interval is not symmetric around 0.9; see wilson_interval"
