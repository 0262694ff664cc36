"""Runs of many configurations and seeds: each is trained, measured and recorded once."""

import json
from dataclasses import replace

from torch import nn

from helpers.data.image_set import ImageSet
from helpers.data.loader import MemoryLoader, make_loaders
from helpers.env import get_device, seed_everything
from helpers.experiments.records import describe_run, new_record, recipe_version, save_record
from helpers.models.registry import make_model
from helpers.paths import run_dir
from helpers.training.checkpoints import to_plain_data
from helpers.training.config import RECIPE_VERSION, TrainConfig
from helpers.training.fit import DivergedError, evaluate, fit


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
    run = {"seed": config.seed, "changes": {}, "status": "finished", "history": [], "final": {}, "seconds": 0.0,
           **describe_run(config)}
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
    begun = to_plain_data([new_record(experiment, train, config), changes])
    record, changes = json.loads(json.dumps(begun))  # tuples become lists
    record["data"]["val_images"] = len(val)
    if path.exists():
        old = json.loads(path.read_text(encoding="utf-8"))
        if all(old.get(key) == record[key] for key in ("config", "data", "device", "versions")):
            record["runs"] = [run for run in old["runs"] if recipe_version(run) == RECIPE_VERSION]
    for change in changes:
        for seed in seeds:
            if not any((run["seed"], run["changes"]) == (seed, change) for run in record["runs"]):
                run, *_ = run_seed(train, val, replace(config, **change, seed=seed), split="val", measured=len(val),
                                   progress=progress)
                run["final"].pop("train_loss", None)
                record["runs"].append(run | {"changes": change})
                save_record(record)
    return record
