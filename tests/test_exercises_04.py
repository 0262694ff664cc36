"""Checks of notebook 04: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import copy
import math
import time

import numpy as np
import pytest
import torch
from exercise_cases import make_tests
from torch.nn.functional import cross_entropy

from helpers.exercises import learning_rate as checks
from helpers.training import suggest_lrs


def largest_eigenvalue_by_steps(hessian):
    """Twice what a single step may be: by power iteration, not by the eigenvalues of the check."""
    vector = np.ones(len(hessian))
    for _ in range(50):
        vector = hessian @ vector / np.linalg.norm(vector)
    return 2 / np.linalg.norm(hessian @ vector / np.linalg.norm(vector))


def sweep(model, batches, lrs, *, on_copy=True, set_rate=True, ends_at_nan=True, endless=True, keeps_nan=False,
          optimizer_of_copy=True, early=True):
    """A sweep by torch's SGD, with any of the faults that a reader may leave in it."""
    trial = copy.deepcopy(model) if on_copy else model
    optimizer = torch.optim.SGD((trial if optimizer_of_copy else copy.deepcopy(model)).parameters(), lr=lrs[0])
    losses = []
    for step, lr in enumerate(lrs):
        if step == len(batches) and not endless:
            break
        images, labels = batches[step % len(batches)]
        if set_rate and early:
            optimizer.param_groups[0]["lr"] = lr
        loss = cross_entropy(trial(images), labels)
        if keeps_nan:
            losses.append(loss.item())
        if ends_at_nan and not loss.isfinite():
            break
        if not keeps_nan:
            losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if set_rate and not early:
            optimizer.param_groups[0]["lr"] = lr
    return losses


def sweep_that_keeps_a_first_nan(model, batches, lrs):
    """The condition for going on is asked from the second loss on only."""
    trial, losses = copy.deepcopy(model), []
    optimizer = torch.optim.SGD(trial.parameters(), lr=lrs[0])
    for step, lr in enumerate(lrs):
        optimizer.param_groups[0]["lr"] = lr
        images, labels = batches[step % len(batches)]
        loss = cross_entropy(trial(images), labels)
        if losses and not loss.item() < 5 * min(losses):
            break
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def faulty(**faults):
    return lambda model, batches, lrs: sweep(model, batches, lrs, **faults)


def steepest(lrs, losses):
    slope = np.gradient(losses, np.log(lrs))
    return lrs[int(np.argmin(slope[:np.argmin(losses)]))]


def steepest_by_differences(lrs, losses):
    """Equal factors: the largest drop from one rate to the next is the same place."""
    losses = losses[:np.argmin(losses) + 1]
    return float(lrs[np.diff(losses).argmin()])


def factor(readings):
    scatter = {rule: max(found) / min(found) for rule, found in readings.items() if None not in found}
    return min(scatter, key=scatter.get)


def span(readings):
    return min(readings, key=lambda rule: max(readings[rule]) - min(readings[rule]))


def factor_of_what_is_there(readings):
    found = {rule: [rate for rate in rates if rate] for rule, rates in readings.items()}
    return min(found, key=lambda rule: max(found[rule]) / min(found[rule]))


def factor_of_two_readings_or_more(readings):
    found = {rule: [rate for rate in rates if rate] for rule, rates in readings.items()}
    scatter = {rule: max(rates) / min(rates) for rule, rates in found.items() if len(rates) >= 2}
    return min(scatter, key=scatter.get)


def widest(readings):
    return "large" if "large" in readings else "wild"


