"""The configuration of a training run: what is trained, on what, and how."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from numbers import Integral, Real

from helpers.env import PRECISIONS

# Raised by hand when the same configuration begins to mean another training, so that records tell the two apart.
# 1: the last batch of an epoch, and the last micro-batch of a batch, held what was left over.
# 2: images are spread evenly over the batches, and over their micro-batches.
RECIPE_VERSION = 2
LARGEST_SEED = 2**32 - 1  # what NumPy takes
LARGEST_SIDE = 512  # pixels


def setting(default, meaning: str):
    """A field with its default and, in one line, what it means and why one would change it."""
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class TrainConfig:
    """A training recipe. The defaults are the series' reference recipe for CIFAR-10.

    In a notebook it shows itself as a table of the fields that differ from the defaults.
    """

    dataset: str = setting(
        "cifar10", "'cifar10' or 'cifar100': ten classes of 6,000 images or a hundred of 600")
    train_images: int = setting(
        0, "learn from only so many images, evenly over the classes, to save time; 0 for all")
    model: str = setting("custom_resnet", "network that is trained, see models.MODELS")
    num_epochs: int = setting(24, "passes over the training images: more cost time, and gain less and less")
    batch_size: int = setting(
        512, "images per optimizer update: more make its direction steadier, and bear a larger lr")
    micro_batch_size: int = setting(
        128, "images per forward pass: fits the cache, and batch norm sees this many")
    optimizer: str = setting(
        "sgd", "rule of the update (muon has its own momentum and decay), see training.OPTIMIZERS")
    max_lr: float = setting(0.4, "peak learning rate, from the range test")
    momentum: float = setting(
        0.9, "share of the last update kept, to smooth out noise: SGD's momentum, Adam's first beta")
    nesterov: bool = setting(True, "SGD looks ahead along its momentum, which damps swings")
    weight_decay: float = setting(
        5e-4, "L2 penalty per step, on all parameters: keeps weights small, against overfitting")
    scheduler: str = setting("one_cycle", "course of the lr over the steps, see training.SCHEDULERS")
    restart_epochs: int = setting(10, "length of the first cosine cycle; each next one is twice as long")
    pct_start: float = setting(5 / 24, "fraction of all steps before the peak: epoch 5 of 24")
    div_factor: float = setting(25.0, "first lr is max_lr / div_factor: fresh weights bear small steps only")
    final_div_factor: float = setting(1e4, "last lr is first lr / final_div_factor; 1 ends where it began")
    cycle_momentum: bool = setting(False, "let momentum fall from 0.95 to 0.85 while lr rises, and back")
    label_smoothing: float = setting(
        0.1, "share of the target spread evenly over all classes, against overconfidence")
    mix: str = setting("none", "blend pairs of images and their labels, see data.MIXES")
    mix_alpha: float = setting(1.0, "Beta(alpha, alpha) draws the share of each image; 1 is uniform")
    mix_probability: float = setting(1.0, "share of the batches that are mixed; the others stay as they are")
    augment: str = setting(
        "crop_flip_cutout", "random changes of each image, for variety, see data.BATCH_AUGMENTS")
    image_sizes: tuple = setting(
        (), "(first_epoch, pixels) pairs, as 0:24,16:32: smaller first, to save time; '' for full size")
    clip_norm: float = setting(
        0.0, "largest gradient norm, so that no batch moves the weights too far; 0 for no clipping")
    clip_value: float = setting(
        0.0, "largest absolute entry of a gradient, for the same end; 0 for no clipping")
    precision: str = setting("auto", "auto takes what the hardware is fastest at, see env.PRECISIONS")
    channels_last: bool = setting(True, "memory layout NHWC, which convolutions in low precision prefer")
    keep_memory: bool = setting(
        True, "freed memory stays with the process: on CPUs under Linux, faster for large micro-batches")
    compile: bool = setting(False, "torch.compile: slow to start, pays on GPUs in long runs")
    seed: int = setting(0, "of weights, order, augmentation: the same seed repeats a run")

    def __post_init__(self):
        for one in fields(self):
            object.__setattr__(self, one.name, _plain(getattr(self, one.name)))  # the configuration is frozen
            _refuse_type(one.name, getattr(self, one.name), one.default)
        if not 0 <= self.seed <= LARGEST_SEED:
            raise ValueError(f"seed={self.seed!r} must be from 0 to {LARGEST_SEED}")
        for name in ("num_epochs", "batch_size", "micro_batch_size", "max_lr", "div_factor", "final_div_factor",
                     "restart_epochs", "mix_alpha"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)!r} must be greater than 0")
        for name, high in {"momentum": 1, "label_smoothing": 1, "pct_start": 1, "weight_decay": 1e9, "clip_norm": 1e9,
                           "clip_value": 1e9, "train_images": 1e9}.items():
            if not 0 <= getattr(self, name) < high:
                raise ValueError(f"{name}={getattr(self, name)!r} must be at least 0 and below {high:g}")
        if not 0 <= self.mix_probability <= 1:
            raise ValueError(f"mix_probability={self.mix_probability!r} must be from 0 to 1")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision={self.precision!r}: choose from {sorted(PRECISIONS)}")
        object.__setattr__(self, "image_sizes", _checked_sizes(self.image_sizes))
        self._refuse_ignored()

    def _refuse_ignored(self) -> None:
        """Raise `ValueError` for a setting that another one would leave without effect."""
        if self.cycle_momentum and self.scheduler != "one_cycle":
            raise ValueError(f"cycle_momentum=True is for scheduler 'one_cycle', not {self.scheduler!r}")
        if self.optimizer == "muon":
            for one in fields(self):
                if one.name in ("momentum", "weight_decay") and getattr(self, one.name) != one.default:
                    raise ValueError(f"{one.name}={getattr(self, one.name)!r}: optimizer 'muon' has its own; "
                                     f"leave it at {one.default!r}")

    def changes(self) -> dict[str, tuple]:
        """``{field: (value here, default, meaning)}`` of the fields that differ from the defaults."""
        found = {}
        for one in fields(self):
            value = getattr(self, one.name)
            if value != one.default:
                found[one.name] = value, one.default, one.metadata["meaning"]
        return found

    def _repr_html_(self) -> str:
        import pandas

        if not self.changes():
            return "<p>TrainConfig: the reference recipe, unchanged</p>"
        columns = ["here", "reference recipe", "what it means"]
        table = pandas.DataFrame.from_dict(self.changes(), orient="index", columns=columns)
        with pandas.option_context("display.max_colwidth", None):
            return table.to_html(border=0)

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        """What IPython shows where there is no HTML."""
        if not self.changes():
            printer.text("TrainConfig: the reference recipe, unchanged")
        else:
            lines = [f"{name} = {here!r} (reference {default!r}): {meaning}"
                     for name, (here, default, meaning) in self.changes().items()]
            printer.text("TrainConfig: the reference recipe, but\n  " + "\n  ".join(lines))


def _plain(value):
    """A number or text of NumPy as Python's own: safe loading of a checkpoint knows no others."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)  # of an enumeration's member the value, where str() gives the name
    return value


