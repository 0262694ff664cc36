"""Checks of notebook 05."""

from helpers.exercises import exercise


@exercise
def rate_on_the_way_down(answer) -> str:
    """Learning rate after epoch 18 of 30, falling linearly from 0.3 at epoch 6 to zero."""
    if abs(answer - 0.3 * (1 - 18 / 30)) < 1e-6:
        return "the fall begins at the peak, not at the start of the run"
    if abs(answer - 0.5) < 1e-6:
        return "that is the share of the peak that is left; which learning rate is it?"
    return "" if abs(answer - 0.15) < 1e-6 else "which part of the fall, from epoch 6 to epoch 30, is still to come?"


@exercise
def standard_error(answer) -> str:
    """Standard error of an accuracy of 0.9 on 5,000 images."""
    if abs(answer - 0.9 * 0.1 / 5000) < 1e-7:
        return "that is the variance; the standard error is its root"
    if abs(answer - 0.42426) < 1e-3:
        return "a fraction, not percentage points"
    return "" if abs(answer - 0.0042426) < 1e-5 else "p(1 − p) / n is the variance of a share p of n"
