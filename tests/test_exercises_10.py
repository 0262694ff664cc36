"""The checks of notebook 10: right answers pass, likely mistakes get their hint."""

import copy
import os
import shutil

import numpy as np
import torch
from exercise_cases import make_tests

from helpers.exercises import checkpoints as checks

ROW = np.random.default_rng(0).integers(0, 256, 3072, dtype=np.uint8)
PIXELS = ROW.reshape(32, 32, 3)


def pixel_by_pixel(answer):
    return checks.pixel_by_pixel(answer, ROW)


def save(*parts):
    return copy.deepcopy([part.state_dict() for part in parts]), torch.get_rng_state()


def load(state, *parts):
    for part, saved in zip(parts, state[0], strict=True):
        part.load_state_dict(saved)
    torch.set_rng_state(state[1])


def save_living(*parts):
    return [part.state_dict() for part in parts], torch.get_rng_state()


def load_without(left_out):
    def load_some(state, *parts):
        for place, (part, saved) in enumerate(zip(parts, state[0], strict=True)):
            if place != left_out:
                part.load_state_dict(saved)
        if left_out != 3:
            torch.set_rng_state(state[1])
    return load_some


def write(path, pieces):
    with open(f"{path}.partial", "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.partial", path)


def write_unbuffered(path, pieces):
    with open(f"{path}.partial", "wb", buffering=0) as file:
        for piece in pieces:
            file.write(piece)
        os.fsync(file)
    path.with_name(f"{path.name}.partial").replace(path)


def write_each_piece(path, pieces):
    with open(f"{path}.partial", "wb") as file:
        for piece in pieces:
            file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    shutil.move(f"{path}.partial", path)


def write_with_backup(path, pieces):
    shutil.copyfile(path, f"{path}.old")
    write(path, pieces)


def not_flushed(path, pieces):
    with open(f"{path}.partial", "wb") as file:
        for piece in pieces:
            file.write(piece)
        os.fsync(file.fileno())
    os.replace(f"{path}.partial", path)


def synced_late(path, pieces):
    with open(f"{path}.partial", "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.replace(f"{path}.partial", path)
        os.fsync(file.fileno())


def synced_early(path, pieces):
    with open(f"{path}.partial", "wb") as file:
        os.fsync(file.fileno())
        for piece in pieces:
            file.write(piece)
    os.replace(f"{path}.partial", path)


def moved_away(path, pieces, away=os.remove):
    with open(f"{path}.partial", "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    away(path)
    os.rename(f"{path}.partial", path)


def renamed_to_old(path, pieces):
    moved_away(path, pieces, away=lambda path: os.rename(path, f"{path}.old"))


def in_place(path, pieces):
    with open(path, "wb") as file:
        for piece in pieces:
            file.write(piece)


def all_at_once(path, pieces):
    whole = b"".join(pieces)
    with open(path, "wb") as file:
        file.write(whole)


def unsynced(path, pieces):
    partial = path.with_suffix(".partial")
    partial.write_bytes(b"".join(pieces))
    partial.replace(path)


def silent(path, pieces):
    try:
        write(path, pieces)
    except OSError:
        pass


def never_renamed(path, pieces):
    path.with_suffix(".partial").write_bytes(b"".join(pieces))


RIGHT = [
    (checks.save_and_load, (save, load)),
    (checks.whole_or_absent, write), (checks.whole_or_absent, write_unbuffered),
    (checks.whole_or_absent, write_each_piece), (checks.whole_or_absent, write_with_backup),
    (pixel_by_pixel, PIXELS.transpose(2, 0, 1)), (pixel_by_pixel, PIXELS.transpose(2, 0, 1).tolist()),
    (checks.may_report, ["b", "d"]), (checks.may_report, "D b".split()),
]
WRONG = [
    (checks.save_and_load, (save_living, load), "living weights"),
    (checks.save_and_load, (save, load_without(0)), "not those of the moment"),
    (checks.save_and_load, (save, load_without(1)), "momentum"),
    (checks.save_and_load, (save, load_without(2)), "schedule"),
    (checks.save_and_load, (save, load_without(3)), "random numbers"),
    (checks.save_and_load, (lambda *parts: None, load), "return"),
    (checks.save_and_load, save, "two functions"),
    (checks.whole_or_absent, in_place, "old file is gone"),
    (checks.whole_or_absent, all_at_once, "os.replace"),
    (checks.whole_or_absent, unsynced, "fsync"),
    (checks.whole_or_absent, not_flushed, "file.flush()"),
    (checks.whole_or_absent, synced_late, "too late"),
    (checks.whole_or_absent, synced_early, "too early"),
    (checks.whole_or_absent, moved_away, "for a moment"),
    (checks.whole_or_absent, renamed_to_old, "for a moment"),
    (checks.whole_or_absent, silent, "let the error through"),
    (checks.whole_or_absent, never_renamed, "under its own name"),
    (pixel_by_pixel, PIXELS, "move the color"),
    (pixel_by_pixel, ROW.reshape(3, 32, 32), "planes"),
    (pixel_by_pixel, PIXELS.T, "lying on its side"),
    (checks.may_report, ["a", "b", "d"], "best of 24"),
    (checks.may_report, ["b", "c"], "let the test set choose"),
    (checks.may_report, ["b"], "validation chose"),
    (checks.may_report, ["d"], "nothing was chosen"),
    (checks.may_report, ["e"], "letters from a to d"),
]
test_passes, test_hint, test_never_stops = make_tests(RIGHT, WRONG)


def test_random_numbers_of_the_notebook_stay_as_they_were():
    before = torch.get_rng_state()
    checks.save_and_load((save, load))
    assert torch.equal(torch.get_rng_state(), before)
