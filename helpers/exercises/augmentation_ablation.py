"""Checks of notebook 13."""

import numpy as np
import torch

from helpers.exercises import exercise
from helpers.exercises.answers import letters

RIGHT_OBJECTIONS = {"a", "c"}
# y, x, height, width of a rectangle: inside, over each border, all of it
PLACES = [(4, 6, 10, 8), (-3, 5, 10, 8), (26, -4, 12, 9), (5, 28, 10, 8), (0, 0, 32, 32)]


@exercise
def leave_one_out(function) -> str:
    """A function (parts) → {setting: parts} with nothing, each alone, each left out, and all."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    given = ["crop", "flip", "jitter"]
    plan = function(list(given))
    if plan is None:
        return "the function returns nothing: is there a return?"
    plan = {name: list(parts) for name, parts in dict(plan).items()}
    right = _plan(given)
    if plan == right:
        return ""
    missing = [name for name in right if name not in plan]
    if missing:
        return f"the plan lacks {missing[0]!r}: nothing, each alone, each left out, and all are wanted"
    wrong = next(name for name in [*right, *plan] if plan.get(name) != right.get(name))
    if wrong not in right:
        return f"{wrong!r} is no setting of this plan"
    if sorted(plan[wrong]) == sorted(right[wrong]):
        return f"{wrong!r}: keep the order of the parts, {right[wrong]}"
    return f"{wrong!r} should hold {right[wrong]}, not {plan[wrong]}"


def _plan(parts: list[str]) -> dict[str, list[str]]:
    plan = {"nothing": [], "all": list(parts)}
    for number, part in enumerate(parts):
        plan[f"only {part}"] = [part]
        plan[f"all but {part}"] = parts[:number] + parts[number + 1:]
    return plan


@exercise
def cut(function) -> str:
    """A repaired function (image, other, y, x, height, width) → mixed image and the share of the first that is kept."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    image, other = torch.zeros(3, 32, 32), torch.ones(3, 32, 32)
    for place in PLACES:
        result = function(image.clone(), other.clone(), *place)
        if result is None:
            return "the function returns nothing: is there a return?"
        mixed, kept = result
        right = 1 - float(_pasted(*place).mean())  # counted pixel by pixel
        hint = _cut_hint(place, float(torch.as_tensor(mixed, dtype=torch.float64).mean()), float(kept), right)
        if hint:
            return hint
    return ""


def _pasted(y: int, x: int, height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:32, :32]
    return (rows >= y) & (rows < y + height) & (columns >= x) & (columns < x + width)


def _cut_hint(place, pasted: float, kept: float, right: float) -> str:
    y, x, height, width = place
    told = f"y {y}, x {x}, height {height}, width {width}: {kept:.3f} instead of {right:.3f}"
    if abs(pasted - (1 - right)) > 1e-6:
        return f"y {y}, x {x}: the picture itself was right; repair the share, and leave the pasting as it is"
    if abs(kept - right) < 1e-4:
        return ""
    if abs(kept - (1 - height * width / 32**2)) < 1e-6:
        return f"that is the share of the whole rectangle; only what lies inside was pasted. {told}"
    if abs(kept - (1 - right)) < 1e-6:
        return f"that is what the other image got; `kept` is what is left of the first. {told}"
    return f"count the rows and the columns that lie inside the image, and multiply them. {told}"


@exercise
def interaction(function) -> str:
    """A function (neither, a, b, both) of accuracies over the same seeds → mean of the gain beyond the sum."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    neither, a = np.array([0.70, 0.72, 0.71]), np.array([0.74, 0.75, 0.75])
    b, both = np.array([0.73, 0.74, 0.75]), np.array([0.75, 0.77, 0.76])
    given = float(function(neither, a, b, both))
    alone = (a - neither) + (b - neither)
    right = float(np.mean((both - neither) - alone))
    if abs(given - right) < 5e-4:
        return ""
    if abs(given + right) < 5e-4:
        return "the right size with the wrong sign: what both gain together, minus the sum of what each gains alone"
    if abs(given - np.mean(both - a - b)) < 5e-4:
        return "accuracies are not gains: subtract `neither` from each of the three first"
    if abs(given - np.mean(both - neither)) < 5e-4:
        return "that is what both gain together; what would they gain if each did only what it does alone?"
    return "three gains over `neither`: of both, of a, of b; the first minus the two others, then the mean over seeds"


@exercise
def objections(answer) -> str:
    """Which of the three objections to the report are right, by letter."""
    given = letters(answer, "abc")
    if given == RIGHT_OBJECTIONS:
        return ""
    if "b" in given:
        return "b: compare nineteen points with the scatter of seeds, which is below one point (see the dots above)"
    if "a" not in given:
        return "a: what could a perfect network reach on images whose labels are shared?"
    return "c: is there a training accuracy that means the same with and without mixup?"
