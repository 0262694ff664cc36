"""Checks of notebook 05."""

from helpers.checks import exercise


@exercise
def peak_fraction(answer) -> str:
    """pct_start of a peak after epoch 6 of 30."""
    if abs(answer - 6) < 1e-6 or abs(answer - 600) < 1e-6:
        return "that is when the peak comes; pct_start is a fraction of the whole run"
    if abs(answer - 20) < 1e-6:
        return "a fraction between 0 and 1, not percent"
    return "" if abs(answer - 0.2) < 1e-6 else "how much of the run has passed when the peak is reached?"


@exercise
def smoothed_target(answer) -> str:
    """Target of the true class with smoothing 0.1 over ten classes."""
    if abs(answer - 0.9) < 1e-6:
        return "the true class is one of the ten classes over which the 0.1 are spread"
    return "" if abs(answer - 0.91) < 1e-6 else "what is left of 1 after smoothing, plus the true class's own share"


@exercise
def standard_error(answer) -> str:
    """Standard error of an accuracy of 0.9 on 5,000 images."""
    if abs(answer - 0.9 * 0.1 / 5000) < 1e-7:
        return "that is the variance; the standard error is its root"
    if abs(answer - 0.42426) < 1e-3:
        return "a fraction, not percentage points"
    return "" if abs(answer - 0.0042426) < 1e-5 else "p(1 − p) / n is the variance of a share p of n"
