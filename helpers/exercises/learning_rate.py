"""Checks of notebook 04."""

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def middle_of_sweep(answer) -> str:
    """Half way, in factors, from 1e-4 to 10."""
    answer = number(answer)
    if abs(answer - 0.0316228) < 5e-4:
        return ""
    if abs(answer - 5) < 0.01:
        return "that adds equal amounts; the sweep multiplies by equal factors"
    if abs(answer + 1.5) < 0.01:
        return "that is its logarithm (base 10); which learning rate is it?"
    return "half of the steps make half of the factor, in logarithms"


@exercise
def steepest(answer) -> str:
    """The example curve is a logistic fall in log lr, centered on 0.02."""
    answer = number(answer)
    if 0.015 < answer < 0.027:
        return ""
    if answer > 0.1:
        return "the loss falls fastest before its minimum, and the slope is taken against log lr"
    if -2 < answer < -1.5:
        return "that is its logarithm (base 10); which learning rate is it?"
    return "take the slope of the loss against log lr, and its most negative value"


@exercise
def steps_for_lag(answer) -> str:
    """Steps of a sweep from 1e-4 to 10 in which 19 of them double the learning rate."""
    answer = number(answer)
    if answer == 317:
        return ""
    if 315 < answer <= 316.5:
        return "almost: the first rate is a step as well, so there is one step more than there are factors"
    if 16 < answer < 18:
        return "those are the doublings; each takes 19 steps"
    if 5 < answer < 50:
        return "find the factor of one step first: its 19th power is 2"
    return "how many doublings lie between 1e-4 and 10, and how many steps is each?"
