"""Checks of notebook 05: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import numpy as np
import pytest
import torch
from exercise_cases import make_tests

from helpers.exercises import one_cycle as checks


def by_torch(step, total_steps):
    """torch's own schedule of three phases, asked step by step."""
    return rates_of_torch(total_steps)[step]


def rates_of_torch(total_steps, known={}):  # noqa: B006 (a memory on purpose)
    if total_steps not in known:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.4, total_steps=total_steps, pct_start=0.3, anneal_strategy="linear", three_phase=True,
            cycle_momentum=False, div_factor=25, final_div_factor=1e4)
        rates = []
        for _ in range(total_steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        known[total_steps] = rates
    return known[total_steps]


def corners(steps, rates):
    return lambda step, total: float(np.interp(step, steps(total), rates))


THREE = [0.016, 0.4, 0.016, 1.6e-6]
SOLUTION = corners(lambda n: [0, 0.3 * n - 1, 0.6 * n - 2, n - 1], THREE)


def loop(model, batches, optimizer, scheduler, num_epochs, *, zero="before", schedule="step", mode="train",
         order="after"):
    """A reader's loop, right or with faults; written apart from the check's own."""
    getattr(model, mode)()
    for _ in range(num_epochs):
        for images, labels in batches:
            if order == "before":
                scheduler.step()
            loss = torch.nn.CrossEntropyLoss()(model(images), labels)
            if zero == "before":
                optimizer.zero_grad()
            loss.backward()
            if zero == "between":
                optimizer.zero_grad()
            optimizer.step()
            if zero == "after":
                optimizer.zero_grad()
            if schedule == "step" and order == "after":
                scheduler.step()
        if schedule == "epoch":
            scheduler.step()


def faulty(**faults):
    return lambda *arguments: loop(*arguments, **faults)


def by_batch_norm(variances):
    """torch's own layer, shown two values per batch that have this variance."""
    norm = torch.nn.BatchNorm1d(1)
    for variance in variances:
        half = (variance / 2) ** 0.5
        norm(torch.tensor([[-half], [half]]))
    return norm.running_var.item()


def averaged(variances, keep=0.9, start=1.0):
    average = start
    for variance in variances:
        average = keep * average + (1 - keep) * variance
    return average


RIGHT = [
    (checks.three_phases, by_torch), (checks.three_phases, SOLUTION),
    (checks.repaired_loop, loop), (checks.repaired_loop, faulty(zero="after")),
    (checks.running_variance, by_batch_norm), (checks.running_variance, averaged),
    (checks.dishonest, ["c", "e"]), (checks.dishonest, "E c".split()), (checks.dishonest, ("c", "e", "c")),
]
WRONG = [
    (checks.three_phases, 0.4, "the function itself"),
    (checks.three_phases, lambda step, total: None, "returns nothing"),
    (checks.three_phases, corners(lambda n: [0, 0.3 * n, 0.6 * n, n], THREE), "one step early"),
    (checks.three_phases, corners(lambda n: [0, 0.3 * n - 1, n - 1], [0.016, 0.4, 1.6e-6]), "third phase"),
    (checks.three_phases, corners(lambda n: [0, 0.3 * n - 1, 0.6 * n - 2], THREE[:3]), "back at 0.016"),
    (checks.three_phases, corners(lambda n: [0, n / 2, n - 1], [0.016, 0.4, 0.016]), "should have the peak"),
    (checks.three_phases, lambda step, total: 0.016, "never reached"),
    (checks.repaired_loop, faulty(zero="never"), "add up"),
    (checks.repaired_loop, faulty(schedule="epoch"), "once per epoch"),
    (checks.repaired_loop, faulty(mode="eval"), "eval mode"),
    (checks.repaired_loop, faulty(zero="never", schedule="epoch", mode="eval"), "add up from step to step: where are "
     "they set to zero? (and 2 more)"),
    (checks.repaired_loop, faulty(zero="between"), "between them throws the gradient away"),
    (checks.repaired_loop, faulty(order="before"), "skips the first rate"),
    (checks.repaired_loop, lambda *arguments: None, "as they were"),
    (checks.running_variance, lambda values: averaged(values, keep=0.1), "weight of the *new* value"),
    (checks.running_variance, lambda values: averaged(values, start=0.0), "not at 0"),
    (checks.running_variance, lambda values: averaged(values[1:], start=values[0]), "not empty"),
    (checks.running_variance, np.mean, "plain mean"), (checks.running_variance, lambda values: values, "one number"),
    (checks.dishonest, ["a"], "training images only"), (checks.dishonest, ["b", "c"], "what validation is for"),
    (checks.dishonest, ["c", "d"], "may teach"), (checks.dishonest, ["c"], "which of the seeds"),
    (checks.dishonest, ["e"], "which epochs"), (checks.dishonest, ["x"], "from a to e"),
]

test_passes, test_gets_its_hint, test_never_stops_a_notebook = make_tests(RIGHT, WRONG)
pytestmark = pytest.mark.filterwarnings("ignore:Detected call of")  # a wrong answer steps the scheduler too early


@pytest.mark.parametrize("check", [checks.three_phases, checks.repaired_loop, checks.running_variance])
def test_global_random_numbers_are_left_alone(check):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    check(lambda *arguments: 0.0)
    assert torch.equal(torch.get_rng_state(), before)
