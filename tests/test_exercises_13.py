"""Checks of notebook 13: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import numpy as np
from exercise_cases import make_tests

from helpers.exercises import augmentation_ablation as checks


def plan(parts):
    found = {"nothing": []}
    for part in parts:
        found[f"only {part}"] = [part]
        found[f"all but {part}"] = [other for other in parts if other != part]
    return found | {"all": parts}


def cut(image, other, y, x, height, width, kept=None):
    rows, columns = slice(max(0, y), y + height), slice(max(0, x), x + width)
    mixed = image.clone()
    mixed[:, rows, columns] = other[:, rows, columns]
    area = mixed[0, rows, columns].numel()
    return mixed, (1 - area / 1024 if kept is None else kept(area, height, width))


def forgets_the_right_border(image, other, y, x, height, width):
    mixed, _ = cut(image, other, y, x, height, width)
    rows, left = range(max(0, y), min(32, y + height)), max(0, x)
    return mixed, 1 - len(rows) * (x + width - left) / 1024


def interaction(neither, a, b, both):
    return np.mean(both - a - b + neither)


RIGHT = [(checks.leave_one_out, plan), (checks.cut, cut), (checks.interaction, interaction),
         (checks.objections, ["A", "c "]), (checks.objections, ("c", "a"))]
WRONG = [
    (checks.leave_one_out, lambda parts: {"nothing": [], "all": parts}, "lacks 'only crop'"),
    (checks.leave_one_out, lambda parts: plan(parts) | {"all but flip": ["flip"]}, "should hold ['crop', 'jitter']"),
    (checks.leave_one_out, lambda parts: plan(parts) | {"all": parts[::-1]}, "keep the order"),
    (checks.leave_one_out, lambda parts: plan(parts) | {"half": parts}, "'half' is no setting"),
    (checks.leave_one_out, lambda parts: None, "return"),
    (checks.leave_one_out, {}, "function itself"),
    (checks.cut, lambda *a: cut(*a, kept=lambda area, h, w: 1 - h * w / 1024), "whole rectangle"),
    (checks.cut, forgets_the_right_border, "y 5, x 28"),
    (checks.cut, lambda *a: cut(*a, kept=lambda area, h, w: area / 1024), "what the other image got"),
    (checks.cut, lambda *a: cut(*a, kept=lambda area, h, w: 0.5), "count the rows"),
    (checks.cut, lambda image, other, *place: (other, 1 - 80 / 1024), "leave the pasting"),
    (checks.cut, lambda *a: None, "return"),
    (checks.interaction, lambda n, a, b, both: -interaction(n, a, b, both), "wrong sign"),
    (checks.interaction, lambda n, a, b, both: np.mean(both - a - b), "are not gains"),
    (checks.interaction, lambda n, a, b, both: np.mean(both - n), "gain together"),
    (checks.interaction, lambda n, a, b, both: 0, "three gains"),
    (checks.interaction, 0.1, "function itself"),
    (checks.objections, ["a", "b", "c"], "b: compare"),
    (checks.objections, ["c"], "a: what could"),
    (checks.objections, ["a"], "c: is there"),
    (checks.objections, ["d"], "letters from a to c"),
]


test_right_answers_pass, test_likely_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
