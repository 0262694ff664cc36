"""Checks of notebook 17."""

import numpy as np
import torch

from helpers.exercises import exercise
from helpers.exercises.answers import number

ALPHA, RATE, DECAY = 0.99, 0.1, 0.5
GRADIENTS = torch.tensor([[2.0, -0.5], [1.0, 0.25], [-3.0, 0.5]], dtype=torch.float64)
START = torch.tensor([1.0, -2.0], dtype=torch.float64)


def _close(a, b) -> bool:
    a, b = (torch.as_tensor(values, dtype=torch.float64) for values in (a, b))
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-6)


def _by_torch(make) -> list[torch.Tensor]:
    """The weights after each step of an optimizer of PyTorch: the oracle."""
    weight, path = torch.nn.Parameter(START.clone()), []
    optimizer = make([weight])
    for gradient in GRADIENTS:
        weight.grad = gradient.clone()
        optimizer.step()
        path.append(weight.detach().clone())
    return path


@exercise
def corrected_rmsprop(function) -> str:
    """A function (w, g, v, t, lr) → (new w, new v): RMSprop, its running average corrected for having begun at 0."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    # Adam that averages no gradients
    right = _by_torch(lambda weights: torch.optim.Adam(weights, RATE, betas=(0.0, ALPHA)))
    w, v = START.clone(), torch.zeros_like(START)
    for t, g in enumerate(GRADIENTS, start=1):
        given = function(w.clone(), g.clone(), v.clone(), t, RATE)
        if not isinstance(given, tuple | list) or len(given) != 2:
            return "return two things: the new weights, and the new running average"
        new_w, new_v = (torch.as_tensor(part, dtype=torch.float64) for part in given)
        if not _close(new_w, right[t - 1]):
            return _first_step_hint((new_w - w) / (-RATE * g.sign())) if t == 1 else _later_step_hint(new_w, w, g, t)
        w, v = new_w, new_v
    return ""


def _first_step_hint(moved: torch.Tensor) -> str:
    """What is wrong with a first step, in units of the rate; a right one is 1 for each weight."""
    if not moved.isfinite().all() or _close(moved, [0.0, 0.0]):
        return "the first step moves nothing: t is 1 there, and with a power of 0 the correction divides by zero"
    if _close(moved, [10.0, 10.0]):
        return "the first step is still ten times the rate: divide the average by 1 − 0.99**t before its root"
    if _close(moved, [0.1, 0.1]):
        return "the first step is a tenth of the rate: correct the average of squares before the root, not after it"
    if _close(moved, [-1.0, -1.0]):
        return "the step goes up the slope: subtract it"
    return "the first step must move each weight by the rate, against its gradient: g over the root of its own square"


def _later_step_hint(given: torch.Tensor, before: torch.Tensor, g: torch.Tensor, t: int) -> str:
    average = sum((1 - ALPHA) * ALPHA ** (t - 1 - i) * GRADIENTS[i] ** 2 for i in range(t))
    if _close(given, before - RATE * g / (average / (1 - ALPHA)).sqrt()):
        return "right in the first step only: what you divide by must change with t, it is 1 − 0.99 to the power t"
    return f"right before step {t}: hand back the average itself, not the corrected one, which would be corrected again"


@exercise
def decoupled_decay(function) -> str:
    """A repaired function (w, g, s, lr, decay) → new w: RMSprop whose decay does not pass through the division."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    plain = _by_torch(lambda weights: torch.optim.RMSprop(weights, RATE))
    quiet, loud = _walk(function, GRADIENTS), _walk(function, 1000 * GRADIENTS)
    if quiet is None or loud is None:
        return "the function returns nothing: is there a return?"
    right, w = [], START
    for before, after in zip([START, *plain], plain, strict=False):
        w = w + (after - before) - RATE * DECAY * w  # these gradients do not depend on the weights
        right.append(w)
    if all(_close(given, wanted) for given, wanted in zip(quiet + loud, right + right, strict=True)):
        return ""
    if not all(_close(a, b) for a, b in zip(quiet, loud, strict=True)):
        return "a loss 1000 times as loud still changes the path: the decay must pass neither through g nor through v"
    return _decay_hint(plain[0], quiet[0])


def _walk(function, gradients) -> list[torch.Tensor] | None:
    w, memory, path = START.clone(), {}, []
    for g in gradients:
        w = function(w.clone(), g.clone(), memory, RATE, DECAY)
        if w is None:
            return None
        path.append(w)
    return path


