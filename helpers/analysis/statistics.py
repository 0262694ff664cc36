"""How much a measured number can be trusted: intervals, paired differences, and what a record cannot tell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from helpers.experiments.records import runs_of

ENOUGH = 3  # runs; fewer give no interval worth reading
SHARES = ("accuracy", "gap", "confidence", "ece")  # in the names of metrics between 0 and 1, told in points


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


class Interval(NamedTuple):
    """A mean, and the ends of its 95 % interval; NaN where there are fewer than three values."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values) -> Interval:
    """Student's 95 % t interval for the mean of values that scatter independently, as over seeds."""
    return _interval(values, new_runs=0)


def new_run_interval(values) -> Interval:
    """Where one further run of the same kind will lie, with 95 % confidence: the prediction interval.

    It is √(n + 1) times as wide as the interval of the mean: the new run scatters too.
    """
    return _interval(values, new_runs=1)


def _interval(values, new_runs: int) -> Interval:
    from scipy import stats

    values, half = _finite(values), np.nan
    if len(values) >= ENOUGH:
        half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) * np.sqrt(new_runs + 1 / len(values))
    return Interval(values.mean(), values.mean() - half, values.mean() + half, len(values))


def _finite(values) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values={values!r}: expected at least one finite number in a flat list")
    return values


class SignTest(NamedTuple):
    """On how many images only the one of two networks is right, and on how many only the other."""

    gained: int
    lost: int

    @property
    def p(self) -> float:
        """How often a fair coin would be at least as uneven: two-sided and exact; 1 where the two never differ."""
        from scipy import stats

        return float(stats.binomtest(self.gained, self.gained + self.lost).pvalue) if any(self) else 1.0

    def __str__(self) -> str:
        """The counts, and about how far a fair coin would carry them apart 19 times of 20."""
        by_chance = 2 * (self.gained + self.lost) ** 0.5
        return (f"gains {self.gained}, loses {self.lost}, difference {self.gained - self.lost:+d}; "
                f"by chance ± {by_chance:.0f}")


def sign_test(right, other) -> SignTest:
    """Two networks on the same images: what the one gains and loses against the other (McNemar 1947).

    It judges these two trained networks; what further seeds of them would do, it does not say.

    Parameters
    ----------
    right, other : bool arrays (N,)
        Whether the one and the other network's answer to each image is right.
    """
    right, other = np.asarray(right), np.asarray(other)
    if right.shape != other.shape or right.ndim != 1 or not right.dtype == other.dtype == bool:
        raise ValueError(f"{right.dtype} {right.shape} and {other.dtype} {other.shape}: expected of both networks "
                         "a bool per image, as of `logits.argmax(1) == labels`")
    return SignTest(int((right & ~other).sum()), int((other & ~right).sum()))


class Difference(NamedTuple):
    """How much more `a` reached than `b`, seed by seed: mean, 95 % t interval and two-sided p of a paired t test."""

    mean: float
    low: float
    high: float
    p: float
    seeds: tuple[int, ...]  # those that both have finished
    by_seed: tuple[float, ...]
    unfinished: int  # seeds of both of which at least one run diverged or failed
    metric: str = "val_accuracy"

    @property
    def unit(self) -> str:
        """In what the difference is told: shares in points, a loss and anything else in its own unit."""
        if any(kind in self.metric for kind in SHARES):
            return "points"
        return "in loss" if self.metric.endswith("loss") else f"in {self.metric}"

    @property
    def points(self) -> Interval:
        """The mean and its interval in percentage points, of a metric that is a share; else it raises ValueError."""
        if self.unit != "points":
            raise ValueError(f"metric={self.metric!r} is no share and has no points: use mean, low and high")
        return Interval(100 * self.mean, 100 * self.low, 100 * self.high, len(self.seeds))

    @property
    def misses_zero(self) -> bool:
        """Whether both ends of the interval lie on one side of zero; False where there is no interval."""
        return self.low * self.high > 0

    def __str__(self) -> str:
        """A sentence, in percentage points, or for a metric that is no share in its own unit."""
        def shown(value):  # an end of "-0.0" keeps its sign: it tells on which side of zero it lies
            return f"{100 * value:+.1f}" if self.unit == "points" else f"{value:+.3f}"

        each = " and ".join(shown(value) for value in self.by_seed)
        left_out = f"; {self.unfinished} unfinished left out" if self.unfinished else ""
        n = len(self.seeds)
        if n < ENOUGH:
            seen = f": {each} {self.unit}" if n else ""
            return f"this record cannot tell (n = {n}, it takes {ENOUGH}){seen}{left_out}"
        mean = shown(self.mean)
        if float(mean) == 0:
            mean = mean.replace("-", "+")  # a mean of "-0.0" would be read aloud as "minus zero"
        return (f"{mean} {self.unit}, 95 % from {shown(self.low)} to {shown(self.high)}, "
                f"n = {n}, p = {self.p:.2g}{left_out}")


