"""Confidence against a double loop, temperature against a grid, flips against a loop over images."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from helpers.analysis.calibration import fit_temperature, reliability
from helpers.analysis.predict import predict_logits
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
