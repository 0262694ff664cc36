"""Covered squares on networks that look at one pixel, and accuracy by rank counted by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from helpers.analysis.evidence import accuracy_by_rank, occlusion_map


class OnePixel(nn.Module):
    """Class 1 as far as the red of a single pixel is high; nothing else matters."""

    def __init__(self, row, column):
        super().__init__()
        self.place = row, column
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        red = x[:, 0, self.place[0], self.place[1]] * self.scale
        return torch.stack([torch.zeros_like(red), red], dim=1)


@pytest.mark.parametrize("row, column", [(0, 0), (5, 2), (7, 7)])
def test_only_squares_over_the_pixel_that_matters_change_the_answer(row, column):
    image = torch.full((3, 8, 8), 3.0)
    before = image.clone()
    found = occlusion_map(OnePixel(row, column), image, size=2, stride=2)
    assert found.shape == (4, 4, 2) and torch.equal(image, before)
    expected = torch.full((4, 4), torch.tensor(3.0).sigmoid().item())
    expected[row // 2, column // 2] = 0.5
    torch.testing.assert_close(found[..., 1], expected)


def test_overlapping_squares_and_the_mode_are_kept():
    model = nn.Sequential(OnePixel(4, 4), nn.Dropout(0.9)).train()
    found = occlusion_map(model, torch.full((3, 8, 8), 3.0), size=4, stride=2)
    assert model.training and found.shape == (3, 3, 2)
    assert (found[..., 1] == 0.5).int().tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 1]]


@pytest.mark.parametrize("image, size, stride, named", [
    (torch.zeros(1, 3, 8, 8), 2, 2, r"shape \(1, 3, 8, 8\)"), (torch.zeros(3, 8, 8, dtype=torch.uint8), 2, 2, "uint8"),
    (torch.zeros(3, 8, 8), 9, 2, "size=9"), (torch.zeros(3, 8, 8), 2, 0, "stride=0")])
def test_what_cannot_be_covered_is_named(image, size, stride, named):
    with pytest.raises(ValueError, match=named):
        occlusion_map(OnePixel(0, 0), image, size=size, stride=stride)


def test_accuracy_by_rank_by_hand():
    score = [0.9, 0.1, 0.5, 0.3]
    right = [True, False, True, False]
    found = accuracy_by_rank(score, right, torch.tensor([0, 0, 1, 1]), num_bins=2)
    assert found["accuracy"].tolist() == [0, 1] and found["count"].tolist() == [2, 2]
    assert np.allclose(found["score"], [0.2, 0.7])
    assert found["by_class"].tolist() == [0.5, 0.5]
    assert (found["low"] <= found["accuracy"]).all() and (found["accuracy"] <= found["high"]).all()


def test_where_only_the_class_matters_the_baseline_is_the_accuracy():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000)
    found = accuracy_by_rank(labels + rng.random(3000) / 2, labels == 1, labels)
    assert np.allclose(found["by_class"], found["accuracy"])
    assert found["count"].tolist() == [300] * 10


@pytest.mark.parametrize("change, named", [
    (dict(num_bins=5), "num_bins=5 for 4"), (dict(right=[True]), r"\(1,\) answers"),
    (dict(score=[1, float("nan"), 3, 4]), "1 of 4 scores are NaN"),
    (dict(score=[], right=[], labels=[]), "no scores: give at least one image")])
def test_sizes_that_do_not_fit_are_named(change, named):
    given = dict(score=[1, 2, 3, 4], right=[True] * 4, labels=[0, 1, 0, 1], num_bins=2) | change
    with pytest.raises(ValueError, match=named):
        accuracy_by_rank(**given)
