"""How much a measured number can be trusted: intervals."""

import numpy as np


def wilson_interval(successes, count, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a proportion (Wilson 1927), which stays inside [0, 1] also for few trials.

    Parameters
    ----------
    successes, count : numbers or arrays
        Of trials; successes may be a share times a count, and then not quite whole.

    Raises
    ------
    ValueError
        Without trials, and for fewer successes than none or more than there were trials.
    """
    successes, count = np.broadcast_arrays(np.asarray(successes, float), np.asarray(count, float))
    _require_possible(successes, count)
    share = np.minimum(successes / count, 1)
    weight = 1 + z**2 / count
    center = (share + z**2 / (2 * count)) / weight
    half = z / weight * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)


def _require_possible(successes: np.ndarray, count: np.ndarray) -> None:
    if not count.size:
        raise ValueError("successes and count are empty: an interval needs at least one number of trials")
    rounding = 1e-6 * count  # of a share in float32, times its count
    possible = (count > 0) & (successes >= 0) & (successes <= count + rounding)  # False for NaN
    if not possible.all():
        place = np.flatnonzero(~possible)[0]
        raise ValueError(f"{successes.flat[place]:g} successes of {count.flat[place]:g} trials: expected at least one "
                         "trial, and from none to all of them successes")
