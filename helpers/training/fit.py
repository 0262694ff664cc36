"""Training: one configuration, one `fit`, one `evaluate`, one `History`."""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from helpers import distributed
from helpers.env import autocast, get_device, keep_freed_memory, resolve_precision
from helpers.models.trace import evaluating
from helpers.training.checkpoints import CheckpointFile, load_checkpoint, load_weights, restore_rng_state, rng_state
from helpers.training.config import TrainConfig
from helpers.training.optimizers import make_optimizer
from helpers.training.schedules import freeze_finished, make_scheduler


class DivergedError(RuntimeError):
    """The loss became NaN or infinite; the message names step and learning rate."""


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
        if config.keep_memory and device.type == "cpu":
            keep_freed_memory()
        self.layout = torch.channels_last if config.channels_last else torch.contiguous_format
        self.model = model.to(device, memory_format=self.layout)
        self.forward = torch.compile(self.model) if config.compile else self.model
        self.optimizer = make_optimizer(self.model, config)
        self.optimizer.zero_grad()  # gradients left over from a Ctrl-C or an earlier backward() are not ours
        self.scheduler = make_scheduler(self.optimizer, config, total_steps)
        self.precision = resolve_precision(config.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == "fp16")
        self.parts = dict(model=self.model, optimizer=self.optimizer, scheduler=self.scheduler, scaler=self.scaler)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """One optimizer update; returns mean loss and number of correct answers, both still on the device.

        Labels are int64 (N,), or float (N, num_classes) when images are mixed: then the larger share counts.
        """
        images = images.to(self.device, non_blocking=True).contiguous(memory_format=self.layout)
        labels = labels.to(self.device, non_blocking=True)
        with distributed.merge_batch_norm(self.model):
            loss, correct = self._backward(images, labels)
        distributed.average_gradients(self.model, len(images))
        self.scaler.unscale_(self.optimizer)
        if self.config.clip_value:
            nn.utils.clip_grad_value_(self.model.parameters(), self.config.clip_value)
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.scheduler.step()
        return loss, correct

    def _backward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of the mean loss, summed over micro-batches."""
        loss_sum = correct = torch.zeros((), device=self.device)
        size = self.config.micro_batch_size
        if not len(images):  # under torchrun this process has none of the batch, yet the scaler must know its device
            self.scaler.scale(loss_sum)
        for start in range(0, len(images), size):
            x, y = images[start:start + size], labels[start:start + size]
            with autocast(self.precision, self.device):
                logits = self.forward(x)
                loss = self.criterion(logits, y) * (len(x) / len(images))
            self.scaler.scale(loss).backward()
            loss_sum = loss_sum + loss.detach().float()
            answers = y if y.dim() == 1 else y.argmax(1)
            correct = correct + (logits.detach().argmax(1) == answers).sum()
        return loss_sum, correct

    def state(self) -> dict:
        """All that the next step depends on."""
        states = {name: part.state_dict() for name, part in self.parts.items()}
        return {**states, "rng": rng_state(), "total_steps": self.total_steps}


def _train_epoch(engine: _Engine, batches, bar) -> dict:
    """One pass, or `DivergedError`; metrics leave the device once, at its end, which waits until its work is done."""
    group, steps, started = engine.optimizer.param_groups[0], [], time.perf_counter()
    momentum = group["betas"][0] if "betas" in group else group["momentum"]
    engine.model.train()
    for images, labels in batches:
        steps.append((group["lr"], *engine.step(images, labels), len(images)))
        bar.update()
    rates, losses, corrects, counts = zip(*steps, strict=True)
    counts = torch.tensor(counts, device=engine.device)
    sums = torch.stack([torch.stack(losses) * counts, torch.stack(corrects).float(), counts.float()])
    loss_sums, correct_sums, counts = distributed.sum_over_processes(sums).cpu().double()
    if not loss_sums.isfinite().all():
        step = int((~loss_sums.isfinite()).nonzero()[0])
        raise DivergedError(f"loss is {(loss_sums / counts)[step].item()} at step {step} of this epoch with lr "
                            f"{rates[step]:.3g}: lower max_lr, lengthen the warm-up (pct_start), or set clip_norm")
    loss, accuracy = (float(part.sum() / counts.sum()) for part in (loss_sums, correct_sums))
    return {"train_loss": loss, "train_accuracy": accuracy, "lr": rates[0], "momentum": momentum,
            "seconds": time.perf_counter() - started}


def evaluate(model: nn.Module, batches, *, device: torch.device | None = None, precision: str = "auto") -> dict:
    """``loss`` (cross-entropy, no smoothing), ``accuracy`` and ``top5_accuracy`` in eval mode, means over samples."""
    device = device or next(model.parameters()).device
    precision, totals = resolve_precision(precision, device), torch.zeros(4, device=device)
    with evaluating(model):
        for images, labels in batches:
            images, labels = images.to(device), labels.to(device)
            with autocast(precision, device):
                logits = model(images).float()
            right = logits.argmax(1) == labels  # topk may order a tie in another way
            top5 = (logits.topk(min(5, logits.shape[1])).indices == labels[:, None]).any(1) | right
            loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
            totals += torch.stack([loss, right.sum(), top5.sum(), torch.tensor(len(labels), device=device)])
    totals = distributed.sum_over_processes(totals)
    return dict(zip(("loss", "accuracy", "top5_accuracy"), (totals[:3] / totals[3]).tolist(), strict=True))


def _resume(engine: _Engine, path: Path, config: TrainConfig) -> History:
    """Load a run's state into the engine; refuses another configuration and lists the fields that differ."""
    state = load_checkpoint(path)
    absent = {"config", "history", "rng", "total_steps", *engine.parts} - set(state)
    if absent:
        raise ValueError(f"{path} holds no run to resume (no {sorted(absent)}); use another checkpoint path")
    theirs = state["config"] | {"total_steps": state["total_steps"]}
    ours = asdict(config) | {"total_steps": engine.total_steps}
    differing = [f"{k}: {theirs.get(k)!r} there, {v!r} here" for k, v in ours.items() if theirs.get(k) != v]
    if differing:
        raise ValueError(f"{path} was written by another configuration ({'; '.join(differing)}); "
                         "use that one, or another checkpoint path")
    load_weights(engine.model, state["model"], path)  # says which tensors do not fit
    for name, part in engine.parts.items():
        if state[name] or name != "scaler":  # empty where the precision needed none: then a scale is found anew
            part.load_state_dict(state[name])
    restore_rng_state(state["rng"])
    return History(state["history"])