def _decay_hint(plain: torch.Tensor, given: torch.Tensor) -> str:
    """What is wrong with the first step, `plain` being the one without decay."""
    taken = (plain - given) / START  # the share of each weight
    if _close(taken, [0.0, 0.0]):
        return "there is no decay left: take lr * decay * w off the weights"
    if _close(taken, [DECAY, DECAY]):
        return "the share that each step takes is lr * decay: the rate is missing"
    if _close(taken, [-RATE * DECAY, -RATE * DECAY]):
        return "the weights grow: decay is subtracted"
    if _close(given, plain * (1 - RATE * DECAY)):
        return "almost: the share is of the weights as they were before the step, not after it"
    if _close(taken, [RATE * DECAY, RATE * DECAY]):
        return "the first step is right, later ones are not: the running average goes on as it did, in s"
    return "each step takes lr * decay * w off the weights, beside the step of RMSprop without decay"


# On seed 10 the rate 0.2 is the better one for "new"; on the seeds that judge, by luck of seed 0, it is 0.1.
RUNS = [("new", 0.1, 0, 0.80), ("new", 0.2, 0, 0.70), ("new", 0.1, 10, 0.70), ("new", 0.2, 10, 0.74),
        ("new", 0.1, 1, 0.73), ("new", 0.2, 1, 0.71), ("old", 0.1, 10, 0.75), ("old", 0.2, 10, 0.60),
        ("old", 0.1, 0, 0.73), ("old", 0.1, 1, 0.74), ("old", 0.2, 0, 0.61), ("old", 0.2, 1, 0.64)]
FAIR = {"new": 0.705, "old": 0.735}
UNFAIR = {  # what "new" gets by which mistake
    0.80: "that is the best of all runs, rate and seed chosen together: the luckiest one wins",
    0.74: "that is the result on seed 10, which chose: it was taken for being high, so it must not judge",
    2.15 / 3: "seed 10 chose the rate, so it must not be in the mean",
    0.765: "the rate was chosen by seeds that judge: let seed 10 choose, and only seed 10",
    2.23 / 3: "the rate was chosen by the mean over all seeds: let seed 10 choose, and only seed 10",
    0.735: "that is the mean over all rates: only the rate that seed 10 chose counts",
    0.73: "that is the mean over all rates and seeds: only the rate that seed 10 chose counts, on the other seeds",
    0.71: "that is the best seed at the chosen rate: take the mean of the seeds that judge",
}


@exercise
def fair_comparison(function) -> str:
    """A repaired function (runs) → {optimizer: mean accuracy}; seed 10 chooses the rate, the other seeds judge."""
    if not callable(function):
        return "hand over the function itself, without calling it"
    given = function(list(RUNS))
    if given is None:
        return "the function returns nothing: is there a return?"
    if not isinstance(given, dict) or set(given) != set(FAIR):
        return f"return a dict with one result per optimizer, under its name: {sorted(FAIR)}"
    given = {name: number(value) for name, value in given.items()}
    if all(abs(given[name] - value) < 1e-4 for name, value in FAIR.items()):
        return ""
    for value, hint in UNFAIR.items():
        if abs(given["new"] - value) < 1e-4:
            return hint
    return "per optimizer: the rate with the best accuracy on seed 10, then the mean over the other seeds at that rate"


@exercise
def survivors(answer) -> str:
    """How many of p = 0.004, 0.012, 0.03, 0.2, 0.6 stay below 0.05: uncorrected, by Bonferroni, by Holm."""
    values = np.asarray(answer, dtype=float).ravel()
    if len(values) != 3:
        return f"three numbers are wanted (uncorrected, Bonferroni, Holm); these are {len(values)}"
    uncorrected, bonferroni, holm = values
    if uncorrected != 3:
        return "uncorrected: count the p below 0.05"
    if (bonferroni, holm) == (2, 1):
        return "the right numbers in the wrong order: Bonferroni comes before Holm"
    if bonferroni != 1:
        return "Bonferroni: each p is compared with 0.05 / 5 = 0.01"
    if holm == 1:
        return "Holm: only the smallest p is compared with 0.05 / 5; the next one with 0.05 / 4"
    if holm == 3:
        return "Holm: the third p, 0.03, is compared with 0.05 / 3, which is 0.0167"
    return "" if holm == 2 else "Holm: 0.05 / 5 for the smallest, 0.05 / 4 for the next, until the first that fails"
