"""Checks of notebook 02: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

import torch
from exercise_cases import make_tests

from helpers.exercises import augmentation as checks

PIXEL = torch.arange(32)


def mask(hole_y, hole_x, size=8, rows=(slice(None), slice(None), None), columns=(slice(None), None, slice(None))):
    in_rows = (PIXEL >= hole_y[:, None]) & (PIXEL < hole_y[:, None] + size)
    in_columns = (PIXEL >= hole_x[:, None]) & (PIXEL < hole_x[:, None] + size)
    return in_rows[rows] & in_columns[columns]


def exchanged(hole_y, hole_x):
    return mask(hole_x, hole_y)


def one_by_one(hole_y, hole_x):
    out = torch.zeros(len(hole_y), 32, 32, dtype=torch.bool)
    for image, (y, x) in enumerate(zip(hole_y.tolist(), hole_x.tolist(), strict=True)):
        out[image, y:y + 8, x:x + 8] = True
    return out


def brighter(images, amounts, shape=(-1, 1, 1, 1)):
    return (images.int() + amounts.view(shape)).clamp(0, 255).to(torch.uint8)


RIGHT = [(checks.hole_mask, mask), (checks.hole_mask, one_by_one),
         (checks.brighten, brighter),
         (checks.brighten, lambda x, a: (x.float() + a[:, None, None, None]).clamp(0, 255).byte()),
         (checks.brighten, lambda x, a: (x + a.view(-1, 1, 1, 1)).clamp(0, 255).to(torch.uint8)),
         (checks.uses_of_a_draw, (40, 4)), (checks.uses_of_a_draw, torch.tensor([40.0, 4.0])),
         (checks.wrong_for_digits, ["a", "c"]), (checks.wrong_for_digits, "C A".split())]
WRONG = [
    (checks.hole_mask, exchanged, "exchanged"),
    (checks.hole_mask, lambda y, x: ~mask(y, x), "true is inside"),
    (checks.hole_mask, lambda y, x: mask(y, x, 6), "instead of 8"),
    (checks.hole_mask, lambda y, x: mask(y, x - x), "place is not right"),
    (checks.hole_mask, lambda y, x: mask(y, x)[0], "one mask"),
    (checks.hole_mask, lambda y, x: None, "return"),
    (checks.hole_mask, 8, "function itself"),
    (checks.brighten, lambda x, a: x + a.view(-1, 1, 1, 1).to(torch.uint8), "wraps around"),
    (checks.brighten, lambda x, a: (x + a.view(-1, 1, 1, 1)).to(torch.uint8).clamp(0, 255), "wraps around"),
    (checks.brighten, lambda x, a: x.int() + a.view(-1, 1, 1, 1), "leave 0 to 255"),
    (checks.brighten, lambda x, a: (x.int() + a.view(-1, 1, 1, 1)).clamp(0, 255), "stay torch.uint8"),
    (checks.brighten, lambda x, a: brighter(x, a, (-1,)), "one per image"),
    (checks.brighten, lambda x, a: x[:1], "shape must stay"),
    (checks.brighten, lambda x, a: x, "its own amount"),
    (checks.uses_of_a_draw, (4, 40), "swapped"),
    (checks.uses_of_a_draw, (10, 4), "every worker"),
    (checks.uses_of_a_draw, (14, 4), "multiply"),
    (checks.uses_of_a_draw, (40, 40), "goes on drawing"),
    (checks.uses_of_a_draw, (40, 1), "same copy"),
    (checks.uses_of_a_draw, [40], "two numbers"),
    (checks.wrong_for_digits, ["a", "b", "c"], "two pixels"),
    (checks.wrong_for_digits, ["c"], "mirror a 2"),
    (checks.wrong_for_digits, ["a"], "a hole of 24 leave"),
    (checks.wrong_for_digits, ["a", "d"], "paler"),
    (checks.wrong_for_digits, ["z"], "from a to d"),
]


test_right_answers_pass, test_likely_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