def fit(model: nn.Module, data, config: TrainConfig, *, device: torch.device | None = None, progress: bool = True,
        checkpoint=None, resume: bool = False) -> History:
    """Train `model` in place and return what was measured; a NaN or infinite loss raises `DivergedError`.

    `data` is a pair (train, val) of iterables of ``(images, labels)`` that have a length, `make_loaders`' or plain
    ``DataLoader`` s; `val` may be None. After Ctrl-C the finished epochs are returned, with `stopped` set.
    The full state goes to `checkpoint`, a path or `RunFolder`, after every epoch; with ``resume=True`` the newest one
    there is continued: bit for bit on the CPU, unless a plain ``DataLoader`` without workers draws from a generator
    of its own, as albumentations does, or kernels do not repeat (depthwise in bf16 on some CPUs).
    """
    device = device or get_device()
    batches, val_batches = data
    if not len(batches):
        raise ValueError("no batches to train on: fewer images than batch_size, with drop_last?")
    engine = _Engine(model, config, config.num_epochs * len(batches), device)
    history = History()
    if hasattr(model, "prepare"):  # a layer that is computed from images, not learned
        model.prepare(next(iter(batches))[0].to(device))
    store = CheckpointFile(checkpoint) if isinstance(checkpoint, str | Path) else checkpoint
    if resume and store and store.newest():
        history = _resume(engine, store.newest(), config)
    first = len(history.epochs)
    bar = tqdm(total=engine.total_steps, initial=first * len(batches), unit="step",
               desc=f"{engine.precision} on {device.type}", disable=not progress or distributed.rank() > 0)
    try:
        for epoch in range(first, config.num_epochs):
            if hasattr(batches, "set_epoch"):
                batches.set_epoch(epoch)
            freeze_finished(engine.optimizer, epoch / config.num_epochs)
            if distributed.rank():  # a checkpoint holds the random state of the first process only
                torch.manual_seed(config.seed + 1000 * epoch + distributed.rank())
            row = {"epoch": epoch + 1, **_train_epoch(engine, batches, bar)}
            if val_batches is not None:
                val = evaluate(model, val_batches, device=device, precision=engine.precision)
                row |= {"val_loss": val["loss"], "val_accuracy": val["accuracy"]}
            history.epochs.append(row)
            shown = [name for name in ("train_loss", "train_accuracy", "val_accuracy", "lr") if name in row]
            bar.set_postfix({name: f"{row[name]:.3g}" for name in shown})
            if store and distributed.rank() == 0:
                store.save(engine.state() | {"history": history.epochs, "config": asdict(config)})
    except KeyboardInterrupt:
        history.stopped = f"interrupted in epoch {len(history.epochs) + 1} of {config.num_epochs}"
    finally:
        bar.close()
        freeze_finished(engine.optimizer, 0.0)
    return history
