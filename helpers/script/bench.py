"""What the in-memory loader and low precision are worth: measured beside the plain way, in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch.utils.data import DataLoader

from helpers.augment import AlbumentationsDataset, make_albumentations, seed_worker
from helpers.data import ImageSet, channel_statistics
from helpers.env import get_device
from helpers.loader import make_loaders
from helpers.models import CustomResNet
from helpers.train import TrainConfig, fit


class _FirstBatches:
    """The first `count` batches of a loader, with a length, so that `fit` takes it for an epoch."""

    def __init__(self, batches: Iterable, count: int):
        self.batches, self.count = batches, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self):
        for _, batch in zip(range(self.count), self.batches, strict=False):
            yield batch


def plain_loader(data: ImageSet, batch_size: int, num_workers: int = 0) -> DataLoader:
    """The loader of most tutorials: one image at a time through albumentations, collated by a ``DataLoader``."""
    transform = make_albumentations("crop_flip_cutout", *channel_statistics(data.images))
    return DataLoader(AlbumentationsDataset(data, transform), batch_size, shuffle=True, num_workers=num_workers,
                      worker_init_fn=seed_worker)


def plain_steps(batches, config: TrainConfig, device: torch.device) -> None:
    """The loop of most tutorials: float32, NCHW, ``loss.item()`` after every step."""
    model = CustomResNet().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    for images, labels in batches:
        optimizer.zero_grad()
        loss = criterion(model(images.to(device)), labels.to(device))
        loss.backward()
        optimizer.step()
        loss.item()


def _rate(run: Callable[[], None], images: int) -> float:
    """Images per second of one call; the device is synchronized before the clock is read."""
    started = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return images / (time.perf_counter() - started)


def run_bench(train: ImageSet, *, steps: int = 4, repeats: int = 3, batch_size: int = 512) -> dict[str, list[float]]:
    """Images per second of four things, `repeats` times in turn so that a drifting machine hurts all alike.

    Returns
    -------
    dict
        ``"augment, plain"`` (2,000 images), ``"augment, ours"`` (all images), ``"train, plain"`` and
        ``"train, ours"`` (`steps` updates of `CustomResNet` at `batch_size`), each a list of rates. The first
        call of each is a warm-up and is not counted.
    """
    device, config = get_device(), TrainConfig(num_epochs=1, batch_size=batch_size, scheduler="constant", max_lr=0.01)
    ours = make_loaders(train, None, config, device).train
    few = train.subset(torch.arange(min(2000, len(train))))
    plain = plain_loader(train, batch_size)
    count = min(steps, len(ours))

    def exhaust(batches) -> None:
        for _ in batches:
            pass

    tasks = {
        "augment, plain": (lambda: exhaust(plain_loader(few, batch_size)), len(few)),
        "augment, ours": (lambda: exhaust(ours), len(train)),
        "train, plain": (lambda: plain_steps(_FirstBatches(plain, count), config, device), count * batch_size),
        "train, ours": (lambda: fit(CustomResNet(), (_FirstBatches(ours, count), None), config, device=device,
                                    progress=False), count * batch_size),
    }
    rates: dict[str, list[float]] = {name: [] for name in tasks}
    for repeat in range(repeats + 1):
        for name, (task, images) in tasks.items():
            rate = _rate(task, min(images, len(train)))
            if repeat:
                rates[name].append(rate)
    return rates


def bench_table(rates: dict[str, list[float]]) -> str:
    """Markdown: median images per second of the plain way and ours, and the ratio of the medians."""
    rows = ["| images per second, median (min–max) | plain way | this series | ratio |", "|---|---|---|---|"]
    labels = {"augment": "augmentation alone", "train": "training steps of `CustomResNet`, batch 512"}
    for kind, label in labels.items():
        cells, medians = [], []
        for way in ("plain", "ours"):
            values = rates[f"{kind}, {way}"]
            medians.append(statistics.median(values))
            cells.append(f"{medians[-1]:,.0f} ({min(values):,.0f}–{max(values):,.0f})")
        rows.append(f"| {label} | {cells[0]} | {cells[1]} | {medians[1] / medians[0]:.1f} × |")
    return "\n".join(rows)
