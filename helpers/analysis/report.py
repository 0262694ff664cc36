"""May I report this? The sentence that a record allows, or why it allows none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from helpers.analysis.statistics import ENOUGH, mean_interval, new_run_interval, values_by_seed
from helpers.experiments.records import device_of, merge_records, runs_of, settings_of, without_seed

DATA_NAMES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
ALL_IMAGES = 45_000  # of CIFAR's 50,000 training images, once 5,000 of them are kept for validation
METRICS = {  # name of a measurement → the images it is of, and what each prediction is made from
    "test_accuracy": ("test", "one view"),
    "tta_test_accuracy": ("test", "mean over flips and shifts of each image"),
    "val_accuracy": ("validation", "one view"),
}


class Report(NamedTuple):
    """What may be said of the runs of one setting; printed, a sentence or two."""

    sentence: str  # "" where no run has finished
    reasons: tuple[str, ...]  # why it is no result on the dataset; none if it is one

    def __str__(self) -> str:
        if not self.reasons:
            return self.sentence
        why = "Not a result to report: " + "; ".join(self.reasons) + "."
        return f"{why} What the record holds: {self.sentence}" if self.sentence else why


def report(record: dict, changes: dict | None = None, metric: str | None = None) -> Report:
    """The sentence that a record allows about one setting, with n, interval, split, epoch, data and device.

    Parameters
    ----------
    record : dict
        Of `load_record`, `sweep` or `merge_records`.
    changes : dict, optional
        The setting, as in the record; without it, the configuration itself.
    metric : str, optional
        One of `METRICS`; without it, test accuracy if it was measured, else validation accuracy.

    Raises
    ------
    ValueError
        For a setting that the record does not have, or a metric of another name.
    """
    changes = changes or {}
    metric = metric or _usual_metric(record)
    if metric not in METRICS:
        raise ValueError(f"metric={metric!r}: choose from {sorted(METRICS)}")
    runs = runs_of(record, changes)
    finished = [run for run in runs if run["status"] == "finished"]
    measured = [run for run in finished if metric in run["final"]]
    reasons = (*_reasons_of_data(record, changes, metric), *_reasons_of_runs(runs, finished, measured, metric))
    return Report(_sentence(record, measured, metric) if measured else "", reasons)


def _usual_metric(record: dict) -> str:
    measured = {name for run in record["runs"] for name in run["final"]}
    return "test_accuracy" if "test_accuracy" in measured else "val_accuracy"


def _reasons_of_data(record: dict, changes: dict, metric: str) -> list[str]:
    """What keeps numbers on these images from being a result on the dataset."""
    if not record["data"]["real"]:
        return ["it was trained on stand-in data, not CIFAR"]
    found = []
    if METRICS[metric][0] == "validation":
        found.append("validation chose between settings, so it is no test; train the chosen setting on all images and "
                     "open the test set once")
    learned_from = training_images(record, changes)
    if learned_from < ALL_IMAGES:
        found.append(f"{learned_from:,} training images are a subset of the dataset's")
    return found


def training_images(record: dict, changes: dict) -> int:
    """How many images the runs with these changes learned from; 0 of ``train_images`` stands for all of the data."""
    everything = record["data"]["train_images"]
    asked_for = (record["config"] | changes).get("train_images")
    return min(everything, asked_for or everything)


def _reasons_of_runs(runs: list[dict], finished: list[dict], measured: list[dict], metric: str) -> list[str]:
    found = []
    if lost := len(runs) - len(finished):
        found.append(f"{lost} of {len(runs)} runs diverged or failed"
                     + (", which the mean of the others hides" if finished else ""))
    if not finished:
        return found
    if not measured:
        part = METRICS[metric][0]
        return [*found, f"{metric} was not measured: the {part} images were not looked at after the last epoch"]
    if any(_is_best_epoch(run, metric) for run in measured):
        found.append("the best epoch was chosen by the images that judge it; take the last epoch")
    if len(measured) < ENOUGH:
        found.append(f"n = {len(measured)}: it takes {ENOUGH} seeds for an interval")
    return found


def _is_best_epoch(run: dict, metric: str) -> bool:
    """Whether a run's final number is that of its best epoch, and not of its last."""
    followed = [row[metric] for row in run["history"] if metric in row]
    if metric.startswith("val") or not followed:  # a sweep follows 1,000 validation images only
        return False
    final = run["final"][metric]
    return np.isclose(final, max(followed)) and not np.isclose(final, followed[-1])


