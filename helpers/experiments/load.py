"""A trained model found again: the newest or best checkpoint, and the model in it."""

from __future__ import annotations

import glob
import warnings
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from helpers.env import look_up
from helpers.experiments.run_folder import check_experiment, rank_checkpoints
from helpers.models.registry import make_model
from helpers.paths import run_dir
from helpers.training.checkpoints import load_checkpoint, load_weights
from helpers.training.config import TrainConfig


def find_checkpoint(experiment: str, which: str = "newest", roots: list[Path] | None = None) -> Path:
    """The newest or the best readable checkpoint of an experiment: in `run_dir`, Kaggle's input, a mounted Drive.

    ``"newest"`` is ``last.pt`` of the run that was begun last, ``"best"`` the highest validation accuracy in a file
    name. A damaged file is passed over with a warning. `FileNotFoundError` says where was looked.
    """
    check_experiment(experiment)
    name = look_up({"newest": "*.pt", "best": "epoch_*.pt"}, which, "checkpoint")
    if roots is None:
        drive = Path("/content/drive/MyDrive")
        roots = [run_dir(), *Path("/kaggle/input").glob("*"), drive / "runs", drive / "cifar-resnet-notebooks" / "runs"]
    found = [path for root in roots for path in root.glob(f"**/{glob.escape(experiment)}/*/checkpoints/{name}")]
    # The newest run comes first, and of its files last.pt; when that is damaged or missing, the newest of the epochs.
    newest_first = sorted(found, key=lambda path: (path.parents[1].name, path.name), reverse=True)
    for path in rank_checkpoints(found) if which == "best" else newest_first:
        try:
            load_checkpoint(path)
            return path
        except ValueError as error:
            warnings.warn(f"passed over: {error}", stacklevel=2)
    raise FileNotFoundError(f"no {which} checkpoint of {experiment!r} under {', '.join(map(str, roots))}; "
                            "train it first, or give a checkpoint's path; a run with --all has a newest, but no best")


def stored_config(state: dict, path: str | Path) -> TrainConfig:
    """The configuration in a checkpoint's content; `path` is its file, which the errors name."""
    if not state.get("config"):
        raise ValueError(f"{path} holds no configuration: it is no checkpoint of a run; use another checkpoint path")
    try:
        return TrainConfig(**state["config"])
    except TypeError as error:
        raise ValueError(f"{path} was written by another version of TrainConfig ({error})") from error


class LoadedModel(NamedTuple):
    """A trained model in eval mode and what it was trained with."""

    model: nn.Module
    config: TrainConfig
    classes: tuple[str, ...]
    statistics: tuple[torch.Tensor, torch.Tensor]  # channel_mean, channel_std, scale 0–1
    val_accuracy: float | None
    epoch: int


def load_model(path: str | Path) -> LoadedModel:
    """Rebuild the model of a run folder's checkpoint; everything it needs is in the file."""
    state = load_checkpoint(path)
    absent = [name for name in ("about", "config", "history", "model") if not state.get(name)]
    if absent:
        raise ValueError(f"{path} is not a checkpoint of a run folder (no {absent}): "
                         "train with `python -m helpers train`, or save to a RunFolder with `about`")
    config = stored_config(state, path)
    about = state["about"]
    needed = ("classes", "channel_mean", "channel_std")
    if missing := [name for name in needed if name not in about]:
        raise ValueError(f"{path} does not say its {' and '.join(missing)}, so no model can be rebuilt from it: "
                         f"save to a RunFolder whose `about` has {', '.join(needed)}")
    model = make_model(config.model, num_classes=len(about["classes"]))
    load_weights(model, state["model"], path)
    row = state["history"][-1]
    statistics = tuple(torch.tensor(about[name]) for name in ("channel_mean", "channel_std"))
    return LoadedModel(model.eval(), config, tuple(about["classes"]), statistics, row.get("val_accuracy"), row["epoch"])
