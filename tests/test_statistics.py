"""Intervals and paired differences: against SciPy, by simulation, and what a record cannot tell."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from helpers.analysis import difference, mean_interval, new_run_interval, over_seeds, predict_new_run, sign_test
from helpers.analysis.statistics import Difference
from helpers.data.stand_in import make_stand_in
from helpers.experiments import merge_records, table
from helpers.experiments.records import new_record
from helpers.training.config import TrainConfig

DATA = make_stand_in("train", 10)


def run(seed, changes, accuracy, status="finished", train=0.99):
    final = {"val_accuracy": accuracy, "val_loss": 1 - accuracy, "train_accuracy": train}
    return {"seed": seed, "changes": changes, "status": status, "history": [], "seconds": 2.0,
            "final": final if status == "finished" else {}}


EMPTY = new_record("made_up", DATA, TrainConfig())


def record(*runs):
    return {**EMPTY, "config": dict(EMPTY["config"]), "runs": list(runs)}


def sweep_of(ours, theirs):
    """Two settings over the same seeds, in an order of no meaning."""
    runs = [run(seed, {"max_lr": 0.1}, value) for seed, value in enumerate(ours)]
    runs += [run(seed, {}, value) for seed, value in enumerate(theirs)]
    return record(*runs[::-1])


@pytest.mark.parametrize("n", [3, 4, 9])
def test_difference_is_the_paired_t_test(n):
    rng = np.random.default_rng(n)
    level = rng.normal(0.8, 0.02, n)
    ours, theirs = level + rng.normal(0.01, 0.003, n), level
    found = difference(sweep_of(ours, theirs), {"max_lr": 0.1}, {})
    test = stats.ttest_rel(ours, theirs)
    low, high = test.confidence_interval(0.95)
    expected = (ours - theirs).mean(), low, high, test.pvalue
    assert (found.mean, found.low, found.high, found.p) == pytest.approx(expected)
    assert found.seeds == tuple(range(n)) and found.by_seed == pytest.approx(tuple(ours - theirs))
    back = difference(sweep_of(ours, theirs), {}, {"max_lr": 0.1})
    assert (back.mean, back.low, back.high) == pytest.approx((-found.mean, -found.high, -found.low))


def test_gains_that_are_known_by_seed_give_the_one_sample_t_test():
    gains = pd.Series({3: 0.01, 5: 0.04, 8: -0.02, 9: 0.05})
    found, oracle = over_seeds(gains, metric="val_loss"), stats.ttest_1samp(gains, 0)
    interval = oracle.confidence_interval(0.95)
    assert (found.mean, found.low, found.high, found.p) == pytest.approx((0.02, *interval, oracle.pvalue))
    assert found.seeds == (3, 5, 8, 9) and found.by_seed == tuple(gains) and found.unit == "in loss"
    assert str(over_seeds({0: 0.1}, unfinished=1)).startswith("this record cannot tell (n = 1")


def test_pairs_are_of_one_seed_whatever_the_order():
    mixed = record(run(1, {}, 0.5), run(0, {"max_lr": 0.1}, 0.8), run(2, {}, 0.6), run(0, {}, 0.7),
                   run(2, {"max_lr": 0.1}, 0.7), run(1, {"max_lr": 0.1}, 0.6), run(9, {}, 0.1))
    found = difference(mixed, {"max_lr": 0.1}, {})
    assert found.by_seed == pytest.approx((0.1, 0.1, 0.1)) and found.seeds == (0, 1, 2)


def test_with_fewer_than_three_seeds_the_record_cannot_tell():
    two = difference(sweep_of([0.9, 0.8], [0.5, 0.5]), {"max_lr": 0.1}, {})
    assert math.isnan(two.low) and math.isnan(two.p) and two.mean == pytest.approx(0.35)
    assert str(two) == "this record cannot tell (n = 2, it takes 3): +40.0 and +30.0 points"
    none = difference(record(run(0, {}, 0.5), run(1, {"max_lr": 0.1}, 0.5)), {"max_lr": 0.1}, {})
    assert str(none) == "this record cannot tell (n = 0, it takes 3)" and math.isnan(none.mean)


def test_the_sentence_of_a_difference():
    found = Difference(-0.022, -0.0301, -0.0139, 0.00123, (0, 1, 2), (-0.02, -0.022, -0.024), 1)
    assert str(found) == "-2.2 points, 95 % from -3.0 to -1.4, n = 3, p = 0.0012; 1 unfinished left out"


def test_a_mean_that_rounds_to_zero_has_no_minus_but_an_end_of_its_interval_keeps_it():
    just_below = Difference(-0.0004, -0.0148, -0.0001, 0.4, (0, 1, 2), (0.0, -0.001, -0.0002), 0)
    assert str(just_below).startswith("+0.0 points, 95 % from -1.5 to -0.0, n = 3")
    assert str(just_below._replace(metric="val_loss")).startswith("+0.000 in loss, 95 % from -0.015 to -0.000")


def test_a_loss_is_not_told_in_points():
    gains = [0.1, 0.2, 0.3]
    made = record(*(run(seed, {"max_lr": 0.1}, 0.5 - gain) for seed, gain in enumerate(gains)),
                  *(run(seed, {}, 0.5) for seed in range(3)))  # the loss of a run here is 1 − its accuracy
    loss, accuracy = (str(difference(made, {"max_lr": 0.1}, {}, metric)) for metric in ("val_loss", "val_accuracy"))
    assert loss.startswith("+0.200 in loss, 95 % from -0.048 to +0.448")
    assert accuracy.startswith("-20.0 points, 95 % from -44.8 to +4.8")


def test_diverged_runs_are_left_out_and_counted():
    ended = ["finished", *["diverged: loss is nan"] * 3]
    wild = record(*(run(seed, {"max_lr": 9.0}, 0.1, status) for seed, status in enumerate(ended)),
                  *(run(seed, {}, 0.8) for seed in range(4)))
    found = difference(wild, {"max_lr": 9.0}, {})
    assert found.unfinished == 3 and found.seeds == (0,) and str(found).startswith("this record cannot tell")


def test_equal_differences_have_no_p():
    found = difference(sweep_of([0.5, 0.5, 0.5], [0.25, 0.25, 0.25]), {"max_lr": 0.1}, {})
    assert found.mean == found.low == found.high == 0.25 and math.isnan(found.p)


def test_other_numbers_can_be_compared_and_unknown_ones_are_named():
    made = record(*(run(s, {"mix": "mixup"}, 0.8, train=0.85) for s in range(3)),
                  *(run(s, {}, 0.8, train=0.95) for s in range(3)))
    assert difference(made, {"mix": "mixup"}, {}, "generalization_gap").mean == pytest.approx(-0.1)
    assert difference(made, {"mix": "mixup"}, {}, "val_loss").mean == pytest.approx(0.0)
    with pytest.raises(ValueError, match="'test_accuracy' was not measured: choose from .*'val_accuracy'"):
        difference(made, {"mix": "mixup"}, {}, "test_accuracy")
    with pytest.raises(ValueError, match="no run of {'mix': 'cutmix'} in 'made_up': it has .*mixup"):
        difference(made, {"mix": "cutmix"}, {})


def test_tuples_and_lists_are_the_same_change():
    made = record(*(run(s, {"image_sizes": [[0, 16]]}, 0.8) for s in range(3)), *(run(s, {}, 0.7) for s in range(3)))
    assert difference(made, {"image_sizes": ((0, 16),)}, {}).mean == pytest.approx(0.1)


def test_the_interval_of_a_mean_is_scipys():
    values = [0.93, 0.94, 0.925, 0.91]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean_interval(values) == pytest.approx((np.mean(values), low, high, 4))
    assert np.isnan(mean_interval([0.1, 0.2])[1:3]).all() and np.isnan(mean_interval([0.1]).low)


@pytest.mark.parametrize("values", [[], [0.1, float("nan"), 0.2], [[0.1, 0.2]]])
def test_what_is_no_list_of_numbers_is_refused(values):
    with pytest.raises(ValueError, match="at least one finite number"):
        mean_interval(values)


def test_the_interval_of_a_new_run_by_hand():
    """Three values 0, 1, 2: s.d. 1, t = 4.303, so 1 ± 4.303 · √(4/3)."""
    assert new_run_interval([0, 1, 2]) == pytest.approx((1, 1 - 4.968, 1 + 4.968, 3), abs=2e-3)
    made = record(*(run(seed, {}, value) for seed, value in enumerate([0.0, 0.5, 1.0])), run(3, {}, 0, "diverged: x"))
    assert predict_new_run(made) == pytest.approx(new_run_interval([0, 0.5, 1]))
    with pytest.raises(ValueError, match="no run of {'max_lr': 0.1}"):
        predict_new_run(made, {"max_lr": 0.1})


def test_intervals_cover_the_truth_in_95_of_100_simulated_sweeps():
    """2,000 sweeps of four seeds with a known gain: both intervals hold what they promise, within 93–97 %."""
    rng = np.random.default_rng(0)
    hit_mean = hit_new = 0
    for _ in range(2000):
        level = rng.normal(0.8, 0.02, 5)  # what a seed does to both settings
        gains = rng.normal(0.01, 0.004, 5)
        found = difference(sweep_of((level + gains)[:4], level[:4]), {"max_lr": 0.1}, {})
        hit_mean += found.low <= 0.01 <= found.high
        low, high = new_run_interval(gains[:4])[1:3]
        hit_new += low <= gains[4] <= high
    assert 1860 <= hit_mean <= 1940 and 1860 <= hit_new <= 1940


def test_the_table_has_a_row_per_run_and_a_column_per_changed_field():
    made = record(run(0, {}, 0.8), run(0, {"max_lr": 0.1, "image_sizes": [[0, 16]]}, 0.7),
                  run(1, {"max_lr": 9.0}, 0.1, "diverged: loss is nan"))
    rows = table(made)
    assert rows["max_lr"].tolist() == [0.4, 0.1, 9.0] and rows["image_sizes"].tolist() == ["[]", "[[0, 16]]", "[]"]
    assert rows["generalization_gap"].tolist()[:2] == pytest.approx([0.19, 0.29])
    assert np.isnan(rows["val_accuracy"][2]) and rows["status"][2].startswith("diverged")
    assert rows["seconds"].tolist() == [2, 2, 2] and len(table(record())) == 0


def test_records_of_a_class_become_one():
    first = record(run(0, {}, 0.8), run(0, {"max_lr": 0.1}, 0.7))
    second = record(run(0, {}, 0.1), run(7, {}, 0.79)) | {"created": "another day", "profile": "quick"}
    merged = merge_records(first, second)
    assert [(r["seed"], r["changes"], r["final"]["val_accuracy"]) for r in merged["runs"]] == [
        (0, {}, 0.8), (0, {"max_lr": 0.1}, 0.7), (7, {}, 0.79)]
    assert merge_records(first) == first and len(first["runs"]) == 2
    older = record(run(8, {}, 0.8))
    older["config"].pop("compile")  # from before the field existed
    assert len(merge_records(first, older)["runs"]) == 3


@pytest.mark.parametrize(("change", "said"), [
    ({"experiment": "other"}, "experiment is 'made_up' in one, 'other' in the other"),
    ({"data": {"name": "shapes10", "real": False, "train_images": 9}}, "train_images"),
    ({"config": {"momentum": 0.5}}, "momentum is 0.9 in one, 0.5 in the other")])
def test_records_that_measure_something_else_are_not_merged(change, said):
    with pytest.raises(ValueError, match=f"do not measure the same thing: .*{said}"):
        merge_records(record(), record() | change)


def answers(*counts):
    """Of two networks: both right, only the first, only the second, neither; so many images of each."""
    return [np.repeat(pattern, counts) for pattern in ([True, True, False, False], [True, False, True, False])]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor, pd.Series])
def test_sign_test_counts_the_images_on_which_one_alone_is_right(kind):
    ours, theirs = (kind(right) for right in answers(40, 9, 1, 50))
    assert tuple(sign_test(ours, theirs)) == (9, 1) and tuple(sign_test(theirs, ours)) == (1, 9)
    assert str(sign_test(ours, theirs)) == "gains 9, loses 1, difference +8; by chance ± 6"


@pytest.mark.parametrize(("gained", "lost"), [(9, 1), (1, 9), (3, 4), (5, 5), (0, 3), (0, 0)])
def test_p_of_a_sign_test_counts_coin_tosses(gained, lost):
    tosses = gained + lost
    as_uneven = sum(math.comb(tosses, k) for k in range(tosses + 1) if abs(2 * k - tosses) >= abs(gained - lost))
    assert sign_test(*answers(7, gained, lost, 2)).p == pytest.approx(as_uneven / 2**tosses)


@pytest.mark.parametrize(("ours", "theirs"), [
    ([True, False], [True]), ([[True]], [[True]]), ([0.9, 0.1], [True, False]), ([1, 3], [1, 2]),
])
def test_sign_test_wants_a_bool_per_image_of_both(ours, theirs):
    with pytest.raises(ValueError, match="a bool per image"):
        sign_test(ours, theirs)
