"""The checks of notebook 10: right answers pass, likely mistakes get their hint."""

import copy
import os

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
    (checks.whole_or_absent, write),
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
