"""What the rules read off a range-test curve, and what they refuse, on curves whose answer is known by construction."""

import inspect

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from helpers.data.loader import make_loaders
from helpers.data.stand_in import make_stand_in
from helpers.experiments import load_record
from helpers.training.config import TrainConfig
from helpers.training.range_test import DEFAULT_RULE, RangeTest, lr_range_test, suggest_lrs

LRS = np.geomspace(1e-5, 10, 121)
X = np.log10(LRS)
STEPS = np.arange(121)


def fall_at(center):
    """A logistic fall from 2.3 to 0.8 that is steepest at ``10**center``."""
    return 2.3 - 1.5 / (1 + np.exp(-6 * (X - center)))


RISE = 3 * np.clip(X + 0.5, 0, None) ** 2


def test_a_curve_that_does_not_rise_again_has_no_minimum_to_read():
    assert suggest_lrs(LRS, fall_at(-2) + RISE).keys() == {"steepest", "minimum / 10", "valley"}
    found = suggest_lrs(LRS, fall_at(-2))
    assert found == {"steepest": pytest.approx(1e-2, rel=0.05)}


@pytest.mark.parametrize("losses", [fall_at(1), fall_at(1.5), 2.3 - 0.1 * np.exp(X)], ids=["half", "begun", "faster"])
def test_a_curve_that_is_steepest_at_the_end_suggests_nothing(losses):
    with pytest.raises(ValueError, match="does not rise again up to the largest learning rate, 10, .*raise max_lr"):
        suggest_lrs(LRS, losses)


def test_a_divergence_right_after_the_last_point_is_an_end():
    found = suggest_lrs(LRS, fall_at(-2), diverges=True)
    assert found["minimum / 10"] == pytest.approx(1.0) and found["steepest"] == pytest.approx(1e-2, rel=0.05)


@pytest.mark.parametrize("height", [0.5, 1, 3, 8])
def test_a_bad_first_batch_that_smoothing_drags_along_fools_no_rule(height):
    spike = height * 0.95**STEPS  # what torch-lr-finder's smoothing leaves of it
    plain = suggest_lrs(LRS, fall_at(-2) + RISE)
    for rule, lr in suggest_lrs(LRS, fall_at(-2) + RISE + spike).items():
        assert lr == pytest.approx(plain[rule], rel=0.5), rule
    for flat in (2.3 + spike, 2.3 + spike + RISE):
        with pytest.raises(ValueError, match="never falls below where it starts, or fastest there.*lower min_lr"):
            suggest_lrs(LRS, flat)


class Slope(nn.Module):
    """One weight that each step moves by its learning rate; `after` steps the loss is NaN."""

    def __init__(self, after=10**6):
        super().__init__()
        self.weight, self.after, self.count = nn.Parameter(torch.zeros(1)), after, 0

    def forward(self, x):
        self.count += 1
        right = torch.zeros(len(x), 10)
        right[:, 0] = 1
        return right * self.weight * (float("nan") if self.count > self.after else 1)


def sweep(model, max_lr):
    """A range test on images of one class, whose loss falls as long as the rate is too small to reach its end."""
    data = make_stand_in("train", 64)
    config = TrainConfig(batch_size=32, momentum=0.0, nesterov=False, weight_decay=0.0, label_smoothing=0.0)
    images = next(iter(make_loaders(data, None, config, torch.device("cpu")).train))[0]
    batches = [(images, torch.zeros(len(images), dtype=torch.long))]
    return lr_range_test(model, batches, config, min_lr=1e-4, max_lr=max_lr, num_steps=60)


def test_the_reason_for_a_missing_rule_reaches_the_reader():
    ends = sweep(Slope(), 10.0)
    assert "minimum / 10" not in ends.suggestions and "raise max_lr" in ends.reason
    diverges = sweep(Slope(after=50), 10.0)
    assert len(diverges.lrs) == 50
    assert diverges.suggestions["minimum / 10"] == pytest.approx(diverges.lrs[-1] / 10) and diverges.reason == ""


def test_the_default_rule_is_the_one_that_scatters_least_over_seeds():
    tests = load_record("range_test_readings")["measured"]["range_tests"]
    readings = pd.DataFrame([test["suggestions"] for test in tests])
    assert len(readings) == 8 and readings.notna().all(axis=None)
    assert DEFAULT_RULE == (readings.max() / readings.min()).idxmin()
    assert RangeTest([], [], tests[0]["suggestions"]).suggestion == tests[0]["suggestions"][DEFAULT_RULE]


def test_the_default_range_is_wide_enough_for_the_default_rule():
    largest = inspect.signature(lr_range_test).parameters["max_lr"].default
    for test in load_record("range_test_readings")["measured"]["range_tests"]:
        inside = [lr for lr in test["lrs"] if lr <= largest]
        assert DEFAULT_RULE in suggest_lrs(inside, test["losses"][:len(inside)])


def test_no_reading_of_the_default_rule_is_an_error_that_says_why():
    with pytest.raises(ValueError, match="suggests no learning rate: raise max_lr"):
        _ = RangeTest([], [], {"steepest": 0.1}, "raise max_lr").suggestion
