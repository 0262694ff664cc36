"""Confusion counted by hand, Wilson's interval by its definition, and what is refused with its value."""

import numpy as np
import pytest
import torch

from helpers.analysis.errors import confusion_matrix, most_confused, per_class_accuracy
from helpers.analysis.statistics import wilson_interval

LABELS = torch.tensor([0, 0, 1, 2, 2, 2])
PREDICTED = torch.tensor([0, 1, 1, 0, 0, 2])
LOGITS = torch.nn.functional.one_hot(PREDICTED, 3).float()
BY_HAND = [[1, 1, 0], [0, 1, 0], [2, 0, 1]]


@pytest.mark.parametrize("change", [lambda t: t, lambda t: t.int(), lambda t: t.to(torch.uint8), lambda t: t.numpy(),
                                    lambda t: t.numpy().astype(np.uint8), lambda t: t.tolist(), lambda t: t.float()])
def test_confusion_is_counted_by_hand(change):
    """256 and more cells: the places of small integer types would wrap around."""
    matrix = confusion_matrix(LOGITS, change(LABELS), 3)
    assert matrix.tolist() == BY_HAND and matrix.dtype == np.int64
    wide = confusion_matrix(LOGITS.numpy(), change(LABELS), 120)
    assert wide.shape == (120, 120) and wide[:3, :3].tolist() == BY_HAND and wide.sum() == 6


def test_most_confused_and_per_class_accuracy_by_hand():
    assert most_confused(np.array(BY_HAND), ("a", "b", "c")) == [("c", "a", 2), ("a", "b", 1)]
    assert most_confused(torch.tensor(BY_HAND), ("a", "b", "c"), top=1) == [("c", "a", 2)]
    found = per_class_accuracy(LOGITS, LABELS, 3)
    assert found["accuracy"].tolist() == [1 / 2, 1, 1 / 3] and found["count"].tolist() == [2, 1, 3]


@pytest.mark.parametrize("use", [confusion_matrix, per_class_accuracy])
@pytest.mark.parametrize("logits, labels, num_classes, named", [
    (LOGITS, LABELS + 1, 3, "3 of 6 are not from 0 to 2, the first is 3: do they start at 1"),
    (LOGITS, LABELS - 1, 3, "2 of 6 are not from 0 to 2, the first is -1"),
    (LOGITS, LABELS.clamp(max=1), 2, "num_classes=2, but logits of 3 classes"),
    (LOGITS, LABELS[:5], 3, r"labels of shape \(5,\) for 6 images"),
    (LOGITS, LOGITS, 3, r"labels of shape \(6, 3\).*argmax\(1\)"),
    (LOGITS[:0], LABELS[:0], 3, r"logits of shape \(0, 3\)"), (PREDICTED, LABELS, 3, r"logits of shape \(6,\)"),
    (LOGITS * float("nan"), LABELS, 3, "6 of 6 rows hold NaN")])
def test_what_does_not_fit_is_refused(use, logits, labels, num_classes, named):
    with pytest.raises(ValueError, match=named):
        use(logits, labels, num_classes)


def test_other_refusals_name_their_value():
    with pytest.raises(ValueError, match=r"classes \[3\] have no images"):
        per_class_accuracy(LOGITS, LABELS, 4)
    with pytest.raises(ValueError, match=r"matrix \(3, 3\) does not fit 2 classes"):
        most_confused(np.array(BY_HAND), ("a", "b"))
    with pytest.raises(ValueError, match="top=0"):
        most_confused(np.array(BY_HAND), "abc", top=0)


@pytest.mark.parametrize("successes, count", [(0, 1), (1, 1), (45, 50), (0, 10), (4999, 5000)])
def test_wilson_ends_are_where_the_score_is_z(successes, count):
    """Its definition: at the ends, the measured share lies z standard errors *of that end* away."""
    share = successes / count
    for end in wilson_interval(successes, count):
        assert 0 <= end <= 1
        assert (share - end) ** 2 == pytest.approx(1.96**2 * end * (1 - end) / count, abs=1e-12)


@pytest.mark.parametrize("successes, count, named", [
    (6, 5, "6 successes of 5 trials"), (-1, 5, "-1 successes of 5 trials"), (1, -5, "1 successes of -5 trials"),
    (0, 0, "0 successes of 0 trials"), (float("nan"), 5, "nan successes of 5"), ([1, 2, 9], [5, 5, 5], "9 successes"),
    ([1, 2], [5, 0], "2 successes of 0 trials"), ([], [], "are empty")])
def test_wilson_refuses_what_cannot_be(successes, count, named):
    with pytest.raises(ValueError, match=named):
        wilson_interval(successes, count)


def test_wilson_takes_a_float32_share_times_its_count():
    rounded_up = np.nextafter(np.float32(1), np.float32(2)) * np.float64(5000)
    assert rounded_up > 5000
    assert wilson_interval(rounded_up, 5000) == wilson_interval(5000, 5000)
