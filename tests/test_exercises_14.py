"""The checks of notebook 14 accept what is right and answer each usual mistake with its hint."""

import torch
from exercise_cases import make_tests

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


def every_near_pair(a, b, tolerance):
    return average([x - y for mine, x in a for other, y in b if abs(mine - other) <= tolerance])


def first_within(a, b, tolerance):
    return average([x - next(y for other, y in b if abs(mine - other) <= tolerance)
                    for mine, x in a if any(abs(mine - other) <= tolerance for other, _ in b)])


def by_place(a, b, tolerance):
    return average([x - y for (_, x), (_, y) in zip(a, b, strict=False)])


RIGHT = [
    (checks.layer_direction, lambda noise, weight: noise / noise.norm() * weight.norm()),
    (checks.restores, careful),
    (checks.at_equal_loss, nearest),
    (checks.fair_comparison, 3),
    (checks.fair_comparison, torch.tensor(3)),
]
WRONG = [
    (checks.layer_direction, by_filter, "filter-normalized"),
    (checks.layer_direction, lambda noise, weight: noise / noise.norm(), "its length is 1"),
    (checks.layer_direction, lambda noise, weight: noise * weight.norm(), "divide by it first"),
    (checks.layer_direction, lambda noise, weight: weight + noise / noise.norm() * weight.norm(), "moved weight"),
    (checks.layer_direction, lambda noise, weight: noise.mul_(weight.norm() / noise.norm()), "has changed the noise"),
    (checks.layer_direction, lambda noise, weight: noise[0], "shape"),
    (checks.restores, undone_by_subtraction, "nearly"),
    (checks.restores, never_undone, "clone"),
    (checks.restores, not_on_error, "finally"),
    (checks.restores, swallows, "without except"),
    (checks.restores, lambda m, d, s, measure: measure(m), "not at weights"),
    (checks.restores, lambda m, d, s, measure: 1.25, "never called"),
    (checks.restores, lambda *arguments: careful(*arguments) and None, "return what"),
    (checks.at_equal_loss, lambda a, b, t: -nearest(a, b, t), "sign is turned"),
    (checks.at_equal_loss, lambda a, b, t: sum(gains(a, b, t)), "sum over the pairs"),
    (checks.at_equal_loss, lambda a, b, t: sum(gains(a, b, t)) / len(a), "the pairs that are left"),
    (checks.at_equal_loss, lambda a, b, t: nearest(a, b, 99), "must be left out"),
    (checks.at_equal_loss, every_near_pair, "only *one*"),
    (checks.at_equal_loss, lambda a, b, t: average([y for _, y in a]) - average([y for _, y in b]), "all runs"),
    (checks.at_equal_loss, by_place, "by their place"),
    (checks.at_equal_loss, first_within, "the nearest is wanted"),
    (checks.at_equal_loss, lambda a, b, t: nearest(a, b, 0.1), "third argument"),
    (checks.at_equal_loss, lambda a, b, t: average(gains(a, b, t, column=0)), "losses are subtracted"),
    (checks.at_equal_loss, lambda a, b, t: sum(gains(a, b, t)) / len(gains(a, b, t)), "return None"),
    (checks.at_equal_loss, lambda a, b, t: average(gains(a, b, t) or [float("nan")]), "return None"),
    (checks.at_equal_loss, lambda a, b, t: None, "returns None"),
    (checks.at_equal_loss, lambda a, b, t: 7, "nearest loss"),
    (checks.fair_comparison, 1, "raw noise"),
    (checks.fair_comparison, 2, "losses lie far apart"),
    (checks.fair_comparison, 4, "different questions"),
    (checks.fair_comparison, 5, "one draw"),
    (checks.fair_comparison, 9, "from 1 to 5"),
]
MORE_KINDS = [[1, 2]]  # beyond those that all exercises share
WRONG += [(check, answer, "✗ ") for check in dict(RIGHT) for answer in MORE_KINDS]


test_right_answers_pass, test_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
