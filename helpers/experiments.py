"""Records: what a run measured, in one JSON file an experiment, and the results table written from them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from torch import nn

from helpers.data import ImageSet, load_cifar
from helpers.env import device_name, get_device, get_profile, package_versions, seed_everything
from helpers.loader import MemoryLoader, make_loaders
from helpers.models import make_model
from helpers.predict import predict_logits
from helpers.runs import ROOT, run_dir, write_text
from helpers.train import DivergedError, TrainConfig, evaluate, fit

RECORDS = ROOT / "figures" / "records"

# The recipe of the reference run: the defaults, on 24-pixel images for the first 16 of its 24 epochs.
REFERENCE = TrainConfig(image_sizes=((0, 24), (16, 32)))


def new_record(experiment: str, data: ImageSet, config: TrainConfig, **about) -> dict:
    """An empty record of an experiment on these training images, with device, versions and date filled in."""
    return {
        "experiment": experiment, "profile": get_profile(),
        "data": {"name": data.name, "real": data.real, "train_images": len(data)},
        "config": asdict(config), **about,
        "device": device_name(), "versions": package_versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"), "runs": [],
    }


def save_record(record: dict, *, reader: bool = True) -> Path:
    """Write a record, whole or not at all: ``runs/records/`` for a reader's run, else ``figures/records/``."""
    path = (run_dir() / "records" if reader else RECORDS) / f"{record['experiment']}.json"
    write_text(path, json.dumps(record, indent=1) + "\n")
    return path


def load_record(experiment: str) -> dict:
    """The committed record of a reference run; `FileNotFoundError` lists the experiments there are."""
    path = RECORDS / f"{experiment}.json"
    if not path.exists():
        known = sorted(p.stem for p in RECORDS.glob("*.json"))
        raise FileNotFoundError(f"no record {experiment!r} in figures/records: there are {known}")
    return json.loads(path.read_text())


def load_reference_logits(experiment: str = "custom_resnet") -> np.ndarray:
    """Logits (10000, classes), float32, that the reference model of seed 0 gave the test set, in its order."""
    with np.load(RECORDS / f"{experiment}_test_logits.npz") as file:
        return file["logits"].astype(np.float32)


def run_seed(train: ImageSet, other: ImageSet, config: TrainConfig, *, split: str = "test", measured: int = 0,
             **options) -> tuple[dict, nn.Module, MemoryLoader]:
    """Train with the options of `fit`, then open `other` once, after the last epoch: an entry of a record's ``runs``.

    ``final`` holds accuracy and loss on `other`, named after `split`, and on `measured` (0 for all) un-augmented
    training images. Also returns the model and the batches of `other`. A diverged run is marked; after Ctrl-C,
    `KeyboardInterrupt` is raised.
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
    results = {split: evaluate(model, loaders.val), "train": evaluate(model, plain)}
    final = {f"{part}_{key}": result[key] for part, result in results.items() for key in ("accuracy", "loss")}
    run |= {"history": history.epochs, "final": final, "seconds": sum(history.column("seconds"))}
    return run, model, loaders.val


def compare(experiment: str, train: ImageSet, val: ImageSet, config: TrainConfig, changes: list[dict], *,
            seeds=(0,), progress: bool = False) -> dict:
    """Train each change of a configuration with each seed; finished ones are read from the reader's record.

    `changes` are fields of `TrainConfig` that differ from `config`, one dict a run; ``{}`` is `config` itself.
    Returns the record, also written to ``runs/records/`` after every run. In ``final``: ``val_accuracy``, ``val_loss``,
    and ``train_accuracy`` on as many un-augmented training images. A diverged run stays in it, marked.
    """
    path = run_dir() / "records" / f"{experiment}.json"
    record = _plain(new_record(experiment, train, config))
    record["data"]["val_images"] = len(val)
    if path.exists():
        old = json.loads(path.read_text())
        if all(old.get(key) == record[key] for key in ("config", "data", "device", "versions")):
            record["runs"] = old["runs"]
    for change in map(_plain, changes):
        for seed in seeds:
            if not any((run["seed"], run["changes"]) == (seed, change) for run in record["runs"]):
                run, *_ = run_seed(train, val, replace(config, **change, seed=seed), split="val", measured=len(val),
                                   progress=progress)
                run["final"].pop("train_loss", None)
                record["runs"].append(run | {"changes": change})
                save_record(record)
    return record


def _plain(value):
    """As JSON would return it: lists for tuples."""
    return json.loads(json.dumps(value))


def run_reference(recipes: dict[str, TrainConfig], seeds: list[int]) -> list[Path]:
    """Train each recipe with each seed on all training images, in turn, and open the test set after the last epoch.

    Writes one reader's record a recipe, under its name, and the test logits of the first seed. ``tta_test_accuracy`` is
    with test-time augmentation: flips, and shifts of one pixel. Called again, it goes on where it stopped.
    """
    records, paths = {}, {}
    for seed in seeds:
        for name, recipe in recipes.items():
            config = replace(recipe, seed=seed)
            train, test = (load_cifar(config.dataset, split) for split in ("train", "test"))
            record = records.setdefault(name, new_record(name, train, recipe, model=recipe.model, profile="full"))
            run, model, batches = run_seed(train, test, config, checkpoint=run_dir() / name / f"seed_{seed}.pt",
                                           resume=True)
            logits, labels = predict_logits(model, batches, flip=True, shift=1)
            run["final"]["tta_test_accuracy"] = (logits.argmax(1) == labels).float().mean().item()
            record["runs"].append(run | {"changes": {} if seed == recipe.seed else {"seed": seed}})
            paths[name] = save_record(record)
            if seed == seeds[0]:
                logits = predict_logits(model, batches)[0].numpy().astype(np.float16)
                np.savez_compressed(paths[name].with_name(f"{name}_test_logits.npz"), logits=logits)
    return list(paths.values())


def results_table() -> str:
    """A Markdown table with one row a committed record of training: mean test accuracy, n, time, device."""
    rows = ["| experiment | data | test accuracy, last epoch | with flips and shifts | n seeds | minutes a run "
            "| device |", "|---|---|---|---|---|---|---|"]
    for path in sorted(RECORDS.glob("*.json")):
        record = load_record(path.stem)
        runs = [r for r in record["runs"] if r.get("status") == "finished" and "test_accuracy" in r["final"]]
        if runs:
            accuracies = [_mean_and_spread([r["final"].get(name) for r in runs])
                          for name in ("test_accuracy", "tta_test_accuracy")]
            minutes = np.mean([r["seconds"] for r in runs]) / 60
            data = f"{record['data']['name']}, {record['data']['train_images']:,} images"
            rows.append(f"| {record['experiment']} | {data} | {' | '.join(accuracies)} | {len(runs)} | {minutes:.0f} "
                        f"| {record['device']} |")
    return "\n".join(rows)


def _mean_and_spread(values: list) -> str:
    """``94.01% ± 0.12% (s.d.)``, or without a spread for one value; a dash for what was not measured."""
    if None in values:
        return "–"
    return f"{np.mean(values):.2%}" + (f" ± {np.std(values, ddof=1):.2%} (s.d.)" if len(values) > 1 else "")


def write_between(text: str, name: str, content: str) -> str:
    """Replace what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``."""
    pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
    text, found = re.subn(pattern, lambda m: f"{m[1]}{content}\n{m[2]}", text, flags=re.S)
    if not found:
        raise ValueError(f"README.md has no <!-- {name}:begin --> … <!-- {name}:end --> to write between")
    return text
