"""The checks of notebook 14 accept what is right and answer each usual mistake with its hint."""

import pytest
import torch

from helpers.exercises import loss_landscape as checks


def by_filter(noise, weight):
    return noise / noise.flatten(1).norm(dim=1).view(-1, 1, 1, 1) * weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def careful(model, direction, step, measure):
    kept = {name: p.detach().clone() for name, p in model.named_parameters()}
    try:
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.add_(step * direction[name])
        return measure(model)
    finally:
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.copy_(kept[name])


@torch.no_grad()
def undone_by_subtraction(model, direction, step, measure):
    for name, p in model.named_parameters():
        p += step * direction[name]
    value = measure(model)
    for name, p in model.named_parameters():
        p -= step * direction[name]
    return value


@torch.no_grad()
def never_undone(model, direction, step, measure):
    for name, p in model.named_parameters():
        p += step * direction[name]
    return measure(model)


@torch.no_grad()
def not_on_error(model, direction, step, measure):
    kept = {name: p.clone() for name, p in model.named_parameters()}
    value = never_undone(model, direction, step, measure)
    for name, p in model.named_parameters():
        p.copy_(kept[name])
    return value


def swallows(model, direction, step, measure):
    try:
        return careful(model, direction, step, measure)
    except KeyError:
        return 0.0


def gains(a, b, tolerance, column=1):
    pairs = [(mine, min(b, key=lambda other: abs(other[0] - mine[0]))) for mine in a]
    return [mine[column] - other[column] for mine, other in pairs if abs(mine[0] - other[0]) <= tolerance]


def average(values):
    return sum(values) / len(values)


def nearest(a, b, tolerance):
    left = gains(a, b, tolerance)
    return average(left) if left else None


RIGHT = [
    ("layer_direction", lambda noise, weight: noise / noise.norm() * weight.norm()),
    ("restores", careful),
    ("at_equal_loss", nearest),
    ("fair_comparison", 3),
    ("fair_comparison", torch.tensor(3)),
]
MISTAKES = [
    ("layer_direction", by_filter, "filter-normalized"),
    ("layer_direction", lambda noise, weight: noise / noise.norm(), "its length is 1"),
    ("layer_direction", lambda noise, weight: noise * weight.norm(), "divide by it first"),
    ("layer_direction", lambda noise, weight: weight + noise / noise.norm() * weight.norm(), "moved weight"),
    ("layer_direction", lambda noise, weight: noise.mul_(weight.norm() / noise.norm()), "has changed the noise"),
    ("layer_direction", lambda noise, weight: noise[0], "shape"),
    ("restores", undone_by_subtraction, "nearly"),
    ("restores", never_undone, "clone"),
    ("restores", not_on_error, "finally"),
    ("restores", swallows, "without except"),
    ("restores", lambda m, d, s, measure: measure(m), "not at weights"),
    ("restores", lambda m, d, s, measure: 1.25, "never called"),
    ("restores", lambda *arguments: careful(*arguments) and None, "return what"),
    ("at_equal_loss", lambda a, b, t: -nearest(a, b, t), "sign is turned"),
    ("at_equal_loss", lambda a, b, t: sum(gains(a, b, t)), "sum over the pairs"),
    ("at_equal_loss", lambda a, b, t: sum(gains(a, b, t)) / len(a), "the pairs that are left"),
    ("at_equal_loss", lambda a, b, t: nearest(a, b, 99), "must be left out"),
    ("at_equal_loss", lambda a, b, t: average([x - y for m, x in a for n, y in b if abs(m - n) <= t]), "only *one*"),
    ("at_equal_loss", lambda a, b, t: average([y for _, y in a]) - average([y for _, y in b]), "all runs"),
    ("at_equal_loss", lambda a, b, t: average([x - y for (_, x), (_, y) in zip(a, b, strict=False)]), "by their place"),
    ("at_equal_loss", lambda a, b, t: average(gains(a, b, t, column=0)), "losses are subtracted"),
    ("at_equal_loss", lambda a, b, t: sum(gains(a, b, t)) / len(gains(a, b, t)), "return None"),
    ("at_equal_loss", lambda a, b, t: average(gains(a, b, t) or [float("nan")]), "return None"),
    ("at_equal_loss", lambda a, b, t: None, "returns None"),
    ("at_equal_loss", lambda a, b, t: 7, "nearest loss"),
    ("fair_comparison", 1, "raw noise"),
    ("fair_comparison", 2, "losses lie far apart"),
    ("fair_comparison", 4, "different questions"),
    ("fair_comparison", 5, "one draw"),
    ("fair_comparison", 9, "from 1 to 5"),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers_pass(name, answer, capsys):
    assert getattr(checks, name)(answer) and capsys.readouterr().out == "✓\n"


@pytest.mark.parametrize(("name", "answer", "hint"), MISTAKES)
def test_a_mistake_gets_its_hint(name, answer, hint, capsys):
    assert not getattr(checks, name)(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("name", ["layer_direction", "restores", "at_equal_loss", "fair_comparison"])
@pytest.mark.parametrize("answer", [None, "text", [1, 2], float("nan"), object(), lambda: 1, {}])
def test_an_answer_of_the_wrong_kind_never_raises(name, answer, capsys):
    assert not getattr(checks, name)(answer)
    assert capsys.readouterr().out.startswith("✗ ")