def _refuse_type(name: str, value, default) -> None:
    """Raise `ValueError` if a value is not of the kind of its field's default, or not finite."""
    if isinstance(default, bool):
        good, expected = isinstance(value, bool), "True or False"
    elif isinstance(default, int):
        good, expected = isinstance(value, Integral) and not isinstance(value, bool), "a whole number"
    elif isinstance(default, float):
        good = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        expected = "a finite number"
    elif isinstance(default, str):
        good, expected = isinstance(value, str), "a text"
    else:
        return
    if not good:
        raise ValueError(f"{name}={value!r} must be {expected}")


def _checked_sizes(sizes) -> tuple:
    """``image_sizes`` as a tuple of pairs, or `ValueError`.

    A pair may begin after the last epoch: a recipe that is shortened keeps its sizes.
    """
    try:
        pairs = tuple(tuple(_plain(number) for number in pair) for pair in sizes)
        good = _are_sizes(pairs)
    except TypeError:  # not pairs
        good = False
    if not good:
        raise ValueError(f"image_sizes={sizes!r}: give (first_epoch, pixels) pairs in ascending order of epoch, "
                         f"no epoch twice, of at most {LARGEST_SIDE} pixels")
    return pairs


def _are_sizes(pairs: tuple) -> bool:
    """Whether these are pairs of an epoch, each a later one, and a number of pixels."""
    earlier = -1
    for pair in pairs:
        if len(pair) != 2 or not all(type(number) is int for number in pair):
            return False
        first_epoch, pixels = pair
        if first_epoch <= earlier or not 1 <= pixels <= LARGEST_SIDE:
            return False
        earlier = first_epoch
    return True


def field_help() -> dict[str, str]:
    """What each field of `TrainConfig` means: the ``--help`` of script mode."""
    return {one.name: one.metadata["meaning"] for one in fields(TrainConfig)}
