"""Checks of notebook 02."""

import torch

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def count_views(answer) -> str:
    """Views of one image under pad-4 crop and flip."""
    answer = number(answer)
    if answer == 162:
        return ""
    if answer == 81:
        return "and each of them also mirrored"
    if answer in (64, 128):
        return "from −4 to 4 there are nine shifts, not eight"
    if answer in (18, 36):
        return "shifts down and shifts across go together in every combination: multiply them"
    return "shifts down, times shifts across, times mirrored or not"


@exercise
def flip_function(answer) -> str:
    """A function that mirrors images left to right."""
    if not callable(answer):
        return "hand in the function itself, not what it returns: answer = flip, without parentheses"
    source = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=source)
    backwards = list(range(31, -1, -1))
    mirrored, upside_down = images[:, :, :, backwards], images[:, :, backwards]
    result = answer(images.clone())
    if result is None:
        return "the function returns nothing: does it end with return?"
    if result.shape != images.shape:
        return f"the shape must stay {tuple(images.shape)}, not {tuple(result.shape)}"
    if result.dtype != images.dtype:
        return f"the type must stay {images.dtype}, not {result.dtype}"
    if torch.equal(result, mirrored):
        return ""
    if torch.equal(result, upside_down):
        return "that is upside down: columns are the last dimension"
    if torch.equal(result, upside_down[:, :, :, backwards]):
        return "that is turned by half a circle: reverse the columns only, not the rows"
    if torch.equal(result, images):
        return "nothing has changed: flip returns a new tensor, which the function must return"
    return "reverse the columns and leave all else"


@exercise
def uses_of_a_draw(answer) -> str:
    """Times that each random draw is used by 4 unseeded workers in 10 epochs."""
    hints = {
        40: "",
        4: "and every epoch begins again with the same copy",
        10: "and every worker begins with the same copy",
        14: "workers and epochs repeat independently: multiply",
    }
    return hints.get(number(answer), "once in each worker, and again in each epoch")
