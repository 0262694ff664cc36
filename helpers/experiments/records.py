"""Records: what a run measured, in one JSON file per experiment."""

import json
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd

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


def device_of(run: dict, record: dict) -> str:
    """The device that a run was made on; of runs from before each said so, the record's."""
    return (run.get("device") or record["device"]).replace("1 threads", "1 thread")  # as older records say


def plain(value):
    """A value as it comes back from a JSON file: tuples are lists, NumPy's numbers are Python's."""
    return json.loads(json.dumps(to_plain_data(value)))


def run_key(run: dict) -> tuple[int, str]:
    """What tells the runs of one experiment apart: the seed, and what was changed."""
    return run["seed"], json.dumps(plain(run["changes"]), sort_keys=True)


def same_experiment(record: dict, other: dict) -> bool:
    """Whether two records are of one experiment: the same name, images and configuration, their seeds apart.

    A field of `TrainConfig` that an older record does not have counts as left at its default.
    """
    if any(record[key] != plain(other[key]) for key in ("experiment", "data")):
        return False
    return _settings(record) == _settings(other)


def _settings(record: dict) -> dict:
    defaults = plain(asdict(TrainConfig()))
    return defaults | plain(record["config"]) | {"seed": 0}


def merge_records(first: dict, *others: dict) -> dict:
    """One record of all runs, for example of a class: those of `first`, then what the others have besides.

    Runs are keyed by seed and changes; of two with one key, the one that comes first stays.

    Raises
    ------
    ValueError
        For records of different experiments, images or configurations, naming what differs.
    """
    runs = {run_key(run): run for run in first["runs"]}
    for other in others:
        if not same_experiment(first, other):
            raise ValueError(f"these records do not measure the same thing: {_first_difference(first, other)}")
        for run in other["runs"]:
            runs.setdefault(run_key(run), run)
    return {**first, "runs": list(runs.values())}


def _first_difference(first: dict, other: dict) -> str:
    for key in ("experiment", "data"):
        if plain(first[key]) != plain(other[key]):
            return f"{key} is {first[key]!r} in one, {other[key]!r} in the other"
    ours, theirs = _settings(first), _settings(other)
    name = next(name for name in ours | theirs if ours.get(name) != theirs.get(name))
    return f"{name} is {ours.get(name)!r} in one, {theirs.get(name)!r} in the other"


def runs_of(record: dict, changes: dict) -> list[dict]:
    """The runs of these changes, whatever their seed; `ValueError` names the known if there are none."""
    found = [run for run in record["runs"] if without_seed(run["changes"]) == plain(changes)]
    if not found:
        known = [str(each) for each in {str(run["changes"]): run["changes"] for run in record["runs"]}.values()]
        raise ValueError(f"no run of {changes} in {record['experiment']!r}: it has {', '.join(known) or 'none'}")
    return found


def without_seed(changes: dict) -> dict:
    """Changes as a JSON file holds them, the seed left out."""
    return {name: value for name, value in plain(changes).items() if name != "seed"}


def of_seeds(record: dict, seeds) -> dict:
    """The record with the runs of these seeds alone, for example those that judge what others have tuned."""
    return {**record, "runs": [run for run in record["runs"] if run["seed"] in seeds]}


def curves_of(record: dict, changes: dict, metric: str = "val_accuracy") -> tuple[list[int], np.ndarray]:
    """What the runs of these changes measured after each epoch, as `plot_bands` draws it.

    Returns
    -------
    epochs : list of int
        Counted from 1.
    values : array (seeds, epochs)
        Of the finished runs, by seed; `ValueError` if none has finished.
    """
    finished = sorted((run for run in runs_of(record, changes) if run["status"] == "finished"),
                      key=lambda run: run["seed"])
    if not finished:
        raise ValueError(f"no run of {changes} in {record['experiment']!r} has finished: there is no curve")
    values = np.array([[row[metric] for row in run["history"]] for run in finished])
    return list(range(1, values.shape[1] + 1)), values


def settings_of(record: dict) -> list[dict]:
    """The changes that the runs of a record were made with, each once, in order; the seed is no setting."""
    found = {run_key({"seed": 0, "changes": without_seed(run["changes"])}): without_seed(run["changes"])
             for run in record["runs"]}
    return list(found.values())


def table(record: dict) -> pd.DataFrame:
    """One row per run: seed, each changed field, status, what was measured at the end, and seconds.

    A field that a run leaves alone shows the value of the configuration. Where training and validation accuracy were
    both measured, their difference is the column ``generalization_gap``. Accuracies are fractions.
    """
    changed = list(dict.fromkeys(name for run in record["runs"] for name in run["changes"] if name != "seed"))
    rows = [_row(record["config"], run, changed) for run in record["runs"]]
    return pd.DataFrame(rows, columns=None if rows else ["seed", "status", "seconds"])


def _row(config: dict, run: dict, changed: list[str]) -> dict:
    settings = {name: plain(run["changes"].get(name, config.get(name))) for name in changed}
    settings = {name: str(value) if isinstance(value, list) else value for name, value in settings.items()}
    final = run["final"]
    row = {"seed": run["seed"], **settings, "status": run["status"], **final}
    if "train_accuracy" in final and "val_accuracy" in final:
        row["generalization_gap"] = final["train_accuracy"] - final["val_accuracy"]
    return row | {"seconds": run["seconds"]}


def save_record(record: dict, *, reader: bool = True) -> Path:
    """Write a record, whole or not at all: ``runs/records/`` for a reader's run, else ``figures/records/``."""
    path = (run_dir() / "records" if reader else RECORDS) / f"{record['experiment']}.json"
    return write_record(record, path)


def write_record(record: dict, path: Path) -> Path:
    """Write a record to this file, whole or not at all."""
    write_text(path, json.dumps(to_plain_data(record), indent=1) + "\n")
    return path


def load_record(experiment: str) -> dict:
    """The committed record of a reference run; an unknown name raises `ValueError` that lists the known."""
    records = {path.stem: path for path in RECORDS.glob("*.json")}
    return json.loads(look_up(records, experiment, "record").read_text(encoding="utf-8"))


def load_reference_logits(experiment: str = "custom_resnet") -> np.ndarray:
    """Logits (10000, classes), float32, that the reference model of seed 0 gave the test set, in its order.

    Few records have them; a name without raises `ValueError` that lists those.
    """
    ending = "_test_logits.npz"
    files = {path.name.removesuffix(ending): path for path in RECORDS.glob(f"*{ending}")}
    wanted = f"file {RECORDS.name}/{experiment}{ending} of record"
    with np.load(look_up(files, experiment, wanted)) as file:
        return file["logits"].astype(np.float32)
