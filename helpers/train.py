"""Training: one configuration, one `fit`, one `evaluate`, one `History`."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from helpers.checkpoints import load_checkpoint, restore_rng_state, rng_state, save_checkpoint
from helpers.env import PRECISIONS, autocast, get_device, resolve_precision
from helpers.optim import make_optimizer, make_scheduler


class DivergedError(RuntimeError):
    """The loss became NaN or infinite; the message names step and learning rate."""


@dataclass(frozen=True)
class TrainConfig:
    """A training recipe. The defaults are the series' reference recipe for CIFAR-10."""

    num_epochs: int = 24  # passes over the training images
    batch_size: int = 512  # images per optimizer update
    micro_batch_size: int = 128  # images per forward pass: fits the cache, and batch norm sees this many
    optimizer: str = "sgd"  # see optim.OPTIMIZERS
    max_lr: float = 0.4  # peak learning rate, from the range test
    momentum: float = 0.9  # SGD's momentum, Adam's first beta
    weight_decay: float = 5e-4  # L2 penalty per step, on all parameters
    scheduler: str = "one_cycle"  # see optim.SCHEDULERS
    pct_start: float = 5 / 24  # fraction of all steps before the peak: epoch 5 of 24
    div_factor: float = 25.0  # first lr is max_lr / div_factor
    final_div_factor: float = 1e4  # last lr is first lr / final_div_factor; 1 ends where it began
    cycle_momentum: bool = False  # let momentum fall from 0.95 to 0.85 while lr rises, and back
    label_smoothing: float = 0.1  # share of the target spread evenly over all classes
    augment: str = "crop_flip_cutout"  # see augment.BATCH_AUGMENTS
    image_sizes: tuple = ()  # (first_epoch, pixels) pairs: train on smaller images first
    clip_norm: float = 0.0  # largest gradient norm; 0 for no clipping
    precision: str = "auto"  # bf16, fp16, float32, or what the hardware is fastest at
    channels_last: bool = True  # memory layout NHWC, which convolutions in low precision prefer
    compile: bool = False  # torch.compile: slow to start, pays on GPUs in long runs
    seed: int = 0  # weights, order, augmentation

    def __post_init__(self):
        for name in ("num_epochs", "batch_size", "micro_batch_size", "max_lr", "div_factor", "final_div_factor"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be greater than 0")
        for name, high in (("momentum", 1), ("label_smoothing", 1), ("pct_start", 1), ("weight_decay", 1e9),
                           ("clip_norm", 1e9)):
            if not 0 <= getattr(self, name) < high:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 0 and below {high:g}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision={self.precision!r}: choose from {sorted(PRECISIONS)}")
        sizes = tuple(tuple(pair) for pair in self.image_sizes)
        if any(len(pair) != 2 or pair[0] < 0 or pair[1] < 1 for pair in sizes) or list(sizes) != sorted(sizes):
            raise ValueError(f"image_sizes={sizes!r}: give (first_epoch, pixels) pairs in ascending order of epoch")
        object.__setattr__(self, "image_sizes", sizes)


@dataclass
class History:
    """What a run measured: one dict an epoch, and why it ended early if it did."""

    epochs: list[dict] = field(default_factory=list)
    stopped: str = ""

    def column(self, name: str) -> list:
        """One quantity over the epochs, for example ``history.column("val_accuracy")``."""
        return [row.get(name) for row in self.epochs]

    @property
    def last(self) -> dict:
        """The row of the last finished epoch."""
        if not self.epochs:
            raise ValueError("no epoch was finished, so there is nothing to read; train longer")
        return self.epochs[-1]


class _Engine:
    """Model, optimizer, schedule and scaler of one run, and the one update that they make together."""

    def __init__(self, model: nn.Module, config: TrainConfig, total_steps: int, device: torch.device):
        self.config, self.device, self.total_steps = config, device, total_steps
        self.layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self.model = model.to(device, memory_format=self.layout)
        self.forward = torch.compile(self.model) if config.compile else self.model
        self.optimizer = make_optimizer(self.model, config)
        self.optimizer.zero_grad()  # gradients left over from a Ctrl-C or an earlier backward() are not ours
        self.scheduler = make_scheduler(self.optimizer, config, total_steps)
        self.precision = resolve_precision(config.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "fp16")
        self.criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One optimizer update; returns mean loss and number of correct answers, both still on the device."""
        images = images.to(self.device, non_blocking=True).contiguous(memory_format=self.layout)
        labels = labels.to(self.device, non_blocking=True)
        loss_sum = correct = torch.zeros((), device=self.device)
        size = self.config.micro_batch_size
        for x, y in zip(images.split(size), labels.split(size), strict=True):
            with autocast(self.precision, self.device):
                logits = self.forward(x)
                loss = self.criterion(logits, y) * (len(x) / len(images))
            self.scaler.scale(loss).backward()
            loss_sum = loss_sum + loss.detach().float()
            correct = correct + (logits.detach().argmax(1) == y).sum()
        if self.config.clip_norm:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.scheduler.step()
        return loss_sum, correct

    def parts(self) -> dict:
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler, "scaler": self.scaler}

    def lr_and_momentum(self) -> dict:
        group = self.optimizer.param_groups[0]
        return {"lr": group["lr"], "momentum": group["betas"][0] if "betas" in group else group["momentum"]}


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _train_epoch(engine: _Engine, batches, bar) -> dict:
    """One pass; metrics leave the device once, at its end. Raises `DivergedError` at a NaN or infinite loss."""
    engine.model.train()
    losses, counts, corrects, rates = [], [], [], []
    for images, labels in batches:
        rates.append(engine.optimizer.param_groups[0]["lr"])
        loss, correct = engine.step(images, labels)
        losses.append(loss)
        corrects.append(correct)
        counts.append(len(images))
        bar.update()
    losses, counts = torch.stack(losses).cpu(), torch.tensor(counts)
    if not losses.isfinite().all():
        step = int((~losses.isfinite()).nonzero()[0])
        raise DivergedError(f"loss is {losses[step].item()} at step {step} of this epoch with lr {rates[step]:.3g}: "
                            "lower max_lr, lengthen the warm-up (pct_start), or set clip_norm")
    images = int(counts.sum())
    return {"train_loss": float((losses * counts).sum() / images),
            "train_accuracy": float(torch.stack(corrects).sum() / images)}


@torch.no_grad()
def evaluate(model: nn.Module, batches, *, device: torch.device | None = None, precision: str = "auto") -> dict:
    """Mean cross-entropy (no smoothing), accuracy and top-5 accuracy over all batches, in eval mode.

    Returns ``{"loss", "accuracy", "top5_accuracy"}``, averaged by sample; the model's mode is restored.
    """
    device = device or next(model.parameters()).device
    precision, was_training = resolve_precision(precision, device), model.training
    totals, count = torch.zeros(3, device=device), 0
    try:
        model.eval()
        for images, labels in batches:
            images, labels = images.to(device), labels.to(device)
            with autocast(precision, device):
                logits = model(images).float()
            top5 = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
            loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
            totals += torch.stack([loss, top5[:, 0].sum(), top5.any(1).sum()])
            count += len(labels)
    finally:
        model.train(was_training)
    return dict(zip(("loss", "accuracy", "top5_accuracy"), (totals / count).tolist(), strict=True))


def _resume(engine: _Engine, path: Path, config: TrainConfig) -> History:
    """Load a run's state into the engine; refuses another configuration and lists the fields that differ."""
    state = load_checkpoint(path)
    absent = {"config", "history", "rng", "total_steps", *engine.parts()} - set(state)
    if absent:
        raise ValueError(f"{path} holds no run to resume (no {sorted(absent)}); use another checkpoint path")
    theirs = state["config"] | {"total_steps": state["total_steps"]}
    ours = asdict(config) | {"total_steps": engine.total_steps}
    differing = [f"{k}: {theirs.get(k)!r} there, {v!r} here" for k, v in ours.items() if theirs.get(k) != v]
    if differing:
        raise ValueError(f"{path} was written by another configuration ({'; '.join(differing)}); "
                         "use that one, or another checkpoint path")
    for name, part in engine.parts().items():
        part.load_state_dict(state[name])
    restore_rng_state(state["rng"])
    return History(state["history"])


def fit(model: nn.Module, data, config: TrainConfig, *, device: torch.device | None = None, progress: bool = True,
        checkpoint: str | Path | None = None, resume: bool = False) -> History:
    """Train `model` in place and return what was measured; a NaN or infinite loss raises `DivergedError`.

    Parameters
    ----------
    data : pair (train, val)
        Two iterables of ``(images, labels)`` that have a length: `make_loaders`' or plain ``DataLoader`` s.
        `val` may be None.
    device : torch.device, optional
        Where to train; `get_device` by default.
    checkpoint : path, optional
        File for the full state, written after every epoch; with ``resume=True`` an existing one is continued.

    Returns
    -------
    History
        After Ctrl-C: the finished epochs, with `stopped` set.
    """
    device = device or get_device()
    batches, val_batches = data
    if not len(batches):
        raise ValueError("no batches to train on: fewer images than batch_size, with drop_last?")
    engine = _Engine(model, config, config.num_epochs * len(batches), device)
    history = History()
    if resume and checkpoint and Path(checkpoint).exists():
        history = _resume(engine, Path(checkpoint), config)
    first = len(history.epochs)
    bar = tqdm(total=config.num_epochs * len(batches), initial=first * len(batches), disable=not progress,
               unit="step", desc=f"{engine.precision} on {device.type}")
    try:
        for epoch in range(first, config.num_epochs):
            if hasattr(batches, "set_epoch"):
                batches.set_epoch(epoch)
            started, rates = time.perf_counter(), engine.lr_and_momentum()
            row = {"epoch": epoch + 1, **_train_epoch(engine, batches, bar), **rates}
            _synchronize(device)
            row["seconds"] = time.perf_counter() - started
            if val_batches is not None:
                val = evaluate(model, val_batches, device=device, precision=engine.precision)
                row |= {"val_loss": val["loss"], "val_accuracy": val["accuracy"]}
            history.epochs.append(row)
            shown = "val_accuracy" if val_batches is not None else "train_accuracy"
            bar.set_postfix(loss=f"{row['train_loss']:.3f}", **{shown: f"{row[shown]:.3f}"}, lr=f"{row['lr']:.3g}")
            if checkpoint:
                states = {name: part.state_dict() for name, part in engine.parts().items()}
                save_checkpoint(checkpoint, {**states, "rng": rng_state(), "epoch": epoch + 1,
                                             "total_steps": engine.total_steps,
                                             "history": history.epochs, "config": asdict(config)})
    except KeyboardInterrupt:
        history.stopped = f"interrupted in epoch {len(history.epochs) + 1} of {config.num_epochs}"
    finally:
        bar.close()
    return history
