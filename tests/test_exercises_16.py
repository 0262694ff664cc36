"""Checks of notebook 16: right answers pass, likely mistakes get their hint, and nothing stops a notebook."""

from exercise_cases import make_tests

from helpers.exercises import stride_padding as checks


def right_size(side, kernel, stride, padding, dilation):
    return (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def reads(stride=2, overhang=0):
    counts = [0] * 32
    for start in range(-overhang, 30 + overhang, stride):
        for place in range(start, start + 3):
            if 0 <= place < 32:
                counts[place] += 1
    return counts


def field(layers, *, jumps=True, dilate=True, early=False):
    pixels, jump = 1, 1
    for kernel, stride, dilation in layers:
        if early:
            jump *= stride
        pixels += (kernel - 1) * (dilation if dilate else 1) * (jump if jumps else 1)
        if not early:
            jump *= stride
    return pixels


RIGHT = [(checks.output_size, right_size), (checks.coverage, reads()), (checks.border_share, 124 / 1024),
         (checks.border_share, 0.121), (checks.border_share, 0.12), (checks.field_of_view, field)]
WRONG = [
    (checks.output_size, lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) / s + 1, "whole pixels"),
    (checks.output_size, lambda n, k, s, p, d: (n + 2 * p - k) // s + 1, "dilation spreads"),
    (checks.output_size, lambda n, k, s, p, d: (n + 2 * p - d * k) // s + 1, "not kernel"),
    (checks.output_size, lambda n, k, s, p, d: (n + p - d * (k - 1) - 1) // s + 1, "both sides"),
    (checks.output_size, lambda n, k, s, p, d: (n + 2 * p - d * (k - 1) - 1) // s, "add one"),
    (checks.output_size, lambda n, k, s, p, d: None, "return"),
    (checks.output_size, 32, "function itself"),
    (checks.coverage, reads(stride=1), "stride 1"),
    (checks.coverage, reads(overhang=2), "more reads"),
    (checks.coverage, [1, 2, 3], "32 are wanted"),
    (checks.field_of_view, lambda layers: field(layers, jumps=False), "strides of the layers before"),
    (checks.field_of_view, lambda layers: field(layers, dilate=False), "dilation spreads"),
    (checks.field_of_view, lambda layers: field(layers, early=True), "own stride comes after"),
    (checks.field_of_view, lambda layers: None, "return"),
    (checks.field_of_view, 9, "function itself"),
    (checks.border_share, 2 / 32, "along one row"),
    (checks.border_share, 0.125, "corners"),
    (checks.border_share, 900 / 1024, "read no zero"),
    (checks.border_share, 124, "over all"),
]


test_right_answers_pass, test_likely_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
