"""Saving and resuming a run: everything that the next step depends on, in one file that is whole or absent."""

import contextlib
import copy
import os
import pickle
import signal
import threading
import time
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

PLAIN = (str, bytes, bool, int, float, complex, type(None), torch.Tensor)
WRAPPERS = ("_orig_mod.", "module.")  # what torch.compile and DataParallel put before the name of every tensor
STALE = 3600  # seconds after which nobody writes to an unfinished file any more


@contextlib.contextmanager
def interrupts_held():
    """Hold Ctrl-C back until the block is done, then let it end the program as it would have before.

    Only the main thread receives Ctrl-C; in any other this does nothing.
    """
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is None:
        yield
        return
    held = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if held:
            signal.raise_signal(signal.SIGINT)


def save_checkpoint(path: str | Path, state: dict) -> Path:
    """Write `state` to `path` so that a kill at any moment leaves the old file or the new one, never half.

    Numbers of NumPy are saved as Python's. What `load_checkpoint` would refuse raises `TypeError`, which names the
    field; a full disk is an `OSError`. Ctrl-C waits until the file is whole.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(path)
    state = to_plain_data(state)
    with interrupts_held():
        try:
            remove_stale(path)
            _write(partial, state)
            _check_readable(partial, state, path)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)  # there only after an error, such as a full disk
    return path


def partial_name(path: Path) -> Path:
    """Where this process writes the file before it gets its name."""
    return path.with_name(f"{path.name}.{os.getpid()}.partial")


def remove_stale(path: Path) -> None:
    """Delete what killed processes left of this file."""
    for partial in path.parent.glob("*.partial"):
        with contextlib.suppress(FileNotFoundError):  # its process may have finished it just now
            if partial.name.startswith(path.name) and time.time() - partial.stat().st_mtime > STALE:
                partial.unlink()


def _write(path: Path, state: dict) -> None:
    """Write a file, and wait until the disk has it.

    torch writes by the path: an interrupt between two of its calls to a Python file breaks its writer.
    """
    try:
        torch.save(state, path)
    except RuntimeError:
        _ask_the_system(path)
        raise
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _ask_the_system(path: Path) -> None:
    """Raise the `OSError` that torch's writer keeps to itself: the next write to the same file meets it again."""
    with open(path, "ab", buffering=0) as file:
        try:
            file.write(bytes(2**20))
            os.fsync(file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None


def _check_readable(partial: Path, state: dict, path: Path) -> None:
    """Refuse what `load_checkpoint` would not read back."""
    foreign = torch.serialization.get_unsafe_globals_in_checkpoint(partial)
    if foreign:
        fields = [f"{name} is a {kind}" for name, kind in find_foreign(state)] or foreign
        raise TypeError(f"{path}: could not be read back, so it is not saved ({'; '.join(fields[:3])}); "
                        "save tensors, numbers, text, lists and dicts")


def to_plain_data(value):
    """The same value with NumPy's numbers as Python's, in dicts, lists and tuples at any depth."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        made = copy.copy(value)  # keeps the versions that a state_dict carries as an attribute
        made.clear()
        made.update({to_plain_data(key): to_plain_data(part) for key, part in value.items()})
        return made
    if type(value) in (list, tuple):
        return type(value)(to_plain_data(part) for part in value)
    return value


def find_foreign(value, name: str = ""):
    """``(field, type)`` of everything in nested data that is neither a tensor nor plain data."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from find_foreign(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            yield from find_foreign(part, f"{name}[{i}]")
    elif not isinstance(value, PLAIN):
        yield name, type(value).__name__


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


def plain_names(weights: dict, prefixes: tuple[str, ...] = WRAPPERS) -> dict:
    """A ``state_dict`` under the names that the network itself gives, without those of its wrappers."""
    names = [name.replace("._orig_mod.", ".") for name in weights]
    while names:
        wrapper = next((prefix for prefix in prefixes if all(name.startswith(prefix) for name in names)), None)
        if wrapper is None:
            break
        names = [name.removeprefix(wrapper) for name in names]
    if names == list(weights):
        return weights
    return dict(zip(names, weights.values(), strict=True))


def load_weights(model: nn.Module, weights: dict, path: str | Path) -> None:
    """Load a ``state_dict`` into `model`, or raise `ValueError` that names the tensors that do not fit.

    Either may be wrapped, by torch.compile, DataParallel, or a module that calls the network ``model``.
    """
    prefixes = (*WRAPPERS, "model.")
    ours = model.state_dict()
    own_names = dict(zip(plain_names(ours, prefixes), ours, strict=True))
    weights = plain_names(weights, prefixes)
    own = {name: _shape(ours[own_name]) for name, own_name in own_names.items()}
    theirs = {name: _shape(tensor) for name, tensor in weights.items()}
    differing = [f"{name}: {theirs.get(name, 'absent')} there, {own.get(name, 'absent')} here"
                 for name in sorted(own.keys() | theirs.keys()) if own.get(name) != theirs.get(name)]
    if differing:
        raise ValueError(f"{path} holds another architecture or number of classes ({len(differing)} tensors differ, "
                         f"first {'; '.join(differing[:2])}); build the model that its config names")
    model.load_state_dict({own_names[name]: tensor for name, tensor in weights.items()})


def _shape(tensor) -> tuple:
    return tuple(getattr(tensor, "shape", ()))


@runtime_checkable
class Claimable(Protocol):
    """What `fit` saves to, if only one process at a time may write there."""

    def claim(self) -> None:
        """Keep every other process out from now on, or raise if one is in."""

    def release(self) -> None:
        """Let other processes in again."""


@contextlib.contextmanager
def claimed(store):
    """Keep other processes out of `store` until the block ends, in whatever way; not every store can, or needs to."""
    if not isinstance(store, Claimable):
        yield
        return
    try:
        store.claim()
        yield
    finally:
        store.release()


class CheckpointFile:
    """One file that always holds the newest state of a run: the simplest thing that `fit` can save to."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def newest(self) -> Path | None:
        return self.path if self.path.exists() else None

    def save(self, state: dict) -> None:
        if "model" in state:
            state = state | {"model": plain_names(state["model"])}
        save_checkpoint(self.path, state)


def rng_state() -> dict:
    """State of torch's global generators, CPU and every GPU, for a checkpoint."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def restore_rng_state(state: dict) -> None:
    """Put torch's global generators back to what `rng_state` returned."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
