"""A class as one experiment: the records that students hand in, checked and merged into one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from helpers.experiments.records import device_of, merge_records, recipe_version, run_key, settings_of, without_seed

FORM = {"experiment": str, "data": dict, "config": dict, "runs": list}  # what a record holds at least
ENOUGH_PER_DEVICE = 2  # runs; with fewer, a device's scatter is not known


class ClassRecord(NamedTuple):
    """The merged record, and what there is to know about it, a sentence each."""

    record: dict
    notes: list[str]


def merge_class(paths: Iterable[str | Path], seeds: Iterable[int] | None = None,
                metric: str = "val_accuracy") -> ClassRecord:
    """Merge the records of a class, one file per student.

    Parameters
    ----------
    paths : iterable of paths
        Records as `sweep` writes them under ``runs/records/``.
    seeds : iterable of int, optional
        Those that were assigned. Runs of other seeds are left out, since a chosen seed is no random one; assigned ones
        that are missing are named.

    Returns
    -------
    ClassRecord
        Diverged runs are kept. Of two runs with one seed and setting the first stays; the notes name the file of the
        other, and whether both say the same. Each run keeps its device, and the notes say whether devices differ.

    Raises
    ------
    ValueError
        For no file, one that is no record, stand-in data, or another experiment, data, configuration or version of
        the recipe than the first file's, naming file and reason; and where no run has an assigned seed.
    """
    records = {Path(path): _read(Path(path)) for path in paths}
    if not records:
        raise ValueError("no files are given: name at least one record")
    _require_same(records)
    seeds = None if seeds is None else list(seeds)
    notes = _duplicates(records)
    merged = merge_records(*records.values())
    if seeds is not None:
        notes += _unassigned(records, seeds)
        merged = _only_assigned(merged, seeds)
        notes += _missing(merged, seeds)
    notes += _unfinished(merged)
    notes.append(describe_devices(merged, metric))
    return ClassRecord(merged, notes)


def _read(path: Path) -> dict:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): name the file of each record") from error
    except ValueError as error:  # no JSON, or no text
        raise ValueError(f"{path} is no record: {error}") from error
    _require_form(record, path)
    if not record["data"]["real"]:
        raise ValueError(f"{path} is of stand-in data, not CIFAR: run the sweep again where the files are found")
    return record


def _require_form(record, path: Path) -> None:
    parts = record if isinstance(record, dict) else {}
    lacking = [name for name, kind in FORM.items() if not isinstance(parts.get(name), kind)]
    if "data" not in lacking and "real" not in parts["data"]:
        lacking.append("data.real")
    if lacking:
        raise ValueError(f"{path} is no record: it lacks {', '.join(lacking)}")


def _require_same(records: dict[Path, dict]) -> None:
    (first_path, first), *others = records.items()
    versions = {recipe_version(run) for run in first["runs"]}
    for path, record in others:
        try:
            merge_records(first, record)
        except ValueError as error:
            raise ValueError(f"{path} does not fit {first_path}: {error}") from None
        versions |= {recipe_version(run) for run in record["runs"]}
        if len(versions) > 1:
            raise ValueError(f"{path} and {first_path} hold runs of recipe versions {sorted(versions)}, in which the "
                             "same configuration means another training: run the older again with the newer code")


def _duplicates(records: dict[Path, dict]) -> list[str]:
    """A sentence per file that repeats runs of an earlier one."""
    first: dict[tuple, tuple[Path, dict]] = {}
    notes = []
    for path, record in records.items():
        equal, conflicting = [], []
        for run in record["runs"]:
            owner, before = first.setdefault(run_key(run), (path, run))
            if before is run:
                continue
            told = f"seed {run['seed']} of {owner}"
            if (before["status"], before["final"]) == (run["status"], run["final"]):
                equal.append(told)
            else:
                conflicting.append(told)
        if equal:
            notes.append(f"{path} repeats {_listed(equal)}, with the same results")
        if conflicting:
            notes.append(f"{path} CONFLICTS with {_listed(conflicting)}: other results; the first are kept")
    return notes


def _listed(names: list[str]) -> str:
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return ", ".join(f"{name} ({count} settings)" if count > 1 else name for name, count in counts.items())


def _unassigned(records: dict[Path, dict], seeds: list[int]) -> list[str]:
    notes = []
    for path, record in records.items():
        if others := sorted({run["seed"] for run in record["runs"]} - set(seeds)):
            notes.append(f"{path}: seeds {', '.join(map(str, others))} were not assigned, and are left out")
    return notes


def _only_assigned(record: dict, seeds: list[int]) -> dict:
    """The record with the runs of assigned seeds alone."""
    kept = [run for run in record["runs"] if run["seed"] in seeds]
    if record["runs"] and not kept:
        there = ", ".join(map(str, sorted({run["seed"] for run in record["runs"]})))
        raise ValueError(f"no run has a seed that was assigned; the files hold seeds {there}: correct `seeds`")
    return {**record, "runs": kept}


def _missing(record: dict, seeds: list[int]) -> list[str]:
    there = [(run["seed"], without_seed(run["changes"])) for run in record["runs"]]
    settings = settings_of(record)
    absent = {seed: sum((seed, setting) not in there for setting in settings) for seed in seeds}
    none = [seed for seed, count in absent.items() if count == len(settings)]
    some = [f"{seed} (lacks {count} of {len(settings)} settings)"
            for seed, count in absent.items() if 0 < count < len(settings)]
    notes = [f"missing seeds: {', '.join(map(str, none))}"] if none else []
    return notes + ([f"incomplete seeds: {', '.join(some)}"] if some else [])


def _unfinished(record: dict) -> list[str]:
    lost = [run for run in record["runs"] if run["status"] != "finished"]
    return [f"seed {run['seed']}, {without_seed(run['changes'])}: {run['status']} (kept)" for run in lost]


def describe_devices(record: dict, metric: str = "val_accuracy") -> str:
    """Whether devices differ beyond chance: a sentence with the p of an F test.

    The test compares two linear models of all finished runs, a mean per setting with and without a shift per device.
    """
    runs = [run for run in record["runs"] if run["status"] == "finished" and metric in run["final"]]
    devices = np.array([device_of(run, record) for run in runs])
    names, counts = np.unique(devices, return_counts=True)
    told = ", ".join(f"{name} (n = {count})" for name, count in zip(names, counts, strict=True))
    if len(names) < 2:
        return f"device: {told or 'none'}"
    kept = np.isin(devices, names[counts >= ENOUGH_PER_DEVICE])
    p = _device_p([run for run, keep in zip(runs, kept, strict=True) if keep], devices[kept], metric)
    if np.isnan(p):
        return f"devices: {told}; too few runs to test whether they differ"
    verdict = "they differ: compare only runs of one device" if p < 0.05 else "no difference is seen"
    return f"devices: {told}; F test of a shift per device: p = {p:.2g}, {verdict}"


def _device_p(runs: list[dict], devices: np.ndarray, metric: str) -> float:
    """The p of the F test; NaN where no degree of freedom is left."""
    from scipy import stats

    values = np.array([run["final"][metric] for run in runs])
    known = settings_of({"runs": runs})
    settings = np.array([known.index(without_seed(run["changes"])) for run in runs])
    by_setting = _indicators(settings)
    by_both = np.hstack([by_setting, _indicators(devices)[:, 1:]])
    without, ranks_without = _residual(by_setting, values)
    with_devices, ranks_with = _residual(by_both, values)
    extra, left = ranks_with - ranks_without, len(values) - ranks_with
    if extra < 1 or left < 1 or with_devices == 0:
        return np.nan
    return float(stats.f.sf((without - with_devices) / extra / (with_devices / left), extra, left))


def _indicators(labels: np.ndarray) -> np.ndarray:
    """(N, K) of zeros and ones: which of the K labels each of N runs has."""
    return (labels[:, None] == np.unique(labels)).astype(float)


def _residual(design: np.ndarray, values: np.ndarray) -> tuple[float, int]:
    """Sum of squared residuals of a least-squares fit, and the rank of its design."""
    if not len(values):
        return 0.0, 0
    weights, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    return float(((values - design @ weights) ** 2).sum()), int(rank)
