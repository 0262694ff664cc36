"""Sweeps: many configurations and seeds, each trained, measured and recorded once, side by side where it pays."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

from torch import nn
from tqdm import tqdm

from helpers.data.augment import BATCH_AUGMENTS
from helpers.data.image_set import ImageSet
from helpers.data.loader import MemoryLoader, make_loaders
from helpers.data.mixing import MIXES
from helpers.env import get_device, look_up, seed_everything
from helpers.experiments.cost import describe_cost
from helpers.experiments.records import (
    RECORDS,
    describe_run,
    merge_records,
    new_record,
    plain,
    recipe_version,
    run_key,
    same_experiment,
    write_record,
)
from helpers.models.registry import MODELS, make_model
from helpers.paths import run_dir
from helpers.training.config import RECIPE_VERSION, TrainConfig
from helpers.training.fit import DivergedError, evaluate, fit
from helpers.training.optimizers import OPTIMIZERS
from helpers.training.schedules import SCHEDULERS

CURVE_IMAGES = 1000  # of the validation images, after each epoch of a run
NAMED = {"model": MODELS, "optimizer": OPTIMIZERS, "scheduler": SCHEDULERS, "mix": MIXES, "augment": BATCH_AUGMENTS}


def grid(**choices) -> list[dict]:
    """Every combination of these choices, as changes for `sweep`; the last name turns fastest.

    ``grid(max_lr=[0.1, 0.4], batch_size=[128])`` is ``[{"max_lr": 0.1, "batch_size": 128}, {"max_lr": 0.4, …}]``.
    """
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def run_seed(train: ImageSet, other: ImageSet, config: TrainConfig, *, split: str = "test", measured: int = 0,
             curve_images: int = 0, **options) -> tuple[dict, nn.Module, MemoryLoader]:
    """Train with the options of `fit`, then open `other` once, after the last epoch: an entry of a record's ``runs``.

    ``final`` holds accuracy and loss on `other`, named after `split`, and on `measured` (0 for all) un-augmented
    training images. With `curve_images` so many of `other` are looked at after each epoch too, in the size that it
    trained on. Also returns the model and the batches of `other`. A diverged run is marked, Ctrl-C raised again.
    """
    train, device = train.first(config.train_images), get_device()
    seed_everything(config.seed)
    model = make_model(config.model, num_classes=train.num_classes)
    loaders = make_loaders(train, other, config, device)
    statistics = loaders.val.statistics
    followed = None
    if curve_images:
        few = other.first(min(curve_images, len(other)))
        followed = MemoryLoader(few.to(device), 1000, statistics=statistics, image_sizes=config.image_sizes)
    run = {"seed": config.seed, "changes": {}, "status": "finished", "history": [], "final": {}, "seconds": 0.0,
           **describe_run(config)}
    try:
        history = fit(model, (loaders.train, followed), config, device=device, **options)
    except DivergedError as error:
        return run | {"status": f"diverged: {error}"}, model, loaders.val
    if history.stopped:
        raise KeyboardInterrupt(history.stopped)
    unaugmented = MemoryLoader(train.first(min(measured, len(train))).to(device), 1000, statistics=statistics)
    results = {part: evaluate(model, batches, precision=config.precision)
               for part, batches in ((split, loaders.val), ("train", unaugmented))}
    final = {f"{part}_{key}": result[key] for part, result in results.items() for key in ("accuracy", "loss")}
    run |= {"history": history.epochs, "final": final, "seconds": sum(history.column("seconds"))}
    return run, model, loaders.val


def sweep(experiment: str, train: ImageSet, val: ImageSet, config: TrainConfig, changes: list[dict], seeds=(0,), *,
          workers: int | None = None, progress: bool = True) -> dict:
    """Train each change of a configuration with each seed, and return their record; what is known is not run again.

    A run is known by its seed, its changes, the configuration, the images and the recipe's version: from the
    committed record of this name, or from the reader's, under ``runs/records/``. There every run is written as soon as
    it ends, so that an interrupted sweep goes on where it stopped. In ``final`` are ``val_accuracy``, ``val_loss``, and
    ``train_accuracy`` on as many un-augmented training images; in ``history``, after each epoch, accuracy and loss on
    1,000 validation images, as many of each class. The test set stays closed.

    Parameters
    ----------
    changes : list of dicts, as of `grid`
        Fields of `TrainConfig` that differ from `config`; ``{}`` is `config` itself.
    workers : int, optional
        Processes that train at the same time. Without it, what ``joblib.parallel_config`` says around the call, as for
        a cluster; or else one per core, each with one thread, and on a GPU one.

    Raises
    ------
    ValueError
        For a change that names no field or nothing known. What goes wrong in a run is its ``status``, "diverged: …" or
        "failed: …"; only failed runs are tried again at the next call.
    """
    wanted = _plan(config, changes, seeds)
    begun = plain(new_record(experiment, train, config))
    begun["data"]["val_images"] = len(val)
    path = own_record_path(begun)
    known = _known_runs(begun, path)
    missing = [job for job in wanted if job.key not in known]
    if missing:
        configs = [job.config for job in missing]
        cost = describe_cost(configs, len(wanted) - len(missing), train) if progress else ""
        with tqdm(total=len(missing), desc=cost, unit="run", disable=not progress) as bar:
            for run in _run_all(missing, train, val, workers):
                known[run_key(run)] = run
                add_run(path, begun, run)
                bar.update()
    return begun | {"runs": [known[job.key] for job in wanted]}


class _Job(NamedTuple):
    """One run to make."""

    config: TrainConfig
    changes: dict

    @property
    def key(self) -> tuple[int, str]:
        return run_key({"seed": self.config.seed, "changes": self.changes})


def _plan(config: TrainConfig, changes: list[dict], seeds) -> list[_Job]:
    """All runs that are asked for, each once; bad changes are refused before the first one begins."""
    names = [field.name for field in fields(TrainConfig)]
    for name in [name for change in changes for name in change]:
        if name not in names or name == "seed":
            raise ValueError(f"a change names {name!r}: give fields of TrainConfig, and seeds as `seeds`; "
                             f"known are {', '.join(names)}")
    jobs = {}
    for seed, change in itertools.product(seeds, changes):  # all changes of one seed, then of the next: pairs early
        job = _Job(replace(config, **change, seed=seed), change)
        for name, choices in NAMED.items():
            look_up(choices, getattr(job.config, name), name)
        jobs.setdefault(job.key, job)
    return list(jobs.values())


def own_record_path(begun: dict) -> Path:
    """The reader's file for this experiment: ``name.json``, or ``name-2.json`` … where that holds other settings.

    Of stand-in data it is ``name-stand-in.json``, so that the one on CIFAR always has the plain name.
    """
    stem = begun["experiment"] if begun["data"]["real"] else f"{begun['experiment']}-stand-in"
    for number in itertools.count(1):
        suffix = f"-{number}" if number > 1 else ""
        path = run_dir() / "records" / f"{stem}{suffix}.json"
        if not path.exists() or same_experiment(_read(path), begun):
            return path


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no record that can be read ({error}): move it away, then run again") from error


def _known_runs(begun: dict, own: Path) -> dict[tuple, dict]:
    """By key, the runs of the committed record and of the reader's own that need not be made again."""
    known = {}
    for path in (own, RECORDS / f"{begun['experiment']}.json"):
        record = _read(path) if path.exists() else begun
        for run in record["runs"] if same_experiment(record, begun) else []:
            if recipe_version(run) == RECIPE_VERSION and not run["status"].startswith("failed"):
                known[run_key(run)] = run
    return known


