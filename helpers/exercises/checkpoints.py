"""Checks of notebook 10."""

import re

import numpy as np

from helpers.exercises import exercise


@exercise
def three_best(answer, names) -> str:
    """The three of these file names with the highest validation accuracy, best first, the later epoch of equals."""
    answer = [str(name) for name in answer]
    ranked = sorted(names, key=_accuracy_then_epoch, reverse=True)
    best, worst, last = ranked[:3], ranked[-3:], sorted(names)[-3:]
    if answer == best:
        return ""
    if len(answer) != 3:
        return f"three names, by the number after val_; you gave {len(answer)}"
    if unknown := [name for name in answer if name not in names]:
        return f"{unknown[0]} is none of the names"
    if sorted(answer) == sorted(best):
        return "the right three; the best comes first, and of two equal ones the later epoch"
    if sorted(answer) == sorted(last):
        return "these are the last epochs: the name begins with the epoch; sort by what follows val_"
    if sorted(answer) == sorted(worst):
        return "these are the three lowest: sort from the highest accuracy down (reverse=True)"
    return "compare the numbers after val_; of two equal ones the later epoch goes first"


def _accuracy_then_epoch(name: str) -> tuple[float, int]:
    epoch, accuracy = re.fullmatch(r"epoch_(\d+)_val_([\d.]+)\.pt", name).groups()
    return float(accuracy), int(epoch)


@exercise
def pixel_by_pixel(answer, row) -> str:
    """A row of 3072 values, stored pixel by pixel, as an image (3, 32, 32)."""
    answer, row = np.asarray(answer), np.asarray(row)
    expected = np.empty((3, 32, 32), row.dtype)
    for color, y, x in np.ndindex(expected.shape):
        expected[color, y, x] = row[96 * y + 3 * x + color]
    if answer.shape == (32, 32, 3):
        return "height × width × color is how it lies in the row; now move the color to the front"
    if answer.shape != (3, 32, 32):
        return f"the shape is {answer.shape}, wanted (3, 32, 32)"
    if np.array_equal(answer, row.reshape(3, 32, 32)):
        return "that reads planes: the first 1024 values are not all red here"
    if np.array_equal(answer, expected.transpose(0, 2, 1)):
        return "lying on its side: rows and columns are exchanged"
    return "" if np.array_equal(answer, expected) else "first three values: red, green and blue of the top left pixel"
