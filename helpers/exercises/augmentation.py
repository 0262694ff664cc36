"""Checks of notebook 02."""

import torch

from helpers.exercises import exercise


@exercise
def count_views(answer) -> str:
    """Views of one image under pad-4 crop and flip."""
    if answer in (81, 64, 128):
        return {81: "and each of them also mirrored", 64: "from −4 to 4 there are nine shifts, not eight",
                128: "from −4 to 4 there are nine shifts, not eight"}[answer]
    return "" if answer == 162 else "shifts down, times shifts across, times mirrored or not"


@exercise
def flip_function(answer) -> str:
    """A function that mirrors images left to right."""
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = torch.stack([image[:, :, list(range(31, -1, -1))] for image in images])
    result = answer(images)
    if result.shape != images.shape:
        return f"the shape must stay {tuple(images.shape)}, not {tuple(result.shape)}"
    if torch.equal(result, expected.flip(2).flip(3)):
        return "that is upside down: columns are the last dimension"
    return "" if torch.equal(result, expected) else "reverse the columns and leave all else"


@exercise
def uses_of_a_draw(answer) -> str:
    """Times that each random draw is used by 4 unseeded workers in 10 epochs."""
    if answer in (4, 10, 14):
        return {4: "and every epoch begins again with the same copy", 10: "and every worker begins with the same copy",
                14: "workers and epochs repeat independently: multiply"}[answer]
    return "" if answer == 40 else "once in each worker, and again in each epoch"
