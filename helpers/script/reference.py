"""The reference run, and the README's results table from the committed records."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers.data import load_cifar
from helpers.experiments import RECORDS, load_record, new_record, run_seed, save_record
from helpers.predict import predict_logits
from helpers.runs import run_dir
from helpers.train import TrainConfig

# The recipe of the reference run: the defaults, on 24-pixel images for the first 16 of its 24 epochs.
REFERENCE = TrainConfig(image_sizes=((0, 24), (16, 32)))


def run_reference(seeds: list[int], config: TrainConfig = REFERENCE, experiment: str = "custom_resnet") -> Path:
    """Train the reference recipe once a seed on all training images and write the reader's record."""
    train, test = load_cifar("cifar10", "train"), load_cifar("cifar10", "test")
    record = new_record(experiment, train, config, model="custom_resnet", profile="full")
    for seed in seeds:
        checkpoint = run_dir() / experiment / f"seed_{seed}.pt"
        run, model, batches = run_seed(train, test, replace(config, seed=seed), checkpoint=checkpoint, resume=True)
        record["runs"].append(run | {"changes": {} if seed == config.seed else {"seed": seed}})
        path = save_record(record)
        if seed == seeds[0]:
            logits = predict_logits(model, batches)[0].numpy().astype(np.float16)
            np.savez_compressed(path.with_name(f"{experiment}_test_logits.npz"), logits=logits)
    return path


def results_table() -> str:
    """A Markdown table with one row a committed record of training: mean test accuracy, n, time, device."""
    rows = ["| experiment | data | test accuracy, last epoch | n seeds | minutes a run | device |",
            "|---|---|---|---|---|---|"]
    for path in sorted(RECORDS.glob("*.json")):
        record = load_record(path.stem)
        runs = [r for r in record["runs"] if r.get("status") == "finished" and "test_accuracy" in r["final"]]
        if not runs:
            continue
        accuracy = np.array([r["final"]["test_accuracy"] for r in runs])
        spread = f" ± {accuracy.std(ddof=1):.2%} (s.d.)" if len(runs) > 1 else ""
        minutes = np.mean([r["seconds"] for r in runs]) / 60
        data = f"{record['data']['name']}, {record['data']['train_images']:,} images"
        rows.append(f"| {record['experiment']} | {data} | {accuracy.mean():.2%}{spread} | {len(runs)} "
                    f"| {minutes:.0f} | {record['device']} |")
    return "\n".join(rows)


def write_between(text: str, name: str, content: str) -> str:
    """Replace what stands between ``<!-- name:begin -->`` and ``<!-- name:end -->``."""
    pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
    text, found = re.subn(pattern, lambda m: f"{m[1]}{content}\n{m[2]}", text, flags=re.S)
    if not found:
        raise ValueError(f"README.md has no <!-- {name}:begin --> … <!-- {name}:end --> to write between")
    return text
