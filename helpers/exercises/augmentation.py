"""Checks of notebook 02."""

import numpy as np
import torch

from helpers.exercises import exercise
from helpers.exercises.answers import letters, number

HAND_OVER = "hand over the function itself: its name, without parentheses"
RETURNS_NOTHING = "the function returns nothing: is there a `return`?"
HOLES = torch.tensor([0, 3, 24]), torch.tensor([20, 0, 24])  # first row and first column of three holes
WRONG_FOR_DIGITS = {"a", "c"}


@exercise
def hole_mask(function) -> str:
    """A repaired function (hole_y, hole_x) → bool (N, 32, 32), true inside a square of 8 pixels."""
    if not callable(function):
        return HAND_OVER
    result = function(*(part.clone() for part in HOLES))
    if result is None:
        return RETURNS_NOTHING
    found = np.asarray(result)
    if found.shape != (3, 32, 32):
        return f"one mask of 32 × 32 per image is wanted, (3, 32, 32); this has the shape {found.shape}"
    right = np.zeros((3, 32, 32), dtype=bool)
    for image, y, x in zip(range(3), *(part.tolist() for part in HOLES), strict=True):
        right[image, y:y + 8, x:x + 8] = True
    return _mask_hint(found.astype(bool), right)


def _mask_hint(found: np.ndarray, right: np.ndarray) -> str:
    if np.array_equal(found, right):
        return ""
    if np.array_equal(found, right.transpose(0, 2, 1)):
        return "rows and columns are exchanged: which of the two must vary along the second dimension?"
    if np.array_equal(found, ~right):
        return "true and false are exchanged: true is inside the hole"
    sides = found.any(2).sum(1).tolist()
    if sides != [8, 8, 8]:
        return f"the holes are {sides} pixels high instead of 8 each: from the first row on, up to 8 rows later"
    return "the place is not right: image 0 has its hole in rows 0 to 7 and columns 20 to 27"


@exercise
def brighten(function) -> str:
    """A function (images, amounts) → uint8 images, each brighter by its own amount, cut off at 0 and 255."""
    if not callable(function):
        return HAND_OVER
    source = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 3, 4, 4), dtype=torch.uint8, generator=source)
    amounts = torch.tensor([0, 60, -60, 200])
    result = function(images.clone(), amounts.clone())
    if result is None:
        return RETURNS_NOTHING
    if tuple(result.shape) != tuple(images.shape):
        return f"the shape must stay {tuple(images.shape)}, not {tuple(result.shape)}"
    return _brighten_hint(result, images.numpy().astype(int), amounts.numpy())


def _brighten_hint(result, images: np.ndarray, amounts: np.ndarray) -> str:
    found, unclipped = np.asarray(result), images + amounts[:, None, None, None]
    right = unclipped.clip(0, 255)
    if result.dtype == torch.uint8 and np.array_equal(found, right):
        return ""
    if np.array_equal(found, right):
        return f"the numbers are right; images stay torch.uint8, this is {result.dtype}"
    if np.array_equal(found, unclipped % 256):
        return "it wraps around: 250 + 60 became 54. Add with room for more than 255, cut off, then convert back"
    if np.array_equal(found, unclipped):
        return "values leave 0 to 255: cut off with clamp"
    along_rows, along_columns = amounts[:, None], amounts
    for other in (along_rows, along_columns):
        if np.array_equal(found, (images + other).clip(0, 255)):
            return "the amounts run along rows or columns: give them the shape (N, 1, 1, 1), one per image"
    return "each image gets its own amount, the same for all its pixels; then clamp to 0 and 255, and uint8"


@exercise
def uses_of_a_draw(answer) -> str:
    """Times that each draw is used by 4 unseeded workers in 10 epochs: workers made anew per epoch, and kept."""
    if len(answer) != 2:
        return f"two numbers are wanted, (made anew, kept); you gave {len(answer)}"
    anew, kept = (number(part) for part in answer)
    if (anew, kept) == (40, 4):
        return ""
    if (anew, kept) == (4, 40):
        return "swapped: workers made anew in every epoch come first"
    if anew != 40:
        hints = {4: "and every epoch begins again with the same copy", 10: "and every worker begins with the same copy",
                 14: "workers and epochs repeat independently: multiply"}
        return "made anew: " + hints.get(anew, "once in each worker, and again in each epoch")
    if kept == 40:
        return "kept: a worker that lives on goes on drawing; does the second epoch repeat the first?"
    return "kept: within an epoch all workers hold the same copy, and from epoch to epoch it moves on"


@exercise
def wrong_for_digits(answer) -> str:
    """Which of four augmentations changes what a handwritten digit means, by letter."""
    given = letters(answer, "abcd")
    if given == WRONG_FOR_DIGITS:
        return ""
    if "b" in given:
        return "b: would you read a digit differently two pixels further right?"
    if "d" in given:
        return "d: is a paler 7 another digit?"
    if "a" not in given:
        return "a: mirror a 2, and look for it among the ten digits"
    return "c: how much of a digit that is about 20 pixels high does a hole of 24 leave?"
