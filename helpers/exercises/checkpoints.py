"""Checks of notebook 10."""

import os
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import nn

from helpers.exercises import exercise
from helpers.exercises.answers import letters

OLD, PIECES = b"the old file, whole", [b"the new ", b"file, ", b"whole as well"]
REPORTABLE = {"b", "d"}


def _begin(seed: int):
    """A tiny network with dropout, its optimizer and its schedule."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    return model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)


def _train(model, optimizer, scheduler, steps: int) -> None:
    for _ in range(steps):
        loss = (model(torch.randn(16, 4)) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()


def _same(states, others) -> bool:
    return all(torch.equal(one, other) for one, other in zip(states, others, strict=True))


def _momentum(optimizer) -> list:
    return [entry["momentum_buffer"].clone() for entry in optimizer.state.values() if "momentum_buffer" in entry]


def _interrupt(save, load) -> str:
    """Train five steps, save, train on, load into a new network: a hint at the first thing that did not come back."""
    old = _begin(0)
    _train(*old, steps=5)
    weights = [tensor.clone() for tensor in old[0].state_dict().values()]
    momentum, position, numbers = _momentum(old[1]), old[2].last_epoch, torch.get_rng_state()
    state = save(*old)
    if state is None:
        return "save returns nothing: is there a return?"
    _train(*old, steps=3)
    living = [tensor.clone() for tensor in old[0].state_dict().values()]
    new = _begin(1)
    load(state, *new)
    loaded = list(new[0].state_dict().values())
    if _same(loaded, living):
        return "the state trained on after it was saved: state_dict hands out the living weights; copy them (deepcopy)"
    if not _same(loaded, weights):
        return "the weights that load puts into the network are not those of the moment of saving"
    if len(_momentum(new[1])) != len(momentum) or not _same(_momentum(new[1]), momentum):
        return "the optimizer's momentum is not that of the moment of saving: save its state_dict too, as a copy"
    if new[2].last_epoch != position or new[1].param_groups[0]["lr"] != 0.1 * 0.5 ** (position // 2):
        return "the schedule is not where it was: save the scheduler's state_dict too"
    if not torch.equal(torch.get_rng_state(), numbers):
        return "the next random numbers are others: torch.get_rng_state() to save, torch.set_rng_state() to load"
    return ""


@exercise
def save_and_load(functions) -> str:
    """Two functions: save(model, optimizer, scheduler) → state and load(state, model, optimizer, scheduler)."""
    if callable(functions) or len(functions) != 2 or not all(callable(one) for one in functions):
        return "hand over the two functions themselves: answer = save, load"
    return _interrupt(*functions)


def _broken():
    yield PIECES[0]
    raise OSError(28, "No space left on device")


def _watched(function, path) -> tuple[list, list]:
    """Write all pieces: file sizes at each fsync; at each rename to path, (old file there, new one on the disk)."""
    sizes, renames = [], []
    whole, sync = len(b"".join(PIECES)), os.fsync

    def fsync(file):
        sync(file)
        sizes.append(os.fstat(file if isinstance(file, int) else file.fileno()).st_size)

    def watch(rename):
        def renamed(src, dst, **folders):
            if os.path.abspath(dst) == str(path):
                renames.append((path.exists() and path.read_bytes() == OLD, whole in sizes))
            return rename(src, dst, **folders)
        return renamed

    with mock.patch.multiple(os, fsync=fsync, replace=watch(os.replace), rename=watch(os.rename)):
        function(path, iter(PIECES))
    return sizes, renames or [(True, whole in sizes)]  # Python 3.10: a Path renames by functions of its own


@exercise
def whole_or_absent(function) -> str:
    """A repaired function (path, pieces) that leaves the old file whole where writing the new one fails."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        path.write_bytes(OLD)
        number = path.stat().st_ino
        try:
            function(path, _broken())
        except OSError:
            pass
        else:
            return "the disk was full and nobody heard of it: let the error through"
        if not path.exists() or path.read_bytes() != OLD:
            return "after a full disk the old file is gone: write to another name, and rename at the end"
        sizes, renames = _watched(function, path)
        if not path.exists() or path.read_bytes() != b"".join(PIECES):
            return "without any failure, the new file should be there under its own name, whole"
        if path.stat().st_ino == number:
            return "a power cut while the pieces are written still finds the old name open: os.replace takes it at once"
        if not all(old_there for old_there, _ in renames):
            return "for a moment there is no file: os.replace takes the old name in one step, so remove nothing before"
        if not sizes:
            return "renamed, but is it on the disk? os.fsync(file.fileno()) before the rename"
        if not all(synced for _, synced in renames):
            return "synced too early or too late: write, file.flush(), os.fsync(file.fileno()), then rename"
        return ""


@exercise
def pixel_by_pixel(answer, row) -> str:
    """A row of 3072 values, stored pixel by pixel, as an image (3, 32, 32)."""
    answer, row = np.asarray(answer), np.asarray(row)
    expected = np.empty((3, 32, 32), row.dtype)
    for color, y, x in np.ndindex(expected.shape):
        expected[color, y, x] = row[96 * y + 3 * x + color]
    if answer.shape == (32, 32, 3):
        return "height × width × color is how it lies in the row; now move the color to the front"
    if answer.shape != (3, 32, 32):
        return f"the shape is {answer.shape}, wanted (3, 32, 32)"
    if np.array_equal(answer, row.reshape(3, 32, 32)):
        return "that reads planes: the first 1024 values are not all red here"
    if np.array_equal(answer, expected.transpose(0, 2, 1)):
        return "lying on its side: rows and columns are exchanged"
    return "" if np.array_equal(answer, expected) else "first three values: red, green and blue of the top left pixel"


@exercise
def may_report(answer) -> str:
    """Which of four numbers may be reported as the accuracy on new images, by letter."""
    given = letters(answer, "abcd")
    if given == REPORTABLE:
        return ""
    if "a" in given:
        return "a: the best of 24 was chosen by these very validation images; part of its lead is luck"
    if "c" in given:
        return "c: whoever takes the best of four rows has let the test set choose"
    if "d" not in given:
        return "d: validation chose, and the test images had no part in it"
    return "b: nothing was chosen at all"
