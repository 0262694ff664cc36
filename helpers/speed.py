"""How fast four ways of training are here, and how far from what the machine can do at all.

Each measurement is a process of its own, so that none inherits the memory or the warm caches of another, and the
ways take turns, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from helpers.bench import _FirstBatches, plain_loader
from helpers.config import TrainConfig
from helpers.data import load_cifar
from helpers.env import get_device, resolve_precision
from helpers.experiments import REFERENCE
from helpers.loader import make_loaders
from helpers.models import count_macs, make_model
from helpers.presets import get_preset
from helpers.train import fit

EPOCH = 50_000  # images
PLAIN = TrainConfig(num_epochs=24, precision="float32", channels_last=False, micro_batch_size=512)
WAYS = {"plain way": PLAIN, "core recipe": REFERENCE, "Jordan's recipe": get_preset("jordan"),
        "fast recipe": get_preset("fast")}


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def ceiling(precision: str, device: torch.device, size: int = 2048, seconds: float = 2.0) -> float:
    """Operations per second of a matrix product (size, size) · (size, size): the median over `seconds`."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    rates, begun = [], time.perf_counter()
    while len(rates) < 4 or time.perf_counter() - begun < seconds:
        _synchronize()
        started = time.perf_counter()
        a @ b
        _synchronize()
        rates.append(2 * size**3 / (time.perf_counter() - started))
    return statistics.median(rates[1:])


def size_shares(config: TrainConfig) -> dict[int, float]:
    """Which share of the epochs is trained at which image size, in pixels."""
    sizes = config.image_sizes
    if not sizes or sizes[0][0] > 0:
        sizes = ((0, 32), *sizes)
    shares: dict[int, float] = {}
    for (first, size), end in zip(sizes, [*(first for first, _ in sizes[1:]), config.num_epochs], strict=True):
        shares[size] = shares.get(size, 0.0) + (end - first) / config.num_epochs
    return shares


def peak_memory() -> float:
    """Largest memory of this process so far, in MB: on the GPU if there is one."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure(way: str, steps: int) -> dict:
    """One measurement of a way of `WAYS`, from a few updates at each of its image sizes.

    Returns
    -------
    dict
        ``images_per_second``, ``seconds_per_epoch`` (of 50,000 images, averaged over the run's image sizes),
        ``operations_per_image`` (two for a multiply-accumulate, forward once and backward twice),
        ``ceiling`` (operations per second of a matrix product in the same precision), ``fraction`` of it that was
        reached, and ``peak_memory_mb``.
    """
    if way not in WAYS:
        raise ValueError(f"unknown way {way!r}: choose from {sorted(WAYS)}")
    device, config, seconds, operations = get_device(), WAYS[way], 0.0, 0.0
    train = load_cifar("cifar10", "train")
    for size, share in size_shares(config).items():
        recipe = replace(config, num_epochs=2, scheduler="constant", image_sizes=((0, size),) if size < 32 else ())
        source = plain_loader(train, recipe.batch_size) if way == "plain way" else make_loaders(
            train, None, recipe, device).train
        model = make_model(recipe.model)
        macs = sum(count_macs(model, (3, size, size)).values())
        history = fit(model, (_FirstBatches(source, steps), None), recipe, device=device, progress=False)
        rate = steps * recipe.batch_size / history.last["seconds"]  # of the second epoch: the first warms up
        seconds += share * EPOCH / rate
        operations += share * 6 * macs
    top = ceiling(resolve_precision(config.precision, device), device)
    return {"images_per_second": EPOCH / seconds, "seconds_per_epoch": seconds, "operations_per_image": operations,
            "ceiling": top, "fraction": operations * EPOCH / seconds / top, "peak_memory_mb": peak_memory()}


def run_speed(*, steps: int = 3, repeats: int = 3) -> dict[str, list[dict]]:
    """All of `WAYS` in turn, `repeats` times, each in a process of its own."""
    found: dict[str, list[dict]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way in WAYS:
            command = [sys.executable, "-m", "helpers.speed", way, str(steps)]
            done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
            if done.returncode:
                raise ValueError(f"measuring the {way} failed: {done.stderr.strip().splitlines()[-1]}")
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    return found


def speed_table(found: dict[str, list[dict]]) -> str:
    """Markdown: medians, with the smallest and largest seconds per epoch."""
    rows = ["| | seconds an epoch, median (min–max) | images a second | million operations an image "
            "| share of the ceiling | peak memory |", "|---|---|---|---|---|---|"]
    for way, runs in found.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        low, high = (pick(run["seconds_per_epoch"] for run in runs) for pick in (min, max))
        rows.append(f"| {way} | {middle['seconds_per_epoch']:.0f} ({low:.0f}–{high:.0f}) "
                    f"| {middle['images_per_second']:,.0f} | {middle['operations_per_image'] / 1e6:,.0f} "
                    f"| {middle['fraction']:.0%} | {middle['peak_memory_mb'] / 1e3:.1f} GB |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
