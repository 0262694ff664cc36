"""Checks of notebook 06."""

import numpy as np

from helpers.exercises import exercise


@exercise
def count_errors(answer, logits, labels) -> str:
    """Number of wrong answers."""
    right = sum(int(row.argmax()) == int(label) for row, label in zip(logits, labels, strict=True))
    if answer == right:
        return "that is the number of right answers"
    return "" if answer == len(labels) - right else "compare argmax over the classes with the label, and count"


@exercise
def precision(answer, matrix) -> str:
    """Share of each column of a confusion matrix that lies on its diagonal."""
    answer, matrix = np.asarray(answer, float), np.asarray(matrix)
    if answer.shape != (len(matrix),):
        return f"one number a class is needed: shape {(len(matrix),)}, not {answer.shape}"
    columns = [sum(int(row[c]) for row in matrix) for c in range(len(matrix))]
    expected = [int(matrix[c][c]) / max(columns[c], 1) for c in range(len(matrix))]
    rows = [int(matrix[c][c]) / max(int(matrix[c].sum()), 1) for c in range(len(matrix))]
    if np.allclose(answer, expected, atol=1e-6):
        return ""
    if np.allclose(answer, rows, atol=1e-6):
        return "that is the share of each true class that was found (recall); precision divides by a column's sum"
    return "divide the diagonal by how often each class was predicted"


@exercise
def lower_end(answer) -> str:
    """Lower end of Wilson's 95 % interval of 45 out of 50."""
    if abs(answer - (0.9 - 1.96 * (0.9 * 0.1 / 50) ** 0.5)) < 1e-4:
        return "that is the normal approximation, which is poor for few images; look for wilson_interval"
    return "" if abs(answer - 0.7864) < 1e-3 else "the interval is not symmetric around 0.9; see wilson_interval"