def _sentence(record: dict, measured: list[dict], metric: str) -> str:
    part, view = METRICS[metric]
    about = mean_interval([run["final"][metric] for run in measured])
    dataset = DATA_NAMES.get(record["data"]["name"], record["data"]["name"])
    if part == "test":
        images = f"{dataset} test set"
    else:
        count = record["data"].get("val_images")
        images = f"{f'{count:,} ' if count else ''}validation images of {dataset}"
    model = measured[0]["changes"].get("model") or record["config"].get("model") or record.get("model", "")
    epochs = measured[0]["changes"].get("num_epochs") or record["config"]["num_epochs"]
    devices = ", ".join(dict.fromkeys(device_of(run, record) for run in measured))
    return (f"{_accuracy(about)}, {images}, last of {epochs} epochs, {view}, {model} trained on "
            f"{training_images(record, measured[0]['changes']):,} images, {devices}")


def _accuracy(about) -> str:
    """``93.3 ± 0.2 % (mean and 95 % interval, n = 4 seeds)``."""
    if about.n < ENOUGH:
        return f"{100 * about.mean:.1f} % ({'mean, ' if about.n > 1 else ''}n = {about.n})"
    return (f"{100 * about.mean:.1f} ± {100 * (about.high - about.mean):.1f} % (mean and 95 % interval, "
            f"n = {about.n} seeds)")


def report_lines(record: dict) -> list[str]:
    """The report of each setting of a record; what all have in common against them is said once, at the end."""
    reports = {str(changes or "as configured"): report(record, changes) for changes in settings_of(record)}
    if not reports:
        return ["no runs, and nothing to report"]
    first, *others = reports.values()
    shared = [reason for reason in first.reasons if others and all(reason in one.reasons for one in others)]
    lines = []
    for name, one in reports.items():
        own = tuple(reason for reason in one.reasons if reason not in shared)
        lines.append(f"{name}: {one._replace(reasons=own)}")
    if shared:
        lines.append(f"Not results to report: {'; '.join(shared)}.")
    return lines


def compare_record(record: dict, reference: dict) -> list[str]:
    """`compare_run` of each run of a reader's record; one line instead where the two measure different things."""
    try:
        merge_records(_with_memory_kept(reference), _with_memory_kept(record))
    except ValueError as error:
        return [f"not compared with the reference: {error}"]
    return [compare_run(run, reference) for run in record["runs"]]


def _with_memory_kept(record: dict) -> dict:
    """The record as of today's default: ``keep_memory`` changes no result, and some reference runs are older."""
    return {**record, "config": {**record["config"], "keep_memory": True}}


def compare_run(run: dict, reference: dict, metric: str | None = None) -> str:
    """Whether one run is compatible with the reference's runs of the same changes, by their prediction interval."""
    if run["status"] != "finished":
        return f"seed {run['seed']} {run['status']}: no number to compare"
    metric = metric or _usual_metric(reference)
    reached = run["final"][metric]
    told = f"seed {run['seed']}: {100 * reached:.1f} %"
    values = _reference_values(reference, without_seed(run["changes"]), metric)
    if not values:
        return f"{told}; the reference has no finished run of this setting"
    about = new_run_interval(values)
    if about.n < ENOUGH:
        return f"{told}; the reference has n = {about.n}, too few to predict a new run"
    fits = "compatible with" if about.low <= reached <= about.high else "outside of"
    return f"{told}, {fits} {100 * about.low:.1f} to {100 * about.high:.1f} %, where 95 % of new runs should lie"


def _reference_values(reference: dict, changes: dict, metric: str) -> list[float]:
    """What the finished runs of this setting reached; empty where there are none."""
    if changes not in settings_of(reference):
        return []
    values = values_by_seed(reference, changes, metric).values()
    return [value for value in values if value is not None]
