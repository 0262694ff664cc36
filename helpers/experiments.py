"""Records: what a run measured, in one JSON file an experiment."""

import json
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from torch import nn

from helpers.data import ImageSet
from helpers.env import device_name, get_device, get_profile, look_up, package_versions, seed_everything
from helpers.loader import MemoryLoader, make_loaders
from helpers.models import make_model
from helpers.runs import ROOT, run_dir, write_text
from helpers.train import DivergedError, TrainConfig, evaluate, fit

RECORDS = ROOT / "figures" / "records"


def new_record(experiment: str, data: ImageSet, config: TrainConfig, **about) -> dict:
    """An empty record of an experiment on these training images, with device, versions and date filled in."""
    return {
        "experiment": experiment, "profile": get_profile(),
        "data": {"name": data.name, "real": data.real, "train_images": len(data)},
        "config": asdict(config), **about, "device": device_name(), "versions": package_versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"), "runs": [],
    }


def save_record(record: dict, *, reader: bool = True) -> Path:
    """Write a record, whole or not at all: ``runs/records/`` for a reader's run, else ``figures/records/``."""
    path = (run_dir() / "records" if reader else RECORDS) / f"{record['experiment']}.json"
    write_text(path, json.dumps(record, indent=1) + "\n")
    return path


def load_record(experiment: str) -> dict:
    """The committed record of a reference run; an unknown name raises `ValueError` that lists the known."""
    records = {path.stem: path for path in RECORDS.glob("*.json")}
    return json.loads(look_up(records, experiment, "record").read_text())


def load_reference_logits(experiment: str = "custom_resnet") -> np.ndarray:
    """Logits (10000, classes), float32, that the reference model of seed 0 gave the test set, in its order."""
    with np.load(RECORDS / f"{experiment}_test_logits.npz") as file:
        return file["logits"].astype(np.float32)


def run_seed(train: ImageSet, other: ImageSet, config: TrainConfig, *, split: str = "test", measured: int = 0,
             **options) -> tuple[dict, nn.Module, MemoryLoader]:
    """Train with the options of `fit`, then open `other` once, after the last epoch: an entry of a record's ``runs``.

    ``final`` holds accuracy and loss on `other`, named after `split`, and on `measured` (0 for all) un-augmented
    training images. Also returns the model and the batches of `other`. A diverged run is marked, Ctrl-C raised again.
    """
    train, device = train.first(config.train_images), get_device()
    seed_everything(config.seed)
    model = make_model(config.model, num_classes=train.num_classes)
    loaders = make_loaders(train, other, config, device)
    run = {"seed": config.seed, "changes": {}, "status": "finished", "history": [], "final": {}, "seconds": 0.0}
    try:
        history = fit(model, (loaders.train, None), config, device=device, **options)
    except DivergedError as error:
        return run | {"status": f"diverged: {error}"}, model, loaders.val
    if history.stopped:
        raise KeyboardInterrupt(history.stopped)
    plain = MemoryLoader(train.first(min(measured, len(train))).to(device), 1000, statistics=loaders.val.statistics)
    results = {part: evaluate(model, batches, precision=config.precision)
               for part, batches in ((split, loaders.val), ("train", plain))}
    final = {f"{part}_{key}": result[key] for part, result in results.items() for key in ("accuracy", "loss")}
    run |= {"history": history.epochs, "final": final, "seconds": sum(history.column("seconds"))}
    return run, model, loaders.val


def compare(experiment: str, train: ImageSet, val: ImageSet, config: TrainConfig, changes: list[dict], *,
            seeds=(0,), progress: bool = False) -> dict:
    """Train each change of a configuration with each seed; finished ones are read from the reader's record.

    `changes` are fields of `TrainConfig` that differ from `config`, one dict a run; ``{}`` is `config` itself.
    Returns the record, also written to ``runs/records/`` after every run, a diverged one too. In ``final``:
    ``val_accuracy``, ``val_loss``, and ``train_accuracy`` on as many un-augmented training images.
    """
    path = run_dir() / "records" / f"{experiment}.json"
    record, changes = json.loads(json.dumps([new_record(experiment, train, config), changes]))  # tuples become lists
    record["data"]["val_images"] = len(val)
    if path.exists():
        old = json.loads(path.read_text())
        if all(old.get(key) == record[key] for key in ("config", "data", "device", "versions")):
            record["runs"] = old["runs"]
    for change in changes:
        for seed in seeds:
            if not any((run["seed"], run["changes"]) == (seed, change) for run in record["runs"]):
                run, *_ = run_seed(train, val, replace(config, **change, seed=seed), split="val", measured=len(val),
                                   progress=progress)
                run["final"].pop("train_loss", None)
                record["runs"].append(run | {"changes": change})
                save_record(record)
    return record
