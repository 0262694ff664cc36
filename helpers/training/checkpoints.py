"""Saving and resuming a run: everything that the next step depends on, in one file that is whole or absent."""

import os
import pickle
from pathlib import Path

import torch
from torch import nn


def save_checkpoint(path: str | Path, state: dict) -> Path:
    """Write `state` to `path` so that a kill at any moment leaves the old file or the new one, never half."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with open(partial, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except RuntimeError as error:  # torch's writer hides the system's own error behind one of its own
        raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None
    finally:
        partial.unlink(missing_ok=True)  # there only after an error, such as a full disk
    return path


def load_checkpoint(path: str | Path) -> dict:
    """Read what `save_checkpoint` wrote, onto the CPU, refusing pickled code (``weights_only=True``)."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise TypeError(f"it holds a {type(state).__name__}")
        return state
    except (FileNotFoundError, PermissionError):
        raise
    except IsADirectoryError as error:
        raise ValueError(f"{path} is a folder, not a checkpoint: give the path of a .pt file in it") from error
    except Exception as error:
        reason = ("it asks for more than tensors and plain data; nothing in it was run"
                  if isinstance(error, pickle.UnpicklingError) else str(error)[:80])
        raise ValueError(f"{path}: not a checkpoint that can be read ({type(error).__name__}: {reason}). It may be "
                         "cut short or of another origin; delete it, or pass the path of another one") from error


def load_weights(model: nn.Module, weights: dict, path: str | Path) -> None:
    """Load a ``state_dict`` into `model`, or raise `ValueError` that names the tensors that do not fit."""
    own = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    differing = [f"{name}: {theirs.get(name, 'absent')} there, {own.get(name, 'absent')} here"
                 for name in sorted(own.keys() | theirs.keys()) if own.get(name) != theirs.get(name)]
    if differing:
        raise ValueError(f"{path} holds another architecture or number of classes ({len(differing)} tensors differ, "
                         f"first {'; '.join(differing[:2])}); build the model that its config names")
    model.load_state_dict(weights)


class CheckpointFile:
    """One file that always holds the newest state of a run: the simplest thing that `fit` can save to."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def newest(self) -> Path | None:
        return self.path if self.path.exists() else None

    def save(self, state: dict) -> None:
        save_checkpoint(self.path, state)


def rng_state() -> dict:
    """State of torch's global generators, CPU and every GPU, for a checkpoint."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def restore_rng_state(state: dict) -> None:
    """Put torch's global generators back to what `rng_state` returned."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
