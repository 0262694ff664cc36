"""How much a measured number can be trusted: intervals."""

import numpy as np


def wilson_interval(successes, count, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a proportion (Wilson 1927), which stays inside [0, 1] also for few trials."""
    successes, count = np.asarray(successes, float), np.asarray(count, float)
    share, weight = successes / count, 1 + z**2 / count
    center = (share + z**2 / (2 * count)) / weight
    half = z / weight * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip(center - half, 0, 1), np.clip(center + half, 0, 1)
