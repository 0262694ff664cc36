"""The checks of notebook 15: right answers pass, likely mistakes get their hint, and nothing is ever raised."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from helpers.exercises import convolution_filters as checks


def by_loops(image, kernel):
    half = len(kernel) // 2
    padded = F.pad(image, (half,) * 4)
    size = len(kernel)
    return torch.stack([torch.stack([(padded[i:i + size, j:j + size] * kernel).sum() for j in range(image.shape[1])])
                        for i in range(image.shape[0])])


def on_reflected(image, kernel):
    padded = F.pad(image[None, None], (1, 1, 1, 1), mode="reflect")
    return F.conv2d(padded, kernel[None, None])[0, 0]


def color_of(filters, dim):
    rest = filters - filters.mean(dim, keepdim=True)
    return rest.square().sum((1, 2, 3)) / filters.square().sum((1, 2, 3))


def tail(lost, won):
    """By counting subsets, no library: P(at least so many of n), for the larger of both."""
    n = lost + won
    return sum(math.comb(n, k) for k in range(max(lost, won), n + 1)) / 2**n


def exact(lost, won):
    return min(1.0, 2 * tail(lost, won))


def chi_square(lost, won):
    return math.erfc(abs(lost - won) / (lost + won) ** 0.5 / 2**0.5)


RIGHT = [
    ("padded_convolution", by_loops),
    ("padded_convolution", lambda x, k: F.conv2d(x[None, None], k[None, None], padding=len(k) // 2)[0, 0]),
    ("color_share", lambda f: color_of(f, 1)),
    ("color_share", lambda f: f.var(1, correction=0).sum((1, 2)) * 3 / (f**2).sum((1, 2, 3))),
    ("mcnemar", exact),
    ("what_batch_norm_makes_of_zero", 1.1),
    ("what_batch_norm_makes_of_zero", torch.tensor([1.1])),
]
WRONG = [
    ("padded_convolution", by_loops(torch.ones(5, 5), torch.ones(3, 3)), "function itself"),
    ("padded_convolution", lambda x, k: F.conv2d(x[None, None], k[None, None])[0, 0], "lost a border"),
    ("padded_convolution", lambda x, k: by_loops(x, k.flip(0, 1)), "half a turn"),
    ("padded_convolution", lambda x, k: by_loops(x, k.T), "changed places"),
    ("padded_convolution", on_reflected, "there are zeros"),
    ("padded_convolution", lambda x, k: x.sum(), "has shape"),
    ("padded_convolution", lambda x, k: x, "sum of kernel"),
    ("color_share", lambda f: color_of(f, (2, 3)), "over positions"),
    ("color_share", lambda f: color_of(f, (1, 2, 3)), "whole filter"),
    ("color_share", lambda f: 1 - color_of(f, 1), "share of gray"),
    ("color_share", lambda f: 1 - (1 - color_of(f, 1)) / 3, "three times"),
    ("color_share", lambda f: color_of(f, 1).mean(), "one number per filter"),
    ("color_share", lambda f: f.std((1, 2, 3)), "over the three colors"),
    ("mcnemar", tail, "one side only"),
    ("mcnemar", chi_square, "approximation"),
    ("mcnemar", lambda lost, won: 2 * tail(lost, won), "p is 1"),
    ("mcnemar", lambda lost, won: lost - won, "between 0 and 1"),
    ("mcnemar", lambda lost, won: won / (lost + won), "how odd"),
    ("what_batch_norm_makes_of_zero", 0, "not the mean"),
    ("what_batch_norm_makes_of_zero", 0.1, "bias alone"),
    ("what_batch_norm_makes_of_zero", 2.1, "root of 0.25"),
    ("what_batch_norm_makes_of_zero", 1.0, "bias is missing"),
    ("what_batch_norm_makes_of_zero", -0.9, "adds 0.5"),
    ("what_batch_norm_makes_of_zero", 7, "then ReLU"),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT)
def test_right_answers_pass(check, answer, capsys):
    assert getattr(checks, check)(answer), capsys.readouterr().out


@pytest.mark.parametrize(("check", "answer", "hint"), WRONG)
def test_mistakes_get_their_hint(check, answer, hint, capsys):
    assert not getattr(checks, check)(answer)
    assert hint in capsys.readouterr().out


@pytest.mark.parametrize("answer", [None, "text", [], {}, object(), len, lambda: 1, np.nan, torch.ones(2, 2)])
@pytest.mark.parametrize("check", sorted({name for name, _ in RIGHT}))
def test_the_wrong_kind_never_raises(check, answer, capsys):
    assert not getattr(checks, check)(answer)
    assert capsys.readouterr().out.startswith("✗")
