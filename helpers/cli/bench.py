"""How fast the ways of training of this series run here, and how far each is from what the machine can do.

Each measurement is a process of its own, so that none inherits the memory or the warm caches of another, and the ways
take turns, so that a machine that slows down slows all of them.
"""

import multiprocessing
import statistics
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import torch
from torch.utils.data import DataLoader

from helpers.cli.reference import REFERENCE
from helpers.data.cifar import load_cifar
from helpers.data.image_set import ImageSet, channel_statistics
from helpers.data.loader import image_size_in, make_loaders
from helpers.data.per_image import AlbumentationsDataset, make_albumentations
from helpers.env import PRECISIONS, get_device, look_up, resolve_precision
from helpers.models.registry import make_model
from helpers.models.trace import count_macs
from helpers.training.config import TrainConfig
from helpers.training.fit import fit
from helpers.training.presets import get_preset

EPOCH = 50_000  # images
WAYS = {"plain way": TrainConfig(precision="float32", channels_last=False, micro_batch_size=512, keep_memory=False),
        "core recipe": REFERENCE, "straight port": get_preset("jordan"),
        "port, memory kept": replace(get_preset("jordan"), keep_memory=True), "fast recipe": get_preset("fast")}


def plain_loader(data: ImageSet, batch_size: int) -> DataLoader:
    """The loader of most tutorials: one image at a time through albumentations, collated by a ``DataLoader``."""
    transform = make_albumentations("crop_flip_cutout", *channel_statistics(data.images))
    return DataLoader(AlbumentationsDataset(data, transform), batch_size, shuffle=True)


def measure_ceiling(precision: str, device: torch.device, size: int = 2048, seconds: float = 2.0) -> float:
    """Operations per second of a matrix product (size, size) · (size, size): the median over `seconds`."""
    from torch.utils.benchmark import Timer  # here: its import prints where CUDA finds no GPU

    a, b = (torch.randn(size, size, device=device).to(PRECISIONS[precision] or torch.float32) for _ in range(2))
    timer = Timer("a @ b", globals={"a": a, "b": b}, num_threads=torch.get_num_threads())  # waits for the device
    return 2 * size**3 / timer.blocked_autorange(min_run_time=seconds).median


def epochs_by_size(config: TrainConfig) -> Counter:
    """How many epochs a recipe trains at each image size, in pixels."""
    return Counter(image_size_in(epoch, config.image_sizes, full=32) for epoch in range(config.num_epochs))


def peak_memory() -> float | None:
    """Largest memory of this process so far, in MB: on the GPU if there is one; None where it cannot be asked."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def measure(way: str, steps: int) -> dict:
    """One measurement of a way of `WAYS`: `steps` updates at each of its image sizes, after as many to warm up.

    Returns ``seconds_per_epoch`` (of 50,000 images, averaged over the recipe's epochs), ``images_per_second``,
    ``operations_per_image`` (two per multiply-accumulate, once forward and twice backward), ``fraction`` of the
    operations per second of a matrix product in the same precision, and ``peak_memory_mb``.
    """
    device, config, seconds, operations = get_device(), look_up(WAYS, way, "way"), 0.0, 0.0
    train = load_cifar("cifar10", "train")
    train = train.first(min(len(train), steps * config.batch_size))
    for size, epochs in epochs_by_size(config).items():
        recipe = replace(config, num_epochs=2, scheduler="constant", image_sizes=((0, size),))
        batches = plain_loader(train, recipe.batch_size) if way == "plain way" else make_loaders(
            train, None, recipe, device).train
        model, share = make_model(recipe.model), epochs / config.num_epochs
        operations += share * 6 * sum(count_macs(model, (3, size, size)).values())
        history = fit(model, (batches, None), recipe, device=device, progress=False)
        seconds += share * EPOCH / len(train) * history.last["seconds"]
    top = measure_ceiling(resolve_precision(config.precision, device), device)
    return {"seconds_per_epoch": seconds, "images_per_second": EPOCH / seconds, "operations_per_image": operations,
            "fraction": operations * EPOCH / seconds / top, "peak_memory_mb": peak_memory()}


def run_speed(*, steps: int = 3, repeats: int = 3) -> dict[str, list[dict]]:
    """All of `WAYS` in turn, `repeats` times, each in a process of its own."""
    if min(steps, repeats) < 1:
        raise ValueError(f"steps={steps}, repeats={repeats}: at least 1 each")
    found: dict[str, list[dict]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way, results in found.items():
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
                results.append(fresh.submit(measure, way, steps).result())
    return found


def speed_table(found: dict[str, list[dict]]) -> str:
    """Markdown: the medians over the repeats, with the smallest and largest seconds per epoch."""
    rows = ["| | seconds per epoch, median (min–max) | images per second | million operations per image "
            "| share of a matrix product | peak memory |", "|---|---|---|---|---|---|"]
    for way, runs in found.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0] if runs[0][key] is not None}
        memory = f"{middle['peak_memory_mb'] / 1e3:.1f} GB" if "peak_memory_mb" in middle else "–"
        low, high = (pick(run["seconds_per_epoch"] for run in runs) for pick in (min, max))
        rows.append(f"| {way} | {middle['seconds_per_epoch']:,.0f} ({low:,.0f}–{high:,.0f}) "
                    f"| {middle['images_per_second']:,.0f} | {middle['operations_per_image'] / 1e6:,.0f} "
                    f"| {middle['fraction']:.0%} | {memory} |")
    return "\n".join(rows)
