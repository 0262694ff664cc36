"""Run folders, ``runs/<experiment>/<time>/``: what a training run leaves behind, found again by the next one."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import warnings
from datetime import datetime
from pathlib import Path

import pandas

from helpers import distributed
from helpers.experiments.lock import claim_folder
from helpers.paths import run_dir, write_text
from helpers.training.checkpoints import interrupts_held, plain_names, save_checkpoint, to_plain_data

NAME = re.compile(r"epoch_(\d+)_val_([01]\.\d+)\.pt")

MAKE_ROOM = "make room on this disk, then resume the run from its last epoch"
OTHER_PLACE = "set CIFAR_RUNS to a folder that you may write to"
WAYS_OUT = {errno.ENOSPC: MAKE_ROOM, errno.EDQUOT: MAKE_ROOM, errno.EACCES: OTHER_PLACE, errno.EPERM: OTHER_PLACE,
            errno.EROFS: OTHER_PLACE, errno.ENOTDIR: OTHER_PLACE, errno.ENOENT: OTHER_PLACE}


@contextlib.contextmanager
def way_out_named(folder: Path):
    """Context in which an `OSError` says where it happened, and what to do about it."""
    try:
        yield
    except OSError as error:
        if error.errno not in WAYS_OUT:
            raise
        what = f"{error.strerror} ({WAYS_OUT[error.errno]})"
        raise OSError(error.errno, what, str(error.filename or folder)) from error


def check_experiment(name: str) -> None:
    """Refuse a name that is no name of a folder inside ``runs/``."""
    if not name.strip() or name in (".", "..") or set(name) & set("/\\\0"):
        raise ValueError(f"experiment {name!r} cannot name a folder in runs/: give a plain name, as 'my_run'")


def new_folder(experiment: str, root: Path | None = None) -> Path:
    """A folder named by the present time, ``runs/<experiment>/<time>``, that does not exist yet."""
    check_experiment(experiment)
    parent = (root or run_dir()) / experiment
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    others = [f"{stamp}-{number:02d}" for number in range(2, 100)]
    for name in (stamp, *others):
        with contextlib.suppress(FileExistsError):  # made at once: another run may begin in the same second
            if distributed.rank() == 0:
                with way_out_named(parent):
                    (parent / name).mkdir(parents=True)
            return parent / name
    raise FileExistsError(f"{parent} has a hundred runs of this second")


class RunFolder:
    """The folder of one run; `fit` saves to it after every epoch.

    ``checkpoints/last.pt`` is always there; beside it the `keep` best by validation accuracy, each named
    ``epoch_012_val_0.9312.pt``. `about`, what `load_model` needs besides the configuration, is stored in each.
    `origin` is the checkpoint to continue from when this folder has none of its own (Kaggle's input is read-only).
    From the first save to `release`, which `fit` calls at its end, no other process may write here.
    """

    def __init__(self, folder: Path, *, keep: int = 5, about: dict | None = None, origin: Path | None = None):
        if keep < 1:
            raise ValueError(f"keep={keep}: at least 1 checkpoint must be kept")
        self.folder = Path(folder)
        self.keep = keep
        self.about = about or {}
        self.origin = origin
        self.checkpoints = self.folder / "checkpoints"
        self._writer = None
        self._claim = None
        self._logs = True

    def claim(self) -> None:
        """Keep every other process out of this folder from now on; `RunInUseError` if one is in it."""
        if self._claim is None:
            with way_out_named(self.folder):
                self._claim = claim_folder(self.folder)

    def release(self) -> None:
        """Let other processes into this folder again; the next `claim` or `save` keeps them out anew."""
        self._claim = None

    @classmethod
    def continuing(cls, checkpoint: Path, experiment: str, **options) -> RunFolder:
        """The run of `checkpoint`, to go on from there; a new folder where its own is read-only, or may be farther."""
        file = checkpoint.resolve()
        folder = file.parents[1]
        in_run_folder = file.parent.name == "checkpoints" and os.access(folder, os.W_OK)
        is_farthest = file.name == "last.pt" or not file.with_name("last.pt").exists()
        if not (in_run_folder and is_farthest):
            return cls(new_folder(experiment), origin=checkpoint, **options)
        run = cls(folder, origin=checkpoint, **options)
        if distributed.rank() == 0:
            run.claim()
        return run

    def newest(self) -> Path | None:
        """The checkpoint to resume from, or None."""
        last = self.checkpoints / "last.pt"
        return last if last.exists() and self.origin is None else self.origin

    def ranked(self) -> list[Path]:
        """The kept checkpoints, best first; of two equal ones the later epoch."""
        return rank_checkpoints(self.checkpoints.glob("epoch_*.pt"))

    def save(self, state: dict) -> None:
        """Write one epoch's state: checkpoints, ``history.csv``, the pointer ``best.txt``, TensorBoard scalars.

        Ctrl-C waits until all of it is written.
        """
        self.claim()
        with interrupts_held(), way_out_named(self.folder):
            self._save(to_plain_data(state | {"about": self.about}))

    def _save(self, state: dict) -> None:
        state = state | {"model": plain_names(state["model"])}
        row = state["history"][-1]
        self._remove_unfinished()
        if not (self.folder / "config.json").exists():
            write_text(self.folder / "config.json", json.dumps(state["config"], indent=1) + "\n")
        if "val_accuracy" in row:
            self._save_ranked(state, row)
        table = pandas.DataFrame(state["history"])
        write_text(self.folder / "history.csv", table.to_csv(index=False, lineterminator="\n"))
        self._log(row)
        # Comes last: after a kill at any moment before it, the epoch is trained and written again.
        save_checkpoint(self.checkpoints / "last.pt", state)
        self.origin = None  # from now on this folder has its own

    def _remove_unfinished(self) -> None:
        """Delete what killed processes left; no living one writes here, since this one holds the claim."""
        for cut_short in [*self.folder.glob("*.partial"), *self.checkpoints.glob("*.partial")]:
            cut_short.unlink()

    def _save_ranked(self, state: dict, row: dict) -> None:
        """Save the state if it is among the best, point to the best, and delete the surplus."""
        path = self.checkpoints / f"epoch_{row['epoch']:03d}_val_{row['val_accuracy']:.4f}.pt"
        if path in rank_checkpoints([*self.ranked(), path])[:self.keep]:
            save_checkpoint(path, state)
        write_text(self.folder / "best.txt", f"checkpoints/{self.ranked()[0].name}\n")
        for surplus in self.ranked()[self.keep:]:  # only now that the new one is safely on disk
            surplus.unlink()

    def _log(self, row: dict) -> None:
        """Scalars for TensorBoard, where it is installed; one that is broken costs a warning, never the run."""
        if not self._logs:
            return
        try:
            self._write_scalars(row)
        except ImportError:
            self._logs = False
        except Exception as error:  # an import of mismatched packages raises whatever it likes
            self._logs = False
            warnings.warn(f"TensorBoard does not work here and gets no scalars ({type(error).__name__}: {error}); "
                          "history.csv has them", stacklevel=2)

    def _write_scalars(self, row: dict) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = self._writer or SummaryWriter(self.folder / "tensorboard", purge_step=row["epoch"])
        for name, value in row.items():
            if name != "epoch":
                self._writer.add_scalar(name.replace("_", "/", 1), value, row["epoch"])
        self._writer.flush()


def rank_checkpoints(paths) -> list[Path]:
    """Those that are named by epoch and accuracy, best first; of two equal ones the later epoch."""
    found = {path: match for path in paths if (match := NAME.fullmatch(path.name))}
    return sorted(found, key=lambda path: (float(found[path][2]), int(found[path][1])), reverse=True)