def difference(record: dict, a: dict, b: dict, metric: str = "val_accuracy") -> Difference:
    """What change `a` gains over change `b`, paired: the same seed means the same images, order and first weights.

    Parameters
    ----------
    record : dict
        Of `sweep` or `load_record`; `a` and `b` are changes in it, ``{}`` the configuration itself.
    metric : str
        A number of each run's ``final``, or ``"generalization_gap"``.

    Returns
    -------
    Difference
        Printed, a sentence; for fewer than three common seeds it says that the record cannot tell. Where all seeds
        give the same difference, no t test is possible: p is then NaN.

    Raises
    ------
    ValueError
        For a change that the record does not have.
    """
    ours, theirs = (values_by_seed(record, changes, metric) for changes in (a, b))
    common = sorted(ours.keys() & theirs.keys())
    finished = [seed for seed in common if ours[seed] is not None and theirs[seed] is not None]
    gains = {seed: ours[seed] - theirs[seed] for seed in finished}
    return over_seeds(gains, unfinished=len(common) - len(finished), metric=metric)


def over_seeds(gains, *, unfinished: int = 0, metric: str = "val_accuracy") -> Difference:
    """The `Difference` of gains that are known seed by seed, as of a mean over many settings.

    Parameters
    ----------
    gains : mapping or pandas.Series
        A gain by seed; `metric` says what of.
    """
    seeds = tuple(gains.keys())
    values = tuple(float(gains[seed]) for seed in seeds)
    if len(values) < ENOUGH:
        mean = float(np.mean(values)) if values else np.nan
        return Difference(mean, np.nan, np.nan, np.nan, seeds, values, unfinished, metric)
    about = mean_interval(values)
    return Difference(about.mean, about.low, about.high, _paired_p(values), seeds, values, unfinished, metric)


def _paired_p(gains: tuple[float, ...]) -> float:
    from scipy import stats

    return float(stats.ttest_1samp(gains, 0.0).pvalue) if np.std(gains) > 0 else np.nan


def predict_new_run(record: dict, changes: dict | None = None, metric: str = "val_accuracy") -> Interval:
    """Where one new seed of these changes will lie, with 95 % confidence, judged by the finished runs of a record."""
    values = values_by_seed(record, changes or {}, metric).values()
    finished = [value for value in values if value is not None]
    if not finished:
        raise ValueError(f"no run of {changes or {}} in {record['experiment']!r} has finished: nothing to predict from")
    return new_run_interval(finished)


def values_by_seed(record: dict, changes: dict, metric: str) -> dict[int, float | None]:
    """What each seed's run of these changes reached; None for one that diverged or failed."""
    return {run["seed"]: _measured(run, metric) if run["status"] == "finished" else None
            for run in runs_of(record, changes)}


def _measured(run: dict, metric: str) -> float:
    final = run["final"]
    if metric == "generalization_gap":
        return final["train_accuracy"] - final["val_accuracy"]
    if metric not in final:
        raise ValueError(f"metric={metric!r} was not measured: choose from {sorted(final)} or 'generalization_gap'")
    return final[metric]
