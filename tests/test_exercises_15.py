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


def ring_of(u, v, k=7):
    """The squared distance of a frequency from zero, in whole numbers: another way to find the rings."""
    return min(u, k - u) ** 2 + min(v, k - v) ** 2


def over_rings(power):
    rings = {}
    for u in range(7):
        for v in range(7):
            rings.setdefault(ring_of(u, v), []).append((u, v))
    result = power.copy()
    for members in rings.values():
        rows, columns = zip(*members, strict=True)
        result[:, rows, columns] = power[:, rows, columns].sum(1, keepdims=True) / len(members)
    return result


def power_of(filters):
    return (np.abs(np.fft.fft2(filters)) ** 2).sum(1)


def shaped(noise, factor):
    return np.fft.ifft2(np.fft.fft2(noise) * factor[:, None]).real


def smooth(filters, noise):
    return shaped(noise, over_rings(power_of(filters)) ** 0.5)


def smooth_in_torch(filters, noise):
    """As a tensor, without the mean and at a scale of its own: both are free."""
    made = 3 * torch.as_tensor(smooth(filters, noise))
    return made - made.mean((2, 3), keepdim=True)


def one_profile(filters, noise):
    power = power_of(filters)
    share = (power / power.sum((1, 2), keepdims=True)).mean(0, keepdims=True)
    return shaped(noise, over_rings(share) ** 0.5)


def still_complex(filters, noise):
    return np.fft.ifft2(np.fft.fft2(noise) * over_rings(power_of(filters))[:, None] ** 0.5)


def blurred(filters, noise):
    return noise + np.roll(noise, 1, 2) + np.roll(noise, -1, 2)


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
    ("smooth_control", smooth),
    ("smooth_control", smooth_in_torch),
    ("mcnemar", exact),
    ("supported", ["b", "e"]),
    ("supported", "E b".split()),
    ("supported", {"B", "e"}),
]
WRONG = [
    ("padded_convolution", by_loops(torch.ones(5, 5), torch.ones(3, 3)), "function itself"),
    ("padded_convolution", lambda x, k: F.conv2d(x[None, None], k[None, None])[0, 0], "lost a border"),
    ("padded_convolution", lambda x, k: by_loops(x, k.flip(0, 1)), "half a turn"),
    ("padded_convolution", lambda x, k: by_loops(x, k.T), "changed places"),
    ("padded_convolution", on_reflected, "there are zeros"),
    ("padded_convolution", lambda x, k: x.sum(), "has shape"),
    ("padded_convolution", lambda x, k: x, "sum of kernel"),
    ("smooth_control", lambda f, n: shaped(n, power_of(f) ** 0.5), "keeps each filter's direction"),
    ("smooth_control", lambda f, n: shaped(n, over_rings(power_of(f))), "take its root"),
    ("smooth_control", lambda f, n: shaped(n, over_rings(power_of(f) ** 0.5)), "means of amplitudes"),
    ("smooth_control", one_profile, "one profile for all"),
    ("smooth_control", lambda f, n: shaped(n, over_rings(power_of(f)).mean(0, keepdims=True) ** 0.5), "one profile"),
    ("smooth_control", blurred, "all filters alike"),
    ("smooth_control", still_complex, "take .real"),
    ("smooth_control", lambda f, n: np.fft.fft2(n), "a filter is real"),
    ("smooth_control", lambda f, n: f, "what went in"),
    ("smooth_control", lambda f, n: n, "what went in"),
    ("smooth_control", lambda f, n: smooth(f, n)[0], "a random filter per filter"),
    ("smooth_control", lambda f, n: f * n, "transformed back"),
    ("smooth_control", smooth(np.ones((1, 3, 7, 7)), np.ones((1, 3, 7, 7))), "function itself"),
    ("mcnemar", tail, "one side only"),
    ("mcnemar", chi_square, "approximation"),
    ("mcnemar", lambda lost, won: 2 * tail(lost, won), "p is 1"),
    ("mcnemar", lambda lost, won: lost - won, "between 0 and 1"),
    ("mcnemar", lambda lost, won: won / (lost + won), "how odd"),
    ("supported", ["a", "b", "e"], "not 'equal'"),
    ("supported", ["b", "c", "e"], "untrained network's maps"),
    ("supported", ["b", "d", "e"], "cannot tell"),
    ("supported", ["b"], "e is supported"),
    ("supported", ["e"], "b is supported"),
    ("supported", ["f"], "letters from a to e"),
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
