"""Every check of an exercise has its tests; a number and a guess of any kind are read."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.exercises import show_prediction
from helpers.exercises.answers import number

FOLDER = Path(__file__).parent.parent / "helpers" / "exercises"


def test_every_check_stands_in_the_file_of_its_notebook():
    for path in FOLDER.glob("*.py"):
        module = importlib.import_module(f"helpers.exercises.{path.stem}")
        checks = [name for name, thing in vars(module).items()
                  if hasattr(thing, "__wrapped__") and not name.startswith("_") and thing.__module__ == module.__name__]
        for check in checks:  # a right answer and two wrong ones at least
            assert len(re.findall(rf"\b{check}\b", OWN_FILES[path.stem])) >= 3, f"{path.stem}.{check}"


def own_files():
    """The tests of checks that have a file for their notebook: topic → its text."""
    found = {}
    for path in Path(__file__).parent.glob("test_exercises_*.py"):
        text = path.read_text()
        found[re.search(r"from helpers\.exercises import (\w+) as checks", text)[1]] = text
    return found


OWN_FILES = own_files()


def test_number_reads_one_number_of_any_type():
    for one in (3, 3.0, np.float32(3), [3], torch.tensor([[3]]), torch.tensor(3.0, requires_grad=True)):
        assert number(one) == 3 and type(number(one)) is float
    with pytest.raises(TypeError, match=r"one number is wanted, this has the shape \(2,\)"):
        number([1, 2])


@pytest.mark.parametrize("guess, shown", [(0.912345, "0.9123"), (None, "not given"), (torch.tensor(2), "2"),
                                          ("many", "'many' (no number)"), ([1, 2], "[1, 2] (no number)")])
def test_a_guess_of_any_kind_is_shown_beside_the_measurement(guess, shown, capsys):
    show_prediction(guess, torch.tensor(0.5))
    assert capsys.readouterr().out == f"your guess: {shown} · measured: 0.5\n"
