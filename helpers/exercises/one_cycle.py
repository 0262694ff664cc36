"""Checks of notebook 05."""

from helpers.exercises import exercise
from helpers.exercises.answers import number


@exercise
def rate_on_the_way_down(answer) -> str:
    """Learning rate after epoch 18 of 30, falling linearly from 0.3 at epoch 6 to zero."""
    answer = number(answer)
    if abs(answer - 0.15) < 1e-6:
        return ""
    if abs(answer - 0.3 * (1 - 18 / 30)) < 1e-6:
        return "the fall begins at the peak, not at the start of the run"
    if abs(answer - 0.5) < 1e-6:
        return "that is the share of the peak that is left; which learning rate is it?"
    if abs(answer - 0.3 * 18 / 30) < 1e-6:
        return "that rises with the epoch; the learning rate falls"
    return "which part of the fall, from epoch 6 to epoch 30, is still to come?"


@exercise
def standard_error(answer) -> str:
    """Standard error of an accuracy of 0.9 on 5,000 images."""
    answer = number(answer)
    variance_of_one = 0.9 * 0.1
    expected = (variance_of_one / 5000) ** 0.5
    if abs(answer - expected) < 5e-5:  # 0.0042 passes
        return ""
    if abs(answer - variance_of_one / 5000) < 1e-6:
        return "that is the variance; the standard error is its root"
    if abs(answer - 100 * expected) < 5e-3:
        return "a fraction, not percentage points"
    if abs(answer - variance_of_one**0.5) < 1e-3:
        return "that is the spread of one try; a mean of n tries spreads less"
    if abs(answer - 1.96 * expected) < 5e-5:
        return "that is half of a 95 % interval; the standard error is one spread, not 1.96"
    return "p(1 − p) / n is the variance of a share p of n"
