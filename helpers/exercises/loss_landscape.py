"""Checks of notebook 14."""

import torch
from torch import nn

from helpers.exercises import exercise
from helpers.exercises.answers import number


def _weight_and_noise() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(14)
    scales = torch.tensor([0.1, 1.0, 10.0]).view(-1, 1, 1, 1)
    return torch.randn(3, 2, 3, 3, generator=draw) * scales, torch.randn(3, 2, 3, 3, generator=draw)


@exercise
def layer_direction(answer) -> str:
    """A function (noise, weight) → the noise with the norm of the whole layer."""
    weight, noise = _weight_and_noise()
    kept = noise.clone()
    given = torch.as_tensor(answer(noise, weight))
    if not torch.equal(noise, kept):
        return "your function has changed the noise that it was given: return a new tensor"
    if given.shape != noise.shape:
        return f"a tensor of the shape {tuple(noise.shape)} is wanted, this has {tuple(given.shape)}"
    wanted = noise / noise.norm() * weight.norm()
    by_filter = noise / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1) * weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    mistakes = {
        "that is the filter-normalized direction; here the layer as a whole is one vector": by_filter,
        "its length is 1: the norm of the weights is still missing": noise / noise.norm(),
        "the noise has a length of its own: divide by it first": noise * weight.norm(),
        "that is the moved weight; only the direction is wanted": weight + wanted,
    }
    if torch.allclose(given.float(), wanted, rtol=1e-3, atol=1e-4):
        return ""
    for hint, mistake in mistakes.items():
        if torch.allclose(given.float(), mistake, rtol=1e-3, atol=1e-4):
            return hint
    return "divide the noise by its norm as one vector, then multiply by that of the weight"


@exercise
def restores(answer) -> str:
    """A function (model, direction, step, measure) → measure(model) at the moved weights, with the model restored."""
    model, direction = _layer_and_direction()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    expected = {name: before[name] + 0.3 * direction[name] for name in before}
    seen = {}

    def measure(network):
        seen.update({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return 1.25

    value = answer(model, direction, 0.3, measure)
    if not seen:
        return "measure(model) is never called"
    if not all(torch.allclose(seen[name], expected[name], rtol=1e-4) for name in expected):
        return "when it is measured, the network is not at weights + step · direction"
    if hint := _untouched(model, before):
        return hint
    if value is None or abs(number(value) - 1.25) > 1e-6:
        return "return what measure(model) returns"
    return _after_an_error(answer)


def _layer_and_direction() -> tuple[nn.Module, dict]:
    draw = torch.Generator().manual_seed(14)
    model = nn.Linear(40, 30)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw))
    return model, {name: torch.randn(p.shape, generator=draw) for name, p in model.named_parameters()}


def _untouched(model: nn.Module, before: dict) -> str:
    after = model.state_dict()
    if all(torch.equal(after[name], before[name]) for name in before):
        return ""
    if all(torch.allclose(after[name], before[name], atol=1e-4) for name in before):
        return "nearly: w + d − d is not w in floating point; keep a copy and put that back"
    return "afterwards the weights are others than before: a copy needs clone(), else it moves with the weights"


def _after_an_error(answer) -> str:
    model, direction = _layer_and_direction()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def fail(network):
        raise KeyError("on purpose")

    try:
        answer(model, direction, 0.3, fail)
    except KeyError:
        return "when measure raises an error the weights stay moved: use finally" if _untouched(model, before) else ""
    return "an error in measure must reach the caller: finally, without except"


RUNS_A = [(1.0, 0.30), (1.5, 0.20), (2.2, 0.05)]
RUNS_B = [(1.52, 0.12), (1.08, 0.40), (2.9, 0.01), (1.04, 0.15)]


@exercise
def at_equal_loss(answer) -> str:
    """A function (a, b, tolerance) → how much sharper the runs of a are than those of b with the nearest loss."""
    given = answer(list(RUNS_A), list(RUNS_B), 0.1)
    if given is None:
        return "two of the three runs have a partner within the tolerance, and your function returns None"
    given = number(given)
    mistakes = {
        0.115: "",
        -0.115: "the sign is turned: a minus b is wanted",
        0.23: "that is the sum over the pairs: the mean is wanted",
        0.23 / 3: "divide by the pairs that are left, not by all runs of a",
        0.16 / 3: "a pair whose losses differ by more than the tolerance must be left out",
        0.13 / 3: "each run of a meets only *one* run of b, the one with the nearest loss",
        0.55 / 3 - 0.17: "that compares all runs, whatever their loss",
        0.02 / 3: "the runs are paired by their place in the list: pair them by loss",
        -0.01: "that takes the first run of b within the tolerance: the nearest is wanted",
        -0.03: "the losses are subtracted: pair by loss, but subtract the sharpness",
    }
    for value, hint in mistakes.items():
        if abs(given - value) < 1e-6:
            return hint or _with_the_tolerance(answer) or _without_partner(answer)
    return "for each run of a: find the run of b with the nearest loss, drop it if too far, subtract; then average"


def _with_the_tolerance(answer) -> str:
    """A hint where a tolerance other than that of `RUNS_A` changes nothing."""
    wide = answer([(1.0, 0.3)], [(1.3, 0.1)], 0.5)
    if wide is not None and abs(number(wide) - 0.2) < 1e-6:
        return ""
    return "how far losses may differ is the third argument: with 0.5, losses of 1.0 and 1.3 are a pair"


def _without_partner(answer) -> str:
    """A hint where a list of runs without any partner is not answered by None."""
    hint = "where no pair is left there is nothing to compare: return None"
    try:
        nothing = answer([(1.0, 0.3)], [(2.0, 0.1)], 0.1)
    except (ZeroDivisionError, IndexError, ValueError):
        return hint
    return "" if nothing is None else hint


COMPARISONS = {
    1: "raw noise is long beside small weights and short beside large ones: the step is not the same for both",
    2: "the losses lie far apart: who has dug less deep has less steep walls",
    4: "the two are asked different questions: what training would see, and what a finished network suffers",
    5: "one direction from one seed is one draw: another may turn the order round",
}


@exercise
def fair_comparison(answer) -> str:
    """The number of the one fair comparison of five."""
    given = number(answer)
    if given == 3:
        return ""
    return COMPARISONS.get(given, "a number from 1 to 5 is wanted")
