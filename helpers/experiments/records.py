"""Records: what a run measured, in one JSON file an experiment."""

import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from helpers.data.image_set import ImageSet
from helpers.env import device_name, get_device, get_profile, look_up, package_versions, resolve_precision
from helpers.paths import ROOT, run_dir, write_text
from helpers.training.checkpoints import to_plain_data
from helpers.training.config import RECIPE_VERSION, TrainConfig

RECORDS = ROOT / "figures" / "records"


def new_record(experiment: str, data: ImageSet, config: TrainConfig, **about) -> dict:
    """An empty record of an experiment on these training images, with device, versions and date filled in."""
    return {
        "experiment": experiment, "profile": get_profile(),
        "data": {"name": data.name, "real": data.real, "train_images": len(data)},
        "config": asdict(config), **about, "device": device_name(), "versions": package_versions(),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"), "runs": [],
    }


def describe_run(config: TrainConfig) -> dict:
    """What every run of a record says of its making: device, versions, precision as resolved, recipe version."""
    device = get_device()
    return {"device": device_name(device), "versions": package_versions(),
            "precision": resolve_precision(config.precision, device), "recipe_version": RECIPE_VERSION}


def recipe_version(run: dict) -> int:
    """The recipe version of a run; runs from before it was written down have version 1."""
    return run.get("recipe_version", 1)


def save_record(record: dict, *, reader: bool = True) -> Path:
    """Write a record, whole or not at all: ``runs/records/`` for a reader's run, else ``figures/records/``."""
    path = (run_dir() / "records" if reader else RECORDS) / f"{record['experiment']}.json"
    write_text(path, json.dumps(to_plain_data(record), indent=1) + "\n")
    return path


def load_record(experiment: str) -> dict:
    """The committed record of a reference run; an unknown name raises `ValueError` that lists the known."""
    records = {path.stem: path for path in RECORDS.glob("*.json")}
    return json.loads(look_up(records, experiment, "record").read_text(encoding="utf-8"))


def load_reference_logits(experiment: str = "custom_resnet") -> np.ndarray:
    """Logits (10000, classes), float32, that the reference model of seed 0 gave the test set, in its order."""
    with np.load(RECORDS / f"{experiment}_test_logits.npz") as file:
        return file["logits"].astype(np.float32)
