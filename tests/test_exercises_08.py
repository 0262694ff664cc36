"""Checks of notebook 08: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import numpy as np
import pytest
import torch
from exercise_cases import make_tests
from torchvision.transforms import v2

from helpers.analysis import difference
from helpers.exercises import mixing as checks
from helpers.experiments import load_record


def box(share, row, column, size):
    half = int(size * np.sqrt(1 - share) / 2)
    top, bottom, left, right = np.clip([row - half, row + half, column - half, column + half], 0, size)
    return top, bottom, left, right, 1 - (bottom - top) * (right - left) / size**2


def box_by_pixels(share, row, column, size):
    """The box and the share read off a picture that was painted pixel by pixel."""
    half = size * (1 - share) ** 0.5 // 2
    pixels = torch.arange(size) + 0.5
    painted = ((pixels - row).abs() < half)[:, None] & ((pixels - column).abs() < half)
    rows, columns = painted.any(1).nonzero(), painted.any(0).nonzero()
    ends = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]
    return [*map(int, ends), (~painted).float().mean()]


def changed_box(change):
    return lambda *case: change(*case, *box(*case))


def box_of(half_side, whole=int):
    """A box with another half side, cut off at the border, and its own share."""
    def function(share, row, column, size):
        half = whole(half_side(share, size))
        top, bottom, left, right = np.clip([row - half, row + half, column - half, column + half], 0, size)
        return top, bottom, left, right, 1 - (bottom - top) * (right - left) / size**2
    return function


def hanging_over(share, row, column, size):
    half = int(size * (1 - share) ** 0.5 / 2)
    return row - half, row + half, column - half, column + half, share


def larger(of_answer, largest):
    return of_answer == largest


def accuracy(model, batches, *, mode="eval", count=larger, by_batch=False):
    getattr(model, mode)()
    shares_of_answers, largest, sizes = [], [], []
    with torch.no_grad():
        for images, labels in batches:
            answers = model(images).argmax(1, keepdim=True)
            shares_of_answers.append(labels.gather(1, answers)[:, 0])
            largest.append(labels.max(1).values)
            sizes.append(len(labels))
    right = count(torch.cat(shares_of_answers), torch.cat(largest)).float()
    return torch.stack([part.mean() for part in right.split(sizes)]).mean() if by_batch else right.mean()


def faulty(**faults):
    return lambda model, batches: accuracy(model, batches, **faults)


def either(of_answer, largest):
    return of_answer > 0


def back_in_train_mode(model, batches):
    found = accuracy(model, batches)
    model.train()
    return found


def bins(confidence, right, num_bins):
    """(gap, count) of each bin, by a loop over the answers."""
    members = {b: [] for b in range(num_bins)}
    for c, r in zip(confidence, right, strict=True):
        members[int(np.ceil(c * num_bins)) - 1].append((c, float(r)))
    return [(np.mean([c - r for c, r in one]), len(one)) if one else (np.nan, 0) for one in members.values()]


def ece(confidence, right, num_bins):
    return sum(abs(gap) * count for gap, count in bins(confidence, right, num_bins) if count) / len(right)


def with_empty_bins(*answers):
    return sum(abs(gap) * count for gap, count in bins(*answers)) / 10


def of_filled(combine):
    return lambda *answers: combine(np.array([one for one in bins(*answers) if one[1]]))


RIGHT = [
    (checks.cutmix_box, box), (checks.cutmix_box, box_by_pixels),
    (checks.mixed_accuracy, accuracy), (checks.mixed_accuracy, back_in_train_mode),
    (checks.calibration_error, ece), (checks.calibration_error, lambda *answers: torch.tensor(ece(*answers))),
    (checks.allowed, ["b", "d"]), (checks.allowed, "D B".split()),
]
WRONG = [
    (checks.cutmix_box, 3, "the function itself"), (checks.cutmix_box, lambda *case: None, "returns nothing"),
    (checks.cutmix_box, lambda *case: box(*case)[:4], "five numbers"),
    (checks.cutmix_box, hanging_over, "hangs over the border"),
    (checks.cutmix_box, changed_box(lambda *all_: (*all_[4:8], all_[0])), "*more* stays"),
    (checks.cutmix_box, changed_box(lambda *all_: (*all_[4:8], 1 - all_[8])), "pasted part"),
    (checks.cutmix_box, changed_box(lambda *all_: (*all_[4:8], all_[8] / 2)), "height × width"),
    (checks.cutmix_box, box_of(lambda share, size: size * (1 - share) / 2), "root missing"),
    (checks.cutmix_box, box_of(lambda share, size: size * share**0.5 / 2), "the share that *stays*"),
    (checks.cutmix_box, box_of(lambda share, size: size * (1 - share) ** 0.5), "twice the side"),
    (checks.cutmix_box, box_of(lambda share, size: size * (1 - share) ** 0.5 / 2, round), "by int, not rounded"),
    (checks.cutmix_box, lambda share, row, column, size: box(share, column, row, size), "rows and columns"),
    (checks.mixed_accuracy, 0.5, "the function itself"),
    (checks.mixed_accuracy, lambda *both: None, "returns nothing"),
    (checks.mixed_accuracy, faulty(mode="train"), "train mode"),
    (checks.mixed_accuracy, faulty(count=either), "*smaller* partner"),
    (checks.mixed_accuracy, faulty(by_batch=True), "divide once"),
    (checks.mixed_accuracy, faulty(mode="train", by_batch=True), "model.eval() (and 1 more)"),
    (checks.mixed_accuracy, faulty(mode="train", count=either, by_batch=True), "model.eval() (and 2 more)"),
    (checks.mixed_accuracy, lambda model, batches: 0.123, "labels.argmax(1)"),
    (checks.calibration_error, 0.1, "the function itself"),
    (checks.calibration_error, lambda *answers: None, "returns nothing"),
    (checks.calibration_error, with_empty_bins, "leave it out"),
    (checks.calibration_error, of_filled(lambda b: abs(b[:, 0]).mean()), "weigh its gap"),
    (checks.calibration_error, of_filled(lambda b: abs(b[:, 0]).sum() / 5), "the empty one counts"),
    (checks.calibration_error, of_filled(lambda b: b[:, 0] @ b[:, 1] / 10), "cancel"),
    (checks.calibration_error, lambda confidence, right, _: abs(confidence - right).mean(), "single answers"),
    (checks.calibration_error, of_filled(lambda b: abs(b[:, 0]).max()), "largest gap"),
    (checks.calibration_error, of_filled(lambda b: abs(b[:, 0]) @ b[:, 1]), "divide by their number"),
    (checks.calibration_error, lambda confidence, right, num_bins: ece(confidence, right, 5), "num_bins"),
    (checks.allowed, ["a", "b"], "leave out zero"), (checks.allowed, ["b", "c", "d"], "fallen more"),
    (checks.allowed, ["b", "d", "e"], "how many epochs"), (checks.allowed, ["b"], "val_confidence"),
    (checks.allowed, ["d"], "CutMix's difference"), (checks.allowed, ["f"], "from a to e"),
]

test_passes, test_gets_its_hint, test_never_stops_a_notebook = make_tests(RIGHT, WRONG)


@pytest.mark.parametrize("seed", range(8))
def test_the_box_is_torchvisions(seed):
    torch.manual_seed(seed)
    share = torch.distributions.Beta(1.0, 1.0).sample().item()
    column, row = (torch.randint(32, (1,)).item() for _ in range(2))
    top, bottom, left, right, stays = box(share, row, column, 32)
    torch.manual_seed(seed)
    theirs = v2.CutMix(alpha=1.0, num_classes=10).make_params([torch.zeros(2, 3, 32, 32)])
    assert theirs["box"] == (left, top, right, bottom) and theirs["lam_adjusted"] == pytest.approx(stays)


def test_the_letters_are_what_the_record_says():
    record = load_record("regularization")
    smoothing, cutmix = {"label_smoothing": 0.1}, {"mix": "cutmix"}
    gained, lost = difference(record, smoothing, {}), difference(record, cutmix, {})
    assert gained.low < 0 < gained.high  # a is not allowed
    assert lost.high < 0 and lost.p < 0.05 / 8  # b is, also among eight comparisons
    assert difference(record, cutmix, {}, "train_accuracy").high < lost.low  # c: training has fallen more
    modest = difference(record, smoothing, {}, "val_confidence")
    assert modest.high < 0 and modest.p < 0.05 / 8  # d
    assert record["config"]["num_epochs"] < 20  # e


@pytest.mark.parametrize("check, answer", RIGHT[:6])
def test_global_random_numbers_are_left_alone(check, answer):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    check(answer)
    assert torch.equal(torch.get_rng_state(), before)
