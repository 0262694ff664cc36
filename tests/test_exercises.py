"""Every check of an exercise has its tests; a number and a guess of any kind are read."""

import ast
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.exercises import architecture, checkpoints, exercise, show_prediction
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


def numbers_after(check, answer):
    """The reader's next random numbers, drawn after a check."""
    torch.manual_seed(11)
    check(answer)
    return torch.rand(3).tolist()


@exercise
def reseeds(answer) -> str:
    torch.manual_seed(3)
    torch.rand(2)
    return answer(1)


@pytest.mark.parametrize("check, answer", [
    (reseeds, lambda one: ""), (reseeds, lambda one: one / 0), (architecture.he_initialization, lambda layer: None),
    (reseeds, lambda one: torch.rand(5) is None)], ids=["right", "an error", "of notebook 03", "an answer that draws"])
def test_a_check_leaves_the_random_numbers_of_the_reader_alone(check, answer):
    assert numbers_after(check, answer) == numbers_after(lambda answer: None, None)


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


def test_who_gives_a_letter_as_text_is_told_to_give_a_list(capsys):
    """Without its quotes a letter is a name that Python does not know; what the hint shows can be read."""
    assert not checkpoints.may_report("b")
    hint = capsys.readouterr().out
    assert "this is text, 'b'" in hint
    shown = ast.literal_eval(re.search(r"\[.*?\]", hint)[0])
    assert shown == ["b"]
    checkpoints.may_report(shown)
    assert not re.search("text|could not be read|give letters", capsys.readouterr().out)