RIGHT = [
    (checks.largest_rate, largest_eigenvalue_by_steps),
    (checks.largest_rate, lambda hessian: torch.tensor(2.0) / torch.linalg.eigvalsh(torch.tensor(hessian))[-1]),
    (checks.largest_rate, lambda hessian: round(2 / np.linalg.norm(hessian, 2), 3)),
    (checks.repaired_sweep, sweep),
    (checks.repaired_sweep, lambda *given: np.array(sweep(*given))),
    (checks.steepest_rule, steepest),
    (checks.steepest_rule, steepest_by_differences),
    (checks.steepest_rule, lambda lrs, losses: suggest_lrs(lrs, losses)["steepest"]),
    (checks.steadiest_rule, factor),
]
WRONG = [
    (checks.largest_rate, lambda hessian: 2 / np.linalg.eigvalsh(hessian).min(), "flattest"),
    (checks.largest_rate, lambda hessian: 2 / np.linalg.eigvals(hessian)[0], "flattest"),
    (checks.largest_rate, lambda hessian: 2 / np.linalg.eigvals(hessian)[-1], "flattest"),
    (checks.largest_rate, lambda hessian: 1 / np.linalg.eigvalsh(hessian).max(), "twice as far"),
    (checks.largest_rate, lambda hessian: np.linalg.eigvalsh(hessian).max() / 2, "upside down"),
    (checks.largest_rate, lambda hessian: np.linalg.eigvalsh(hessian).max(), "which rate"),
    (checks.largest_rate, lambda hessian: 2 / np.trace(hessian), "adds the curvatures"),
    (checks.largest_rate, lambda hessian: 2 / hessian.max(), "along the axes"),
    (checks.largest_rate, lambda hessian: 2 / np.diag(hessian).max(), "along the axes"),
    (checks.largest_rate, lambda hessian: 2 / np.linalg.norm(hessian), "largest eigenvalue"),
    (checks.largest_rate, lambda hessian: None, "return"),
    (checks.largest_rate, 0.5, "function itself"),
    (checks.repaired_sweep, faulty(on_copy=False), "has changed"),
    (checks.repaired_sweep, faulty(set_rate=False), "param_groups"),
    (checks.repaired_sweep, faulty(ends_at_nan=False), "went on"),
    (checks.repaired_sweep, faulty(keeps_nan=True), "hands the NaN on"),
    (checks.repaired_sweep, sweep_that_keeps_a_first_nan, "an empty list"),
    (checks.repaired_sweep, faulty(endless=False), "begin them again"),
    (checks.repaired_sweep, faulty(optimizer_of_copy=False), "never learns"),
    (checks.repaired_sweep, faulty(early=False), "neighbor's rate"),
    (checks.repaired_sweep, lambda *given: sweep(*given)[:5], "5 losses"),
    (checks.repaired_sweep, lambda model, batches, lrs: sweep(model, batches, [2 * lr for lr in lrs]), "three faults"),
    (checks.repaired_sweep, lambda *given: None, "return"),
    (checks.repaired_sweep, [2.3, 2.2], "function itself"),
    (checks.steepest_rule, lambda lrs, losses: lrs[np.gradient(losses, np.log(lrs)).argmin()], "behind the peak"),
    (checks.steepest_rule, lambda lrs, losses: lrs[np.gradient(losses, lrs).argmin()], "against its logarithm"),
    (checks.steepest_rule, lambda lrs, losses: lrs[np.argmin(losses)], "lowest"),
    (checks.steepest_rule, lambda lrs, losses: list(lrs).index(steepest(lrs, losses)), "index"),
    (checks.steepest_rule, lambda lrs, losses: np.log10(steepest(lrs, losses)), "positive"),
    (checks.steepest_rule, lambda lrs, losses: 0.02, "np.log"),
    (checks.steepest_rule, lambda lrs, losses: lrs[0], "np.log"),
    (checks.steepest_rule, lambda lrs, losses: None, "return"),
    (checks.steepest_rule, 0.02, "function itself"),
    (checks.steadiest_rule, span, "divide the largest"),
    (checks.steadiest_rule, factor_of_what_is_there, "silent once in three"),
    (checks.steadiest_rule, factor_of_two_readings_or_more, "silent once in three"),
    (checks.steadiest_rule, widest, "not the largest"),
    (checks.steadiest_rule, lambda readings: 1.5, "the name"),
    (checks.steadiest_rule, lambda readings: None, "return"),
    (checks.steadiest_rule, "valley", "without quotes"),
]
MORE_KINDS = [lambda *given: 1 / 0, lambda *given: "x", lambda *given: [], lambda *given: math.nan, lambda *given: 0,
              lambda *given: {}]  # beyond those that all exercises share
WRONG += [(check, answer, "✗ ") for check in dict(RIGHT) for answer in MORE_KINDS]


test_right_answers_pass, test_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)


@pytest.mark.parametrize(("check", "answer"), [RIGHT[0], RIGHT[3], RIGHT[5], RIGHT[8]])
def test_a_check_says_the_same_twice_soon_and_takes_no_random_numbers(check, answer):
    before, started = torch.get_rng_state(), time.process_time()
    assert check(answer) and check(answer)
    assert torch.equal(torch.get_rng_state(), before)
    assert time.process_time() - started < 2


def test_the_curve_of_the_check_tells_the_methods_apart():
    """Steepest in log lr at the center, elsewhere against lr, and steeper behind the peak."""
    for center in (0.02, 0.1):
        lrs, losses = checks._curve(center)
        low = losses.argmin()
        in_log = np.gradient(losses, np.log(lrs))
        assert lrs[in_log[:low].argmin()] == pytest.approx(center, rel=0.1)
        assert lrs[np.gradient(losses, lrs).argmin()] < 0.5 * center
        assert in_log[low:].min() < in_log[:low].min()
        assert suggest_lrs(lrs, losses)["valley"] != pytest.approx(center, rel=0.2)
