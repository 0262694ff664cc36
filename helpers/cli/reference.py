"""The reference runs: recipes trained on all images, seed after seed, and measured once on the test set."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.analysis.predict import predict_logits
from helpers.data.cifar import load_cifar
from helpers.experiments.records import new_record, save_record
from helpers.experiments.sweeps import run_seed
from helpers.paths import run_dir
from helpers.training.config import TrainConfig
from helpers.training.fit import DivergedError

# The recipe of the reference run: the defaults, on 24-pixel images for the first 16 of its 24 epochs.
REFERENCE = TrainConfig(image_sizes=((0, 24), (16, 32)))


def run_reference(recipes: dict[str, TrainConfig], seeds: list[int]) -> list[Path]:
    """Train each recipe with each seed on all training images, in turn, and open the test set after the last epoch.

    Writes one reader's record a recipe, under its name, and the test logits of the first seed. ``tta_test_accuracy`` is
    with flips, and shifts of one pixel. Called again, it goes on where it stopped; `DivergedError` ends it.
    """
    records, paths = {}, {}
    for seed in seeds:
        for name, recipe in recipes.items():
            config = replace(recipe, seed=seed)
            train, test = (load_cifar(config.dataset, split) for split in ("train", "test"))
            record = records.setdefault(name, new_record(name, train, recipe, model=recipe.model, profile="full"))
            run, model, batches = run_seed(train, test, config, measured=10_000, progress=sys.stderr.isatty(),
                                           checkpoint=run_dir() / name / f"seed_{seed}.pt", resume=True)
            if run["status"] != "finished":
                raise DivergedError(f"{name}, seed {seed}, {run['status']}")
            logits, labels = predict_logits(model, batches, flip=True, shift=1, precision=config.precision)
            run["final"]["tta_test_accuracy"] = (logits.argmax(1) == labels).float().mean().item()
            record["runs"].append(run | {"changes": {} if seed == recipe.seed else {"seed": seed}})
            paths[name] = save_record(record)
            if seed == seeds[0]:
                logits = predict_logits(model, batches, precision=config.precision)[0].numpy().astype(np.float16)
                np.savez_compressed(paths[name].with_name(f"{name}_test_logits.npz"), logits=logits)
    return list(paths.values())
