"""Every check of an exercise: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import importlib
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.exercises import show_prediction
from helpers.exercises.answers import number

FOLDER = Path(__file__).parent.parent / "helpers" / "exercises"
SOFT, FIRST, SECOND = torch.tensor([[1.0, 0, 0], [0, 3, 0]]), torch.tensor([0, 1]), torch.tensor([1, 2])


def losses():
    """Cross-entropy of the first and of the second partners, by torch."""
    return [torch.nn.functional.cross_entropy(SOFT, labels).item() for labels in (FIRST, SECOND)]


A, B = losses()
RIGHT = {  # file.check → arguments beside the answer, answers that pass: exact, then rounded or of another type
    "mixing.coin_toss_accuracy": ((), [0.55]),
    "mixing.mixed_loss": ((SOFT, FIRST, SECOND, 0.7),
                          [0.7 * A + 0.3 * B, torch.tensor(0.7 * A + 0.3 * B, requires_grad=True)]),
}
MISTAKES = [  # file.check, answer, what the hint says
    ("mixing.coin_toss_accuracy", 0.5, "nearly"), ("mixing.coin_toss_accuracy", 55, "fraction"),
    ("mixing.coin_toss_accuracy", 0.45, "different classes alone"),
    ("mixing.mixed_loss", 0.3 * A + 0.7 * B, "swapped"), ("mixing.mixed_loss", 2 * (0.7 * A + 0.3 * B), "sum"),
    ("mixing.mixed_loss", (A + B) / 2, "count the same"),
]
UNFIT = {"text": "162", "a word": "seven", "NaN": float("nan"), "NaN inside": [0.5, float("nan")],
         "NaN in a tensor": torch.tensor([float("nan")] * 3), "wrong shape": np.zeros((2, 5, 7)), "empty": [],
         "list of None": [None, None, None], "infinity": float("inf"), "a dict": {1: 2}, "True": True,
         "an object": object(), "a function": lambda: 1 / 0, "not answered": ..., "complex": 1j, "negative": -1}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setenv("CIFAR_PROFILE", "smoke")


def find(name):
    file, check = name.split(".")
    return getattr(importlib.import_module(f"helpers.exercises.{file}"), check)


def test_every_check_stands_in_the_table():
    written = {f"{path.stem}.{name}" for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "answers")
               for name, thing in vars(importlib.import_module(f"helpers.exercises.{path.stem}")).items()
               if hasattr(thing, "__wrapped__") and not name.startswith("_")
               and thing.__module__ == f"helpers.exercises.{path.stem}"}
    elsewhere = {name for name in written if name.partition(".")[0] in OWN_FILES}
    assert set(RIGHT) == written - elsewhere == {name for name, _, _ in MISTAKES}
    for name in elsewhere:  # a right answer and two wrong ones at least
        topic, _, check = name.partition(".")
        assert len(re.findall(rf"\b{check}\b", OWN_FILES[topic])) >= 3, name


def own_files():
    """The tests of checks that have a file for their notebook: topic → its text."""
    found = {}
    for path in Path(__file__).parent.glob("test_exercises_*.py"):
        text = path.read_text()
        found[re.search(r"from helpers\.exercises import (\w+) as checks", text)[1]] = text
    return found


OWN_FILES = own_files()


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass_rounded_too(name, capsys):
    arguments, answers = RIGHT[name]
    for answer in answers:
        assert find(name)(answer, *arguments) is True
    assert capsys.readouterr().out == "✓\n" * len(answers)


@pytest.mark.parametrize("name, answer, hint", MISTAKES, ids=lambda part: part if isinstance(part, str) else "")
def test_likely_mistakes_are_named(name, answer, hint, capsys):
    assert find(name)(answer, *RIGHT[name][0]) is False
    said = capsys.readouterr().out
    assert said.startswith("✗ ") and hint in said and "could not be read" not in said


@pytest.mark.parametrize("name", RIGHT)
def test_no_answer_stops_a_notebook(name, capsys):
    for what, answer in UNFIT.items():
        assert find(name)(answer, *RIGHT[name][0]) is False, what
        said = capsys.readouterr().out
        assert said.startswith("✗ ") and said.count("\n") == 1 and len(said) > 15, (what, said)
        if what.startswith("NaN"):
            assert "NaN is no number" in said
        if isinstance(answer, str):
            assert "without quotes" in said
    assert find(name)(None, *RIGHT[name][0]) is False
    assert capsys.readouterr().out == "✗ not answered yet\n"


@pytest.mark.parametrize("name", RIGHT)
def test_a_check_says_the_same_twice_soon_and_changes_nothing(name, capsys):
    arguments, answers = RIGHT[name]
    wrong = next(answer for other, answer, _ in MISTAKES if other == name)
    kept = [np.asarray(part).copy() for part in arguments if not isinstance(part, int | float)]
    for answer in (answers[0], wrong):
        said = []
        for seed in (0, 1):
            torch.manual_seed(seed)
            np.random.seed(seed)
            before, start = torch.get_rng_state(), time.process_time()
            find(name)(answer, *arguments)
            assert time.process_time() - start < 2  # seconds of work, however busy the machine
            assert torch.equal(torch.get_rng_state(), before), "a check takes no random numbers of the notebook"
            said.append(capsys.readouterr().out)
        assert said[0] == said[1]
    given = [part for part in arguments if not isinstance(part, int | float)]
    assert all(np.array_equal(was, np.asarray(now)) for was, now in zip(kept, given, strict=True))


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
