"""Every check of an exercise: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import importlib
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers.data.cifar import load_cifar
from helpers.exercises import show_prediction
from helpers.exercises.answers import number
from helpers.models.resnet import ResNet

FOLDER = Path(__file__).parent.parent / "helpers" / "exercises"
NAMES = [f"epoch_{epoch:03d}_val_{accuracy}.pt" for epoch, accuracy in
         ((3, "0.9101"), (7, "0.9312"), (9, "0.9312"), (12, "0.9000"), (15, "0.8950"), (20, "0.9200"), (24, "0.8800"))]
BEST = [NAMES[2], NAMES[1], NAMES[5]]
ROW = np.random.default_rng(0).integers(0, 256, 3072, dtype=np.uint8)
PIXELS = ROW.reshape(32, 32, 3)
LOGITS = torch.tensor([[2.0, 0, 0], [0, 2, 0], [0, 0, 2], [0, 2, 0]])
LABELS = torch.tensor([0, 1, 1, 0])
MATRIX = np.array([[8, 2, 0], [1, 6, 3], [1, 4, 5]])
PREDICTED, TRUE, GROUPS = torch.tensor([0, 1, 2, 3, 0, 2]), torch.tensor([0, 0, 0, 2, 1, 1]), torch.tensor([0, 0, 1, 1])
SOFT, FIRST, SECOND = torch.tensor([[1.0, 0, 0], [0, 3, 0]]), torch.tensor([0, 1]), torch.tensor([1, 2])
MACS = 1_000_000


def losses():
    """Cross-entropy of the first and of the second partners, by torch."""
    return [torch.nn.functional.cross_entropy(SOFT, labels).item() for labels in (FIRST, SECOND)]


def statistics():
    pixels = load_cifar("cifar100", "train").images.double() / 255
    return pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), unbiased=False)


A, B = losses()
RIGHT = {  # file.check → arguments beside the answer, answers that pass: exact, then rounded or of another type
    "architecture.parameters_for_100": ((), [6_619_200, np.int64(6_619_200)]),
    "architecture.field_after_pooling": ((), [8, torch.tensor(8)]),
    "augmentation.count_views": ((), [162]),
    "augmentation.flip_function": ((), [lambda x: x.flip(3), lambda x: x[..., torch.arange(31, -1, -1)]]),
    "augmentation.uses_of_a_draw": ((), [40, 40.0]),
    "checkpoints.three_best": ((NAMES,), [BEST, tuple(BEST), [Path(name) for name in BEST]]),
    "checkpoints.pixel_by_pixel": ((ROW,), [PIXELS.transpose(2, 0, 1), PIXELS.transpose(2, 0, 1).tolist()]),
    "errors.count_errors": ((LOGITS, LABELS), [2, torch.tensor(2)]),
    "errors.precision": ((MATRIX,), [MATRIX.diagonal() / MATRIX.sum(0), [0.8, 0.5, 0.625]]),
    "errors.lower_end": ((), [0.78639, 0.786, np.array([0.7864])]),
    "hundred_classes.epochs_of_four_cycles": ((), [75]),
    "hundred_classes.errors_inside": ((PREDICTED, TRUE, GROUPS), [3 / 5]),
    "mixing.coin_toss_accuracy": ((), [0.55]),
    "mixing.mixed_loss": ((SOFT, FIRST, SECOND, 0.7),
                          [0.7 * A + 0.3 * B, torch.tensor(0.7 * A + 0.3 * B, requires_grad=True)]),
    "one_cycle.rate_on_the_way_down": ((), [0.15]),
    "one_cycle.standard_error": ((), [(0.09 / 5000) ** 0.5, 0.0042]),
    "statistics.cifar100_statistics": ((), [statistics]),
    "statistics.two_flat_images": ((), [(0.3, 0.0), np.array([0.3, 0])]),
    "training_speed.operations_an_epoch": ((MACS,), [6 * 50_000 * MACS, 3.001e11]),
    "training_speed.seen_one_way": ((), [2 / 256, 0.0078]),
    "variants.small_resnet": ((), [lambda: ResNet([2, 2, 2], [8, 16, 32])]),
    "variants.dilated_field": ((), [15]),
}
MISTAKES = [  # file.check, answer, what the hint says
    ("architecture.parameters_for_100", 6_573_120, "ten classes"),
    ("architecture.parameters_for_100", 6_619_200 + 90, "no bias"),
    ("architecture.parameters_for_100", 6_619_200 + 100, "no bias"),
    ("architecture.parameters_for_100", 6_619_200 + 5120, "counted twice"),
    ("architecture.field_after_pooling", 6, "image pixels"), ("architecture.field_after_pooling", 18, "overlap"),
    ("augmentation.count_views", 81, "mirrored"), ("augmentation.count_views", 128, "nine shifts"),
    ("augmentation.count_views", 36, "multiply"),
    ("augmentation.flip_function", lambda x: x.flip(2), "upside down"),
    ("augmentation.flip_function", lambda x: x.flip(2, 3), "half a circle"),
    ("augmentation.flip_function", lambda x: x, "nothing has changed"),
    ("augmentation.flip_function", lambda x: None, "return"),
    ("augmentation.flip_function", lambda x: x.flip(3).float(), "type must stay"),
    ("augmentation.flip_function", lambda x: x[0], "shape must stay"),
    ("augmentation.flip_function", torch.zeros(2, 3, 32, 32), "function itself"),
    ("augmentation.uses_of_a_draw", 4, "every epoch"), ("augmentation.uses_of_a_draw", 10, "every worker"),
    ("augmentation.uses_of_a_draw", 14, "multiply"),
    ("checkpoints.three_best", NAMES[-3:], "last epochs"), ("checkpoints.three_best", BEST[::-1], "right three"),
    ("checkpoints.three_best", [NAMES[1], NAMES[2], NAMES[5]], "later epoch"),
    ("checkpoints.three_best", [NAMES[6], NAMES[4], NAMES[3]], "lowest"),
    ("checkpoints.three_best", NAMES[:2], "you gave 2"), ("checkpoints.three_best", ["a", "b", "c"], "none of the"),
    ("checkpoints.pixel_by_pixel", PIXELS, "move the color"),
    ("checkpoints.pixel_by_pixel", ROW.reshape(3, 32, 32), "planes"),
    ("checkpoints.pixel_by_pixel", PIXELS.T, "lying on its side"),
    ("errors.count_errors", 0.5, "share"), ("errors.precision", [0.8, 0.6, 0.5], "recall"),
    ("errors.precision", [80, 50, 62.5], "not percent"), ("errors.precision", 0.5, "one number per class"),
    ("errors.lower_end", 0.9 - 1.96 * (0.09 / 50) ** 0.5, "normal approximation"),
    ("errors.lower_end", 0.9565, "upper end"), ("errors.lower_end", 78.64, "not percent"),
    ("hundred_classes.epochs_of_four_cycles", 20, "one length"),
    ("hundred_classes.epochs_of_four_cycles", 40, "alone"),
    ("hundred_classes.epochs_of_four_cycles", 35, "begins"),
    ("hundred_classes.errors_inside", 3 / 6, "all answers"),
    ("hundred_classes.errors_inside", 4 / 6, "right answers too"),
    ("hundred_classes.errors_inside", 3, "how many"), ("hundred_classes.errors_inside", 2 / 5, "outside"),
    ("mixing.coin_toss_accuracy", 0.5, "nearly"), ("mixing.coin_toss_accuracy", 55, "fraction"),
    ("mixing.coin_toss_accuracy", 0.45, "different classes alone"),
    ("mixing.mixed_loss", 0.3 * A + 0.7 * B, "swapped"), ("mixing.mixed_loss", 2 * (0.7 * A + 0.3 * B), "sum"),
    ("mixing.mixed_loss", (A + B) / 2, "count the same"),
    ("one_cycle.rate_on_the_way_down", 0.12, "at the peak"), ("one_cycle.rate_on_the_way_down", 0.5, "share of"),
    ("one_cycle.rate_on_the_way_down", 0.18, "falls"),
    ("one_cycle.standard_error", 1.8e-5, "variance"), ("one_cycle.standard_error", 0.424, "percentage points"),
    ("one_cycle.standard_error", 0.3, "one try"), ("one_cycle.standard_error", 0.00832, "one spread"),
    ("statistics.cifar100_statistics", lambda: [255 * part for part in statistics()], "divide the pixels"),
    ("statistics.cifar100_statistics", lambda: statistics()[::-1], "wrong order"),
    ("statistics.cifar100_statistics", lambda: (statistics()[0], statistics()[1] ** 2), "variance"),
    ("statistics.cifar100_statistics", lambda: (statistics()[0], 0.8 * statistics()[1]), "per-image spreads"),
    ("statistics.cifar100_statistics", (0.5, 0.2), "three numbers"),
    ("statistics.cifar100_statistics", (1, 2, 3), "two things"),
    ("statistics.two_flat_images", (0, 0.3), "wrong order"),
    ("statistics.two_flat_images", (0.3, 0.3), "second number"),
    ("statistics.two_flat_images", (0.6, 0), "distance"), ("statistics.two_flat_images", (0.09, 0), "variance"),
    ("statistics.two_flat_images", (1, 2, 3), "you gave 3"),
    ("training_speed.operations_an_epoch", 50_000 * MACS, "training goes back"),
    ("training_speed.operations_an_epoch", 1e5 * MACS, "forward passes alone"),
    ("training_speed.operations_an_epoch", 1.5e5 * MACS, "two operations"),
    ("training_speed.operations_an_epoch", 2e5 * MACS, "backward pass does twice"),
    ("training_speed.operations_an_epoch", 6 * MACS, "per multiply-accumulate and image"),
    ("training_speed.seen_one_way", 1 / 256, "never being flipped"),
    ("training_speed.seen_one_way", 254 / 256, "both ways"),
    ("variants.small_resnet", ResNet, "network itself"),
    ("variants.small_resnet", lambda: ResNet([1, 1], [8, 16]), "2 blocks in 2 stages"),
    ("variants.small_resnet", lambda: ResNet([2, 2, 2], [64, 128, 256]), "halving all channels"),
    ("variants.dilated_field", 7, "without dilation"), ("variants.dilated_field", 14, "first pixel"),
    ("variants.dilated_field", 17, "overlap"),
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


def made(name, answer):
    """Answers that take time to make, or that a check would change, are made when they are needed."""
    made_late = name in ("statistics.cifar100_statistics", "variants.small_resnet")
    return answer() if made_late and callable(answer) and not isinstance(answer, type) else answer


def test_every_check_stands_in_the_table():
    written = {f"{path.stem}.{name}" for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "answers")
               for name, thing in vars(importlib.import_module(f"helpers.exercises.{path.stem}")).items()
               if hasattr(thing, "__wrapped__") and thing.__module__ == f"helpers.exercises.{path.stem}"}
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
        assert find(name)(made(name, answer), *arguments) is True
    assert capsys.readouterr().out == "✓\n" * len(answers)


@pytest.mark.parametrize("name, answer, hint", MISTAKES, ids=lambda part: part if isinstance(part, str) else "")
def test_likely_mistakes_are_named(name, answer, hint, capsys):
    assert find(name)(made(name, answer), *RIGHT[name][0]) is False
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
        answer, said = made(name, answer), []
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
