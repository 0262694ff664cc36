"""The reference runs, and the README's results table from the committed records."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.data import load_cifar
from helpers.experiments import RECORDS, load_record, new_record, run_seed, save_record
from helpers.predict import predict_logits
from helpers.runs import run_dir
from helpers.train import DivergedError, TrainConfig

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
