"""Run folders, ``runs/<experiment>/<time>/``: what a training run leaves behind, found again by the next one."""

from __future__ import annotations

import contextlib
import json
import os
import re
from datetime import datetime
from pathlib import Path

import pandas

from helpers import distributed
from helpers.paths import run_dir, write_text
from helpers.training.checkpoints import save_checkpoint

NAME = re.compile(r"epoch_(\d+)_val_([01]\.\d+)\.pt")


def new_folder(experiment: str, root: Path | None = None) -> Path:
    """A folder named by the present time, ``runs/<experiment>/<time>``, that does not exist yet."""
    parent, stamp = (root or run_dir()) / experiment, datetime.now().strftime("%Y%m%d-%H%M%S")
    for name in (stamp, *(f"{stamp}-{number:02d}" for number in range(2, 100))):
        with contextlib.suppress(FileExistsError):  # made at once: another run may begin in the same second
            if distributed.rank() == 0:
                (parent / name).mkdir(parents=True)
            return parent / name
    raise FileExistsError(f"{parent} has a hundred runs of this second")


class RunFolder:
    """The folder of one run; `fit` saves to it after every epoch.

    ``checkpoints/last.pt`` is always there; beside it the `keep` best by validation accuracy, each named
    ``epoch_012_val_0.9312.pt``. `about`, what `load_model` needs besides the configuration, is stored in each.
    `origin` is the checkpoint to continue from when this folder has none of its own (Kaggle's input is read-only).
    """

    def __init__(self, folder: Path, *, keep: int = 5, about: dict | None = None, origin: Path | None = None):
        if keep < 1:
            raise ValueError(f"keep={keep}: at least 1 checkpoint must be kept")
        self.folder, self.keep, self.about, self.origin = Path(folder), keep, about or {}, origin
        self.checkpoints = self.folder / "checkpoints"
        self._writer = None

    @classmethod
    def continuing(cls, checkpoint: Path, experiment: str, **options) -> RunFolder:
        """The run of `checkpoint`, to go on from there; a new folder where its own is read-only, or may be farther."""
        file = checkpoint.resolve()
        own = file.parent.name == "checkpoints" and os.access(file.parents[1], os.W_OK)
        own &= file.name == "last.pt" or not file.with_name("last.pt").exists()
        return cls(file.parents[1] if own else new_folder(experiment), origin=checkpoint, **options)

    def newest(self) -> Path | None:
        """The checkpoint to resume from, or None."""
        last = self.checkpoints / "last.pt"
        return last if last.exists() and self.origin is None else self.origin

    def ranked(self) -> list[Path]:
        """The kept checkpoints, best first; of two equal ones the later epoch."""
        return rank_checkpoints(self.checkpoints.glob("epoch_*.pt"))

    def save(self, state: dict) -> None:
        """Write one epoch's state: checkpoints, ``history.csv``, the pointer ``best.txt``, TensorBoard scalars."""
        state, row = state | {"about": self.about}, state["history"][-1]
        for cut_short in self.checkpoints.glob("*.partial"):
            cut_short.unlink()
        if not (self.folder / "config.json").exists():
            write_text(self.folder / "config.json", json.dumps(state["config"], indent=1) + "\n")
        if "val_accuracy" in row:
            path = self.checkpoints / f"epoch_{row['epoch']:03d}_val_{row['val_accuracy']:.4f}.pt"
            if path in rank_checkpoints([*self.ranked(), path])[:self.keep]:
                save_checkpoint(path, state)
            write_text(self.folder / "best.txt", f"checkpoints/{self.ranked()[0].name}\n")
            for surplus in self.ranked()[self.keep:]:  # only now that the new one is safely on disk
                surplus.unlink()
        write_text(self.folder / "history.csv", pandas.DataFrame(state["history"]).to_csv(index=False))
        self._log(row)
        # Comes last: after a kill at any moment before it, the epoch is trained and written again.
        save_checkpoint(self.checkpoints / "last.pt", state)
        self.origin = None  # from now on this folder has its own

    def _log(self, row: dict) -> None:
        """Scalars for TensorBoard, where it is installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self._writer = self._writer or SummaryWriter(self.folder / "tensorboard", purge_step=row["epoch"])
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name.replace("_", "/", 1), value, row["epoch"])
        self._writer.flush()


def rank_checkpoints(paths) -> list[Path]:
    """Those that are named by epoch and accuracy, best first; of two equal ones the later epoch."""
    found = {path: match for path in paths if (match := NAME.fullmatch(path.name))}
    return sorted(found, key=lambda path: (float(found[path][2]), int(found[path][1])), reverse=True)
