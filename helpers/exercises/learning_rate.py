"""Checks of notebook 04."""

import copy
import math

import numpy as np
import torch
from torch import nn

from helpers.exercises import exercise
from helpers.exercises.answers import number

FUNCTION = "hand over the function itself, without calling it"
NOTHING = "the function returns nothing: is there a return?"


@exercise
def largest_rate(function) -> str:
    """A function (matrix of second derivatives) → the learning rate below which gradient descent shrinks to 0."""
    if not callable(function):
        return FUNCTION
    hessian = np.array([[3.0, 1.0], [1.0, 2.0]])
    for matrix in (hessian, hessian[::-1, ::-1]):  # axes exchanged: eigvals lists the same eigenvalues the other way
        given = function(matrix.copy())
        if given is None:
            return NOTHING
        if hint := _rate_hint(number(given), matrix):
            return hint
    return ""


def _rate_hint(given: float, hessian: np.ndarray) -> str:
    """What is wrong with the border for a matrix whose eigenvalues are (5 ± √5) / 2; "" if nothing is."""
    high, low = (5 + 5**0.5) / 2, (5 - 5**0.5) / 2
    hints = {
        2 / high: "",
        2 / low: "that is the border of the flattest direction; in the steepest one it explodes",
        1 / high: "that rate lands at the bottom in one step; the border is twice as far",
        high / 2: "upside down: the border is 2 divided by the curvature",
        2 / hessian.trace(): "the trace adds the curvatures up; each direction has a factor 1 − lr · λ of its own",
        2 / hessian.max(): "the entries are curvatures along the axes; the steepest direction lies between them: "
                           "take eigenvalues",
        high: "that is the largest curvature; which rate does it allow?",
    }
    for value, hint in hints.items():
        if abs(given - value) < 1e-3 * value:
            return hint
    return "find the largest eigenvalue λ of the matrix; the border is 2 / λ"


@exercise
def repaired_sweep(function) -> str:
    """A function (model, batches, lrs) → the finite losses of a sweep on a copy, which ends at NaN."""
    if not callable(function):
        return FUNCTION
    lrs = [0.01 * 1.5**step for step in range(12)]
    model = _small_model()
    before = copy.deepcopy(model.state_dict())
    losses = function(model, _batches(), list(lrs))
    if losses is None:
        return NOTHING
    if any(not torch.equal(value, before[name]) for name, value in model.state_dict().items()):
        return "the network that you were given has changed: train a copy, and give the optimizer the copy's parameters"
    losses = [number(loss) for loss in losses]
    if hint := _sweep_hint(losses, lrs):
        return hint
    with_nan = [number(loss) for loss in function(_small_model(), _batches(broken=2), list(lrs))]
    if len(with_nan) > 3 or not all(math.isfinite(loss) for loss in with_nan[:2]):
        return ("a batch made the loss NaN, and the sweep went on: comparisons with NaN are false; "
                "ask whether it is finite")
    if len(with_nan) != 2:
        return "it ends at NaN, but hands the NaN on: return the finite losses only"
    if list(function(_small_model(), _batches(broken=0), list(lrs))):
        return "where the very first loss is NaN there is no finite loss to return: give back an empty list"
    return ""


def _sweep_hint(losses: list[float], lrs: list[float]) -> str:
    """What is wrong with the losses of a sweep over good batches; "" if nothing is."""
    if len(losses) == 4:
        return "it ends with the batches: begin them again until all rates are tried (`endless` does)"
    if len(losses) != len(lrs):
        return f"{len(lrs)} rates were given, and {len(losses)} losses came back; each of them is finite here"
    if _alike(losses, _sweep(lrs)):
        return ""
    if _alike(losses, _sweep([lrs[0]] * len(lrs))):
        return "the rate stays at the first one: nobody reads `optimizer.lr`; it belongs in optimizer.param_groups"
    if _alike(losses, _sweep([0.0] * len(lrs))):
        return "the copy never learns: does the optimizer hold the copy's parameters?"
    if _alike(losses[1:], _sweep([*lrs[1:], lrs[-1]])[1:]) or _alike(losses, _sweep([lrs[0], *lrs])[:len(lrs)]):
        return "each step takes its neighbor's rate: set it before the step that it is for"
    return "these are not the losses of plain SGD with these rates: change the three faults only"


