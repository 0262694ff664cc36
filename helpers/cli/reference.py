"""The reference runs: recipes trained on all images, seed after seed, and measured once on the test set."""

import itertools
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.analysis.predict import predict_logits
from helpers.data.cifar import load_cifar
from helpers.experiments.records import new_record, plain
from helpers.experiments.sweeps import add_run, own_record_path, run_seed
from helpers.paths import run_dir
from helpers.training.config import TrainConfig
from helpers.training.fit import DivergedError
from helpers.training.presets import get_preset

# The recipe of the reference run: the defaults, on 24-pixel images for the first 16 of its 24 epochs.
REFERENCE = TrainConfig(image_sizes=((0, 24), (16, 32)))


def choose_recipes(presets: list[str], label_smoothing: float | None = None) -> dict[str, TrainConfig]:
    """The recipes of these presets under the names of their records; another label smoothing is in the name."""
    recipes = {}
    for preset in presets:
        name, recipe = ("custom_resnet", REFERENCE) if preset == "best" else (preset, get_preset(preset))
        if label_smoothing is not None:
            name = f"{name}_label_smoothing_{label_smoothing:g}"
            recipe = replace(recipe, label_smoothing=label_smoothing)
        recipes[name] = recipe
    return recipes


def run_reference(recipes: dict[str, TrainConfig], seeds: list[int]) -> list[Path]:
    """Train each recipe with each seed on all training images, in turn, and open the test set after the last epoch.

    Adds to one reader's record per recipe, under its name, and writes the test logits of seed 0 beside it.
    ``tta_test_accuracy`` is with flips, and shifts of one pixel. Called again, it goes on where it stopped, with other
    seeds it adds theirs; `DivergedError` ends it.
    """
    paths = {}
    for seed, (name, recipe) in itertools.product(seeds, recipes.items()):
        paths[name] = _run_one(name, recipe, seed)
    return list(paths.values())


def _run_one(name: str, recipe: TrainConfig, seed: int) -> Path:
    """Train one recipe with one seed, and add the run to the reader's record; returns the record's file."""
    config = replace(recipe, seed=seed)
    train, test = (load_cifar(config.dataset, split) for split in ("train", "test"))
    record = plain(new_record(name, train, recipe, model=recipe.model, profile="full"))
    path = own_record_path(record)
    run, model, batches = run_seed(train, test, config, measured=10_000, progress=sys.stderr.isatty(),
                                   checkpoint=run_dir() / path.stem / f"seed_{seed}.pt", resume=True)
    if run["status"] != "finished":
        raise DivergedError(f"{name}, seed {seed}, {run['status']}")
    logits, labels = predict_logits(model, batches, flip=True, shift=1, precision=config.precision)
    run["final"]["tta_test_accuracy"] = (logits.argmax(1) == labels).float().mean().item()
    run["changes"] = {} if seed == recipe.seed else {"seed": seed}
    add_run(path, record, run)
    if seed == 0:
        logits, _ = predict_logits(model, batches, precision=config.precision)
        np.savez_compressed(path.with_name(f"{path.stem}_test_logits.npz"), logits=logits.numpy().astype(np.float16))
    return path