def add_run(path: Path, begun: dict, run: dict) -> None:
    """Write the reader's record with one run more; what another process has added meanwhile stays."""
    before = _read(path) if path.exists() else begun
    current = [old for old in before["runs"] if recipe_version(old) == RECIPE_VERSION]
    current = [old for old in current if run_key(old) != run_key(run)]
    write_record(merge_records(begun | {"created": before["created"], "runs": current}, begun | {"runs": [run]}), path)


def _run_all(jobs: list[_Job], train: ImageSet, val: ImageSet, workers: int | None) -> Iterator[dict]:
    """Make the runs and hand each one out as soon as it ends, in whatever order."""
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    tasks = (delayed(_run)(job, train.first(job.config.train_images), val) for job in jobs)
    own = _own_workers(len(jobs), workers)
    try:
        with parallel_config(**own) if own else contextlib.nullcontext():
            yield from Parallel(return_as="generator_unordered")(tasks)
    except TerminatedWorkerError as error:
        raise RuntimeError("a process that trained was ended from outside, as for want of memory. All finished runs "
                           "are kept: call `sweep` again to go on, with workers=1 if memory is short") from error


def _own_workers(count: int, workers: int | None) -> dict:
    """joblib's settings for processes of this machine; none where the caller has configured others.

    The cores' threads are divided among the processes, so that no two of them want the same core.
    """
    from joblib import cpu_count
    from joblib.parallel import get_active_backend

    backend, configured = get_active_backend()
    elsewhere = configured is not None or type(backend).__name__ != "LokyBackend"
    if workers is None and elsewhere:
        return {}
    usual = 1 if get_device().type != "cpu" else cpu_count()
    workers = min(workers or usual, count)
    threads = max(1, cpu_count() // workers) if workers > 1 else None
    return {"backend": "loky", "n_jobs": workers, "inner_max_num_threads": threads}


def _run(job: _Job, train: ImageSet, val: ImageSet) -> dict:
    """One run, wherever it is made; an error becomes its status."""
    try:
        run, *_ = run_seed(train, val, job.config, split="val", measured=len(val), curve_images=CURVE_IMAGES,
                           progress=False)
    except Exception as error:  # a sweep of hours must not end with one of its runs; the row says what happened
        run = {"seed": job.config.seed, "status": f"failed: {type(error).__name__}: {error}", "history": [],
               "final": {}, "seconds": 0.0, **describe_run(job.config)}
    run["final"].pop("train_loss", None)
    return plain(run | {"changes": job.changes})
