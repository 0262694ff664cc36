"""Confidence against a double loop, temperature against a grid, flips against a loop over images."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from helpers.analysis.calibration import chance_ece, fit_temperature, reliability
from helpers.analysis.predict import confidences, predict_logits
from helpers.data.loader import MemoryLoader
from helpers.data.stand_in import make_stand_in


def random_answers(count=400, classes=10, scale=3.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(count, classes, generator=generator)
    labels = torch.distributions.Categorical(logits=logits / 2).probs.cumsum(1)  # less sure than the logits say
    draws = torch.rand(count, 1, generator=generator)
    return logits, (labels < draws).sum(1).clamp(max=classes - 1)


def by_double_loop(logits, labels, num_bins):
    """Every bin asks every image whether it belongs to it: low < confidence ≤ high."""
    rows, gap = [], 0.0
    for b in range(num_bins):
        inside, right = [], 0
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            confidence = math.exp(max(row)) / sum(math.exp(value) for value in row)
            if b / num_bins < confidence <= (b + 1) / num_bins:
                inside.append(confidence)
                right += row.index(max(row)) == label
        count = len(inside)
        mean, share = (sum(inside) / count, right / count) if count else (math.nan, math.nan)
        rows.append((mean, share, count))
        gap += abs(mean - share) * count / len(labels) if count else 0.0
    return *map(np.array, zip(*rows, strict=True)), gap


@pytest.mark.parametrize("count, classes, scale, num_bins", [
    (400, 10, 3.0, 15), (300, 2, 1.0, 10), (200, 100, 6.0, 30), (50, 10, 0.01, 15), (7, 3, 2.0, 1)])
def test_reliability_is_the_double_loop(count, classes, scale, num_bins):
    logits, labels = random_answers(count, classes, scale)
    table = reliability(logits, labels, num_bins)
    confidence, accuracy, counts, gap = by_double_loop(logits, labels, num_bins)
    assert np.array_equal(table["count"], counts) and counts.sum() == count
    assert np.allclose(table["confidence"], confidence, atol=1e-6, equal_nan=True)
    assert np.allclose(table["accuracy"], accuracy, atol=1e-12, equal_nan=True)
    assert table["ece"] == pytest.approx(gap, abs=1e-6)


@pytest.mark.parametrize("count, classes, scale, num_bins", [(400, 10, 3.0, 15), (7, 3, 2.0, 4)])
def test_each_filled_bin_has_the_interval_that_scipy_gives_it(count, classes, scale, num_bins):
    table = reliability(*random_answers(count, classes, scale), num_bins)
    filled = table["count"] > 0
    assert np.isnan(table["low"][~filled]).all() and np.isnan(table["high"][~filled]).all()
    for b in filled.nonzero()[0]:
        right = round(table["accuracy"][b] * table["count"][b])
        interval = stats.binomtest(right, int(table["count"][b])).proportion_ci(method="wilson")
        assert (table["low"][b], table["high"][b]) == pytest.approx(interval, abs=1e-4)


def test_the_empty_bins_were_there():
    logits, labels = random_answers(50, 10, 0.01)  # all confidences near 0.1: one bin of fifteen
    table = reliability(logits, labels)
    assert (table["count"] == 0).sum() == 14 and np.isnan(table["accuracy"]).sum() == 14
    assert math.isfinite(table["ece"])


@pytest.mark.parametrize("right, gap", [(30, 0.25), (40, 0.0), (0, 0.75)])
def test_a_gap_that_can_be_worked_out(right, gap):
    logits = torch.tensor([[math.log(3.0), 0.0]]).repeat(40, 1)  # sure to three quarters, each time
    labels = torch.tensor([1] * 40)
    labels[:{30: 20, 40: 30, 0: 0}[right]] = 0  # 20, 30 or none of 40 are right
    assert reliability(logits, labels, 7)["ece"] == pytest.approx(gap, abs=1e-6)


def test_certain_answers_are_in_the_last_bin():
    table = reliability(torch.tensor([[200.0, 0.0], [0.0, 300.0]]), torch.tensor([0, 0]), 10)
    assert table["count"].tolist() == [0] * 9 + [2] and table["ece"] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="num_bins=0"):
        reliability(torch.zeros(2, 2), torch.zeros(2, dtype=torch.int64), 0)


def test_excess_is_confidence_minus_accuracy_and_no_gap_is_smaller():
    logits, labels = random_answers(400)
    confidence = logits.softmax(1).max(1).values.mean().item()
    right = (logits.argmax(1) == labels).float().mean().item()
    table = reliability(logits, labels)
    assert table["excess"] == pytest.approx(confidence - right, abs=1e-6)
    assert reliability(logits, labels, 1)["ece"] == pytest.approx(abs(table["excess"]), abs=1e-6)
    assert table["ece"] >= abs(table["excess"]) - 1e-6


def test_chance_alone_makes_gaps_that_shrink_with_the_root_of_the_count():
    few, many = (chance_ece(random_answers(count)[0]) for count in (100, 1600))
    assert 0.01 < many < few / 2.5 < 0.1  # a factor of 4, were there no scatter
    logits, labels = random_answers(1600)
    assert reliability(logits, labels)["ece"] > 3 * many  # labels from logits / 2: too sure, and not by chance


def test_chance_is_the_same_twice_and_takes_no_random_numbers():
    logits, _ = random_answers(100)
    before = torch.get_rng_state()
    assert chance_ece(logits) == chance_ece(logits) and torch.equal(torch.get_rng_state(), before)
    certain = torch.tensor([[1000.0, 0.0]]).repeat(50, 1)
    assert chance_ece(certain) == 0  # sure, and always right


# --- temperature ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("scale", [0.5, 3.0, 12.0])
def test_temperature_is_the_best_of_a_fine_grid(scale):
    logits, labels = random_answers(600, 10, scale)
    temperature = fit_temperature(logits, labels)
    grid = np.exp(np.arange(math.log(temperature) - 1.5, math.log(temperature) + 1.5, 0.002))
    losses = [nn.functional.cross_entropy(logits.double() / t, labels).item() for t in grid]
    best = grid[int(np.argmin(losses))]
    assert 0.4 < abs(math.log(best / grid[0])) < 2.6  # inside the grid, not at its edge
    assert temperature == pytest.approx(best, rel=0.003)
    assert nn.functional.cross_entropy(logits.double() / temperature, labels).item() <= min(losses) + 1e-9


def test_temperature_undoes_a_factor_and_changes_no_answer():
    logits, labels = random_answers(600)
    temperature = fit_temperature(logits, labels)
    assert fit_temperature(5 * logits, labels) == pytest.approx(5 * temperature, rel=1e-4)
    assert temperature > 1.5  # the labels were drawn from logits / 2
    assert torch.equal((logits / temperature).argmax(1), logits.argmax(1))
    assert reliability(logits / temperature, labels)["ece"] < reliability(logits, labels)["ece"] / 2


def test_temperature_takes_numpy_and_needs_no_gradient():
    logits, labels = random_answers(100)
    before = logits.clone()
    with torch.no_grad():
        inside = fit_temperature(logits.numpy(), labels.numpy())
    assert inside == fit_temperature(logits, labels) and torch.equal(logits, before) and not logits.requires_grad


# --- flips ------------------------------------------------------------------------------------------------------

def test_flipped_logits_are_the_mean_of_an_image_and_its_mirror_image():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 5, stride=2), nn.BatchNorm2d(6), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
                          nn.Linear(6 * 14 * 14, 10)).train()
    data = make_stand_in("test", 23)
    loader = MemoryLoader(data, 8, statistics=(torch.zeros(3), torch.ones(3)))
    logits, labels = predict_logits(model, loader, precision="float32", flip=True)
    plain, _ = predict_logits(model, loader, precision="float32")
    assert model.training and torch.equal(labels, data.labels) and logits.shape == (23, 10)
    model.eval()
    mirrored_differs = 0
    for image, row in zip(data.images.numpy(), logits, strict=True):
        one, two = (torch.tensor(np.ascontiguousarray(part), dtype=torch.float32) / 255
                    for part in (image, image[:, :, ::-1]))
        with torch.no_grad():
            expected = (model(one[None]) + model(two[None])) / 2
        assert torch.allclose(row, expected[0], atol=1e-4)
        mirrored_differs += not torch.allclose(row, model(one[None])[0], atol=1e-3)
    assert mirrored_differs > 20 and not torch.allclose(plain, logits, atol=1e-3)


def test_a_symmetric_network_gives_the_same_with_flips():
    torch.manual_seed(0)
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))  # the mean knows no left and right
    batches = [(torch.rand(5, 3, 32, 32), torch.arange(5) % 4)]
    plain, flipped = (predict_logits(model, batches, precision="float32", flip=flip)[0] for flip in (False, True))
    assert torch.allclose(plain, flipped, atol=1e-6)


# --- what is refused --------------------------------------------------------------------------------------------

USES = {"reliability": reliability, "fit_temperature": fit_temperature,
        "confidences": lambda logits, labels: confidences(logits)}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_logits_that_are_no_numbers_are_counted_and_refused(use, value):
    logits, labels = random_answers(40)
    logits[7, 3] = logits[30, 0] = logits[30, 1] = value
    with pytest.raises(ValueError, match="logits: 2 of 40 rows hold NaN or infinity, the first is row 7"):
        use(logits, labels)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_no_images_are_refused(use):
    with pytest.raises(ValueError, match=r"logits of shape \(0, 10\)"):
        use(torch.zeros(0, 10), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"logits of shape \(10,\)"):
        use(torch.zeros(10), torch.zeros(10, dtype=torch.int64))


def test_a_masked_class_is_no_error():
    logits, labels = random_answers(60, 4)
    masked = torch.cat([logits, torch.full((60, 1), -math.inf)], 1)
    assert reliability(masked, labels)["ece"] == pytest.approx(reliability(logits, labels)["ece"])
    with pytest.raises(ValueError, match="masked"):
        fit_temperature(masked, torch.full((60,), 4))


OTHER_TYPES = {"int32": lambda t: t.int(), "uint8": lambda t: t.to(torch.uint8), "numpy": lambda t: t.numpy(),
               "numpy uint16": lambda t: t.numpy().astype(np.uint16), "list": lambda t: t.tolist(),
               "whole floats": lambda t: t.double()}


@pytest.mark.parametrize("change", OTHER_TYPES.values(), ids=OTHER_TYPES)
def test_labels_of_other_types_give_the_same(change):
    logits, labels = random_answers(60)
    assert reliability(logits, change(labels))["ece"] == reliability(logits, labels)["ece"]
    assert fit_temperature(logits, change(labels)) == fit_temperature(logits, labels)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 10))
    images = torch.rand(60, 3, 2, 2)
    found = predict_logits(model, [(images.numpy(), change(labels))], precision="float32")
    assert found[1].dtype == torch.int64 and torch.equal(found[1], labels)
    assert torch.equal(found[0], predict_logits(model, [(images, labels)], precision="float32")[0])


@pytest.mark.parametrize("change, named", [
    (lambda t: t[:30], r"labels of shape \(30,\) for 60 images"), (lambda t: t[:, None], r"shape \(60, 1\)"),
    (lambda t: t + 0.5, "expected whole numbers"), (lambda t: t > 4, "labels of type bool"),
    (lambda t: [str(i) for i in t.tolist()], "expected whole numbers"), (lambda t: t * math.nan, "whole numbers"),
    (lambda t: t + 1, "are not from 0 to 9, the first is 10"), (lambda t: t - 10, "are not from 0 to 9")])
def test_labels_that_fit_no_images_are_refused(change, named):
    logits, labels = random_answers(60)
    labels[0] = 9
    for use in (reliability, fit_temperature):
        with pytest.raises(ValueError, match=named):
            use(logits, change(labels))


def test_batches_that_cannot_be_predicted_are_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 10))
    images, labels = torch.rand(4, 3, 2, 2), torch.arange(4)
    for batches, named in ([], "batches is empty"), ([(images, labels[:3])], r"labels of shape \(3,\) for 4 images"), (
            [(images, labels + 0.5)], "whole numbers"), ([(images.byte(), labels)], "images of type torch.uint8"):
        with pytest.raises(ValueError, match=named):
            predict_logits(model, batches, precision="float32")
    for shift in (2, -1):
        with pytest.raises(ValueError, match=f"shift={shift}: from 0 to 1 pixels"):
            predict_logits(model, [(images, labels)], precision="float32", shift=shift)


def test_mixed_labels_come_back_as_they_are():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    rows = torch.tensor([[0.7, 0.3, 0], [0, 1, 0]])
    assert torch.equal(predict_logits(model, [(torch.rand(2, 3, 2, 2), rows)], precision="float32")[1], rows)