def _alike(losses: list[float], others: list[float]) -> bool:
    return bool(np.allclose(losses, others, rtol=1e-4))


def _small_model() -> nn.Module:
    """A linear classifier of fixed weights, made without a random number."""
    model = nn.utils.skip_init(nn.Linear, 3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.5, -0.3, 0.2], [-0.4, 0.1, 0.3]]))
        model.bias.zero_()
    return model


def _batches(broken: int | None = None) -> list:
    """Four batches of four; in the one of this number is an infinite pixel, which makes the loss NaN."""
    images = torch.linspace(-1, 1, 48).sin().view(4, 4, 3) * torch.tensor([1.0, -2.0, 0.5])
    labels = torch.tensor([0, 1, 1, 0])
    if broken is not None:
        images[broken] = math.inf
    return [(batch, labels) for batch in images]


def _sweep(lrs: list[float]) -> list[float]:
    """The losses of plain SGD that takes these rates one after another, from gradients by hand."""
    model, batches = _small_model(), _batches()
    losses = []
    for step, lr in enumerate(lrs):
        images, labels = batches[step % len(batches)]
        loss = nn.functional.cross_entropy(model(images), labels)
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for weight, gradient in zip(model.parameters(), gradients, strict=True):
                weight -= lr * gradient
        losses.append(loss.item())
    return losses


def _curve(center: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates and losses: a wide logistic fall in log lr, steepest at `center`; a peak, and a sudden fall behind it."""
    lrs = np.geomspace(1e-4, 30, 240)
    fall = 2.3 - 1.5 / (1 + (lrs / center) ** -1.2)
    peak = 1.4 / (1 + (lrs / 5) ** -8) - 0.8 / (1 + (lrs / 12) ** -16)
    return lrs, fall + peak


@exercise
def steepest_rule(function) -> str:
    """A function (lrs, losses) → the rate at which the loss falls fastest in log lr, before it is lowest."""
    if not callable(function):
        return FUNCTION
    for center in (0.02, 0.1):
        given = function(*_curve(center))
        if given is None:
            return NOTHING
        if hint := _steepest_hint(number(given), center):
            return hint
    return ""


def _steepest_hint(given: float, center: float) -> str:
    lrs, losses = _curve(center)
    if given <= 0:
        return "a rate is positive: is this a slope, or a logarithm?"
    if given > 8:
        return "that is in the fall behind the peak, or an index; look before the lowest loss, and return the rate"
    hints = [
        (center, 0.1, ""),
        (lrs[np.gradient(losses, lrs).argmin()], 0.15,
         "that is the slope against lr itself; per factor means against its logarithm, np.log(lrs)"),
        (lrs[losses.argmin()], 0.1, "that is where the loss is lowest; it falls fastest before"),
    ]
    for rate, margin, hint in hints:
        if abs(math.log(given / rate)) < margin:
            return hint
    return "take the slope of the loss against np.log(lrs), and the rate at its most negative value"


@exercise
def steadiest_rule(function) -> str:
    """A function (rule → rates or None) → the rule with the smallest factor, of those that always answer."""
    if not callable(function):
        return FUNCTION
    by_factor = {"small": [0.01, 0.02, 0.05], "large": [1.0, 1.3, 1.5]}
    chosen = function({rule: list(rates) for rule, rates in by_factor.items()})
    if chosen is None:
        return NOTHING
    if chosen not in by_factor:
        return "return the name of the rule, the key of the dict"
    if chosen == "small":
        return "0.01 to 0.05 is a factor of five, 1 to 1.5 one of 1.5: divide the largest rate by the smallest"
    with_gaps = {"rare": [0.3, 0.3, None], "steady": [0.2, 0.3, 0.25], "wild": [0.1, 2.0, 0.4]}
    chosen = function({rule: list(rates) for rule, rates in with_gaps.items()})
    if chosen == "rare":
        return "'rare' is silent once in three, however steady it looks: leave out a rule with None among its rates"
    return "" if chosen == "steady" else "the smallest factor wins, not the largest"
