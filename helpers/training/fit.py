"""Training: one configuration, one `fit`, one `evaluate`, one `History`."""

import contextlib
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn
from tqdm import tqdm

from helpers import distributed
from helpers.env import autocast, get_device, resolve_precision
from helpers.models.protocols import Prepared
from helpers.models.trace import evaluating
from helpers.training.checkpoints import CheckpointFile, claimed, load_checkpoint, load_weights, restore_rng_state
from helpers.training.config import TrainConfig
from helpers.training.engine import Engine
from helpers.training.schedules import freeze_finished

CHANGE_NO_RESULT = ("keep_memory",)  # fields in which a resumed run may differ from its beginning


class DivergedError(RuntimeError):
    """The loss became NaN or infinite; the message names step and learning rate."""


@dataclass
class History:
    """What a run measured: one dict per epoch, and why it ended early if it did.

    Each has ``epoch`` (from 1), ``train_loss``, ``train_accuracy`` (a fraction), ``seconds`` of training, ``lr`` and
    ``momentum`` of its first step; with validation images also ``val_loss`` and ``val_accuracy``.
    """

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


@contextlib.contextmanager
def _labels_checked(labels: torch.Tensor):
    """Context that says which labels a batch has where the network has no output for one (on the CPU)."""
    try:
        yield
    except IndexError as error:
        if "out of bounds" not in str(error):
            raise
        low, high = int(labels.min()), int(labels.max())
        raise ValueError(f"a batch has labels from {low} to {high}, and the network has no output for one of them: "
                         f"number the classes from 0 on, and build it with num_classes={high + 1} or more") from error


def _count(batches) -> int:
    """How many batches an epoch has, or `ValueError`: the learning rate of each step follows from it."""
    try:
        count = len(batches)
    except TypeError as error:
        raise ValueError(f"training batches of type {type(batches).__name__} have no length, and the schedule needs "
                         "one: give the batches of make_loaders, a DataLoader or a list") from error
    if not count:
        raise ValueError("no batches to train on: fewer images than batch_size, with drop_last?")
    return count


def _refuse_single_step(engine: Engine) -> None:
    """Raise `ValueError` for a cycle of one step, which torch takes at the last and smallest of its rates."""
    if engine.config.scheduler == "one_cycle" and engine.total_steps == 1:
        raise ValueError("scheduler='one_cycle' needs more than one step, and this run has 1: raise num_epochs, lower "
                         "batch_size, or take scheduler='constant'")


def _train_epoch(engine: Engine, batches, bar) -> dict:
    """One pass, or `DivergedError`; metrics leave the device once, at its end, which waits until its work is done."""
    started = time.perf_counter()
    group = engine.optimizer.param_groups[0]
    momentum = group["betas"][0] if "betas" in group else group["momentum"]
    rates, sums, skipped = [], [], []
    engine.model.train()
    for images, labels in batches:
        rates.append(group["lr"])
        with _labels_checked(labels):
            loss, correct = engine.step(images, labels)
        count = torch.tensor(len(images), device=engine.device)
        sums.append(torch.stack([loss * count, correct.float(), count.float()]))
        skipped.append(engine.skipped)
        bar.update()
    if not sums:
        raise ValueError("no batches to train on: they have a length and yield none; give a loader that begins anew "
                         "in every epoch, as a list or a DataLoader does")
    sums = distributed.sum_over_processes(torch.stack(sums)).cpu().double()
    counted = _refuse_divergence(engine.model, sums, torch.tensor(skipped), rates)
    loss_sum, correct_sum, count = sums[counted].sum(0).tolist()
    return {"train_loss": loss_sum / count, "train_accuracy": correct_sum / count, "lr": rates[0],
            "momentum": momentum, "seconds": time.perf_counter() - started}


def _refuse_divergence(model: nn.Module, sums: torch.Tensor, skipped: torch.Tensor, rates: list) -> torch.Tensor:
    """Which steps have a finite loss, a mask; raises `DivergedError` where another one was not simply skipped.

    `sums` (steps, 3) holds loss and right answers, summed over images, and their number. In fp16 a forward pass may
    overflow; the loss scaler then skips the update, and as long as the weights are finite the run goes on.
    """
    finite = sums[:, 0].isfinite()
    if finite.all():
        return finite
    excused = skipped.clone()
    if not all(parameter.isfinite().all() for parameter in model.parameters()) or not finite.any():
        excused[:] = False
    bad = ~finite & ~excused
    if bad.any():
        step = int(bad.nonzero()[0])
        loss = float(sums[step, 0] / sums[step, 2])
        raise DivergedError(f"loss is {loss} at step {step} of this epoch with lr {rates[step]:.3g}: "
                            "lower max_lr, lengthen the warm-up (pct_start), or set clip_norm")
    return finite


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
            with _labels_checked(labels):
                loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
            totals += torch.stack([loss, right.sum(), top5.sum(), torch.tensor(len(labels), device=device)])
    totals = distributed.sum_over_processes(totals)
    if not totals[3]:
        raise ValueError("no images to evaluate on: batches yields none")
    return dict(zip(("loss", "accuracy", "top5_accuracy"), (totals[:3] / totals[3]).tolist(), strict=True))


