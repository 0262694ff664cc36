"""What a sweep will cost, said before it begins: from a few updates, timed on this machine."""

from __future__ import annotations

import time

import torch

from helpers.data.image_set import ImageSet
from helpers.data.loader import make_loaders
from helpers.env import get_device
from helpers.models.registry import make_model
from helpers.training.config import TrainConfig
from helpers.training.engine import Engine


def describe_cost(configs: list[TrainConfig], there: int, train: ImageSet) -> str:
    """How many runs there are to make, how long they will take here one after the other, how many are `there`."""
    paces = {}
    seconds = 0.0
    for config in configs:
        kind = config.model, config.batch_size
        if not paces.get(kind):
            paces[kind] = _pace_if_it_trains(config, train)
        seconds += paces[kind] * megapixels(config, train)
    time_needed = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
    return f"{len(configs)} runs, about {time_needed} here, {there} already there"


def _pace_if_it_trains(config: TrainConfig, train: ImageSet) -> float:
    """`seconds_per_megapixel`, or 0 for what cannot be trained: its run ends at once, and its status says why."""
    try:
        return seconds_per_megapixel(config, train)
    except Exception:  # an estimate must not end a sweep that would get over the same error in the run
        return 0.0


def megapixels(config: TrainConfig, train: ImageSet) -> float:
    """Millions of pixels that a run trains on, all epochs together."""
    count = config.train_images or len(train)
    sides = []
    for epoch in range(config.num_epochs):
        sizes = [size for first, size in config.image_sizes if first <= epoch]
        sides.append(sizes[-1] if sizes else train.images.shape[-1])
    return sum(count * side**2 for side in sides) / 1e6


def seconds_per_megapixel(config: TrainConfig, train: ImageSet) -> float:
    """The quickest of eight updates of a fresh model; the first ones warm up. The global random numbers stay."""
    few = train.first(min(len(train), 8 * config.batch_size))
    with torch.random.fork_rng():
        model = make_model(config.model, num_classes=few.num_classes)
        batches = make_loaders(few, None, config, get_device()).train
        engine = Engine(model, config, 100, get_device())
        paces = [_pace(engine, images, labels) for images, labels in batches]
    return min(paces)


def _pace(engine: Engine, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Seconds of one update per million pixels."""
    started = time.perf_counter()
    loss, _ = engine.step(images, labels)
    loss.item()  # waits until a GPU has done it
    pixels = images.shape[0] * images.shape[-2] * images.shape[-1]
    return (time.perf_counter() - started) / pixels * 1e6
