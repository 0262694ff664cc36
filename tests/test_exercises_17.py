"""Checks of notebook 17: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import numpy as np
import torch
from exercise_cases import make_tests

from helpers.exercises import optimizer_comparison as checks


def corrected(w, g, v, t, lr):
    v = 0.99 * v + 0.01 * g**2
    return w - lr * g / (torch.sqrt(v / (1 - 0.99**t)) + 1e-8), v


def corrected_in_place(w, g, v, t, lr):
    v.mul_(0.99).addcmul_(g, g, value=0.01)
    w.sub_(lr * g / (v / (1 - 0.99**t)).sqrt())
    return [w, v]


def rmsprop(correct, sign=1):
    """A step whose divisor is `correct(average, t)`."""
    def step(w, g, v, t, lr):
        v = 0.99 * v + 0.01 * g**2
        return w - sign * lr * g / correct(v, t), v
    return step


def remembers_the_corrected(w, g, v, t, lr):
    v = (0.99 * v + 0.01 * g**2) / (1 - 0.99**t)
    return w - lr * g / v.sqrt(), v


def with_decay(take, add=lambda g, w, decay: g):
    """RMSprop that takes `take(w, moved, lr, decay)` off the weights, and whose gradient is `add(g, w, decay)`."""
    def step(w, g, s, lr, decay):
        g = add(g, w, decay)
        s["v"] = 0.99 * s.get("v", 0) + 0.01 * g**2
        moved = w - lr * g / (s["v"].sqrt() + 1e-8)
        return moved - take(w, moved, lr, decay)
    return step


def decoupled_by_torch(w, g, s, lr, decay):
    """Shrink, then let RMSprop of PyTorch step."""
    if "optimizer" not in s:
        s["weight"] = torch.nn.Parameter(w.clone())
        s["optimizer"] = torch.optim.RMSprop([s["weight"]], lr)
    with torch.no_grad():
        s["weight"].copy_(w * (1 - lr * decay))
    s["weight"].grad = g
    s["optimizer"].step()
    return s["weight"].detach().clone()


def forgets(w, g, s, lr, decay):
    v = 0.99 * s.get("v", 0) + 0.01 * g**2
    return w - lr * g / v.sqrt() - lr * decay * w


def penalized_memory(w, g, s, lr, decay):
    s["v"] = 0.99 * s.get("v", 0) + 0.01 * (g + decay * w) ** 2
    return w - lr * g / s["v"].sqrt() - lr * decay * w


def penalty(w, g, s, lr, decay):
    return with_decay(lambda *parts: 0.0, lambda g, w, decay: g + decay * w)(w, g, s, lr, decay)


def fair(runs):
    results = {}
    for name in {run[0] for run in runs}:
        _, rate = max((accuracy, rate) for one, rate, seed, accuracy in runs if one == name and seed == 10)
        results[name] = np.mean([run[3] for run in runs if run[:2] == (name, rate) and run[2] != 10])
    return results


def chosen_by(seeds, judged_by):
    """A comparison in which these seeds choose the rate by their mean, and those judge."""
    def compare(runs):
        results = {}
        for name in {run[0] for run in runs}:
            def mean(rate, which, name=name):
                return np.mean([run[3] for run in runs if run[:2] == (name, rate) and run[2] in which])
            results[name] = mean(max({run[1] for run in runs}, key=lambda rate: mean(rate, seeds)), judged_by)
        return results
    return compare


def mean_of(keep):
    return lambda runs: {name: np.mean([run[3] for run in runs if run[0] == name and keep(run)])
                         for name in ("new", "old")}


def best_of_all(runs):
    return {name: max(run[3] for run in runs if run[0] == name) for name in ("new", "old")}


def best_at_the_chosen(runs):
    return {"new": 0.71, "old": 0.74}


SHARE = with_decay(lambda w, moved, lr, decay: lr * decay * w)


RIGHT = [
    (checks.corrected_rmsprop, corrected),
    (checks.corrected_rmsprop, corrected_in_place),
    (checks.decoupled_decay, SHARE),
    (checks.decoupled_decay, decoupled_by_torch),
    (checks.fair_comparison, fair),
    (checks.fair_comparison, chosen_by([10], [0, 1])),
    (checks.survivors, (3, 1, 2)),
    (checks.survivors, np.array([3, 1, 2])),
]
WRONG = [
    (checks.corrected_rmsprop, rmsprop(lambda v, t: v.sqrt()), "ten times"),
    (checks.corrected_rmsprop, rmsprop(lambda v, t: v.sqrt() / (1 - 0.99**t)), "before the root"),
    (checks.corrected_rmsprop, rmsprop(lambda v, t: (v / (1 - 0.99 ** (t - 1))).sqrt()), "t is 1"),
    (checks.corrected_rmsprop, rmsprop(lambda v, t: (v / 0.01).sqrt()), "change with t"),
    (checks.corrected_rmsprop, rmsprop(lambda v, t: (v / (1 - 0.99**t)).sqrt(), sign=-1), "up the slope"),
    (checks.corrected_rmsprop, rmsprop(lambda v, t: v / (1 - 0.99**t)), "root of its own square"),
    (checks.corrected_rmsprop, remembers_the_corrected, "corrected again"),
    (checks.corrected_rmsprop, lambda w, g, v, t, lr: w, "two things"),
    (checks.corrected_rmsprop, (1.0, 2.0), "function itself"),
    (checks.decoupled_decay, penalty, "1000 times as loud"),
    (checks.decoupled_decay, with_decay(lambda *parts: 0.0), "no decay left"),
    (checks.decoupled_decay, with_decay(lambda w, moved, lr, decay: decay * w), "rate is missing"),
    (checks.decoupled_decay, with_decay(lambda w, moved, lr, decay: -lr * decay * w), "grow"),
    (checks.decoupled_decay, with_decay(lambda w, moved, lr, decay: lr * decay * moved), "before the step"),
    (checks.decoupled_decay, with_decay(lambda w, moved, lr, decay: lr * decay * w,
                                        lambda g, w, decay: g + decay * w), "1000 times as loud"),
    (checks.decoupled_decay, penalized_memory, "1000 times as loud"),
    (checks.decoupled_decay, forgets, "running average"),
    (checks.decoupled_decay, lambda *parts: None, "return"),
    (checks.fair_comparison, best_of_all, "luckiest"),
    (checks.fair_comparison, chosen_by([10], [10]), "must not judge"),
    (checks.fair_comparison, chosen_by([10], [0, 1, 10]), "not be in the mean"),
    (checks.fair_comparison, chosen_by([0, 1], [0, 1]), "seeds that judge"),
    (checks.fair_comparison, chosen_by([0, 1, 10], [0, 1, 10]), "mean over all seeds"),
    (checks.fair_comparison, mean_of(lambda run: run[2] != 10), "mean over all rates:"),
    (checks.fair_comparison, mean_of(lambda run: True), "rates and seeds"),
    (checks.fair_comparison, best_at_the_chosen, "best seed"),
    (checks.fair_comparison, lambda runs: 0.7, "under its name"),
    (checks.fair_comparison, lambda runs: None, "return"),
    (checks.survivors, (2, 1, 2), "uncorrected"),
    (checks.survivors, (3, 2, 1), "wrong order"),
    (checks.survivors, (3, 0, 2), "Bonferroni: each"),
    (checks.survivors, (3, 1, 1), "0.05 / 4"),
    (checks.survivors, (3, 1, 3), "0.0167"),
    (checks.survivors, (3, 1, 0), "first that fails"),
    (checks.survivors, 3, "three numbers"),
]
MORE_KINDS = [3, [None], lambda *given: "x", lambda *given: torch.zeros(7),
              lambda *given: (torch.zeros(7), 0)]  # beyond those that all exercises share
WRONG += [(check, answer, "✗ ") for check in dict(RIGHT) for answer in MORE_KINDS]


test_right_answers_pass, test_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