def _resume(engine: Engine, path: Path, config: TrainConfig) -> History:
    """Load a run's state into the engine; refuses another configuration and lists the fields that differ."""
    state = load_checkpoint(path)
    absent = {"config", "history", "rng", "total_steps", *engine.parts} - set(state)
    if absent:
        raise ValueError(f"{path} holds no run to resume (no {sorted(absent)}); use another checkpoint path")
    theirs = state["config"] | {"total_steps": state["total_steps"]}
    ours = asdict(config) | {"total_steps": engine.total_steps}
    differing = [f"{k}: {theirs.get(k)!r} there, {v!r} here" for k, v in ours.items()
                 if theirs.get(k) != v and k not in CHANGE_NO_RESULT]
    if differing:
        raise ValueError(f"{path} was written by another configuration ({'; '.join(differing)}); "
                         "use that one, or another checkpoint path")
    load_weights(engine.model, state["model"], path)  # says which tensors do not fit
    for name, part in engine.parts.items():
        if state[name] or name != "scaler":  # empty where the precision needed none: then a scale is found anew
            part.load_state_dict(state[name])
    restore_rng_state(state["rng"])
    return History(state["history"])


def _set_epoch(batches, epoch: int) -> None:
    """Tell batches that know epochs, ours and torch's samplers, which one begins."""
    if hasattr(batches, "set_epoch"):
        batches.set_epoch(epoch)


def _shown(row: dict) -> dict[str, str]:
    """What the progress bar says of an epoch."""
    names = ("train_loss", "train_accuracy", "val_accuracy", "lr")
    return {name: f"{row[name]:.3g}" for name in names if name in row}


def _first_images(batches) -> torch.Tensor:
    """The images of the first batch of the first epoch, whichever epoch the batches were left in."""
    _set_epoch(batches, 0)
    return next(iter(batches))[0]


def _train_and_measure(engine: Engine, data, epoch: int, bar) -> dict:
    """The row of one epoch, counted from 0: trained, and measured on the validation images if there are any."""
    config = engine.config
    batches, val_batches = data
    _set_epoch(batches, epoch)
    freeze_finished(engine.optimizer, epoch / config.num_epochs)
    if distributed.rank():  # a checkpoint holds the random state of the first process only
        torch.manual_seed(config.seed + 1000 * epoch + distributed.rank())
    row = {"epoch": epoch + 1, **_train_epoch(engine, batches, bar)}
    if val_batches is not None:
        _set_epoch(val_batches, epoch)
        val = evaluate(engine.model, val_batches, device=engine.device, precision=engine.precision)
        row |= {"val_loss": val["loss"], "val_accuracy": val["accuracy"]}
    return row


def _train(engine: Engine, data, history: History, store, progress: bool) -> None:
    """Train the epochs that `history` lacks, into it, and save after each; Ctrl-C ends them."""
    config, first = engine.config, len(history.epochs)
    bar = tqdm(total=engine.total_steps, initial=first * len(data[0]), unit="step",
               desc=f"{engine.precision} on {engine.device.type}",
               disable=not progress or distributed.rank() > 0)
    try:
        for epoch in range(first, config.num_epochs):
            row = _train_and_measure(engine, data, epoch, bar)
            history.epochs.append(row)
            bar.set_postfix(_shown(row))
            if store and distributed.rank() == 0:
                store.save(engine.state() | {"history": history.epochs, "config": asdict(config)})
    except KeyboardInterrupt:
        epoch = len(history.epochs) + 1
        history.stopped = (f"interrupted in epoch {epoch} of {config.num_epochs}" if epoch <= config.num_epochs else
                           "interrupted after the last epoch, while its state was saved")
    finally:
        bar.close()
        freeze_finished(engine.optimizer, 0.0)


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
    batches, _ = data
    engine = Engine(model, config, config.num_epochs * _count(batches), device)
    _refuse_single_step(engine)
    history = History()
    store = CheckpointFile(checkpoint) if isinstance(checkpoint, str | Path) else checkpoint
    with claimed(store if distributed.rank() == 0 else None):
        if resume and store and store.newest():
            history = _resume(engine, store.newest(), config)
        elif isinstance(model, Prepared):
            model.prepare(_first_images(batches).to(device))
        _train(engine, data, history, store, progress)
    return history
