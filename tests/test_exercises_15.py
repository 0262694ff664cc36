"""The checks of notebook 15: right answers pass, likely mistakes get their hint, and nothing is ever raised."""

import math

import numpy as np
import torch
from exercise_cases import make_tests
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


def padded_by_one(image, kernel):
    """Right for the 3 × 3 kernel alone."""
    return F.conv2d(F.pad(image, (1, 1, 1, 1))[None, None], kernel[None, None])[0, 0]


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


def mean_profile(filters, noise):
    return shaped(noise, over_rings(power_of(filters)).mean(0, keepdims=True) ** 0.5)


def by_color(filters, noise):
    return np.concatenate([smooth(filters[:, [color]], noise[:, [color]]) for color in range(3)], 1)


def set_to_the_power(filters, noise):
    """Rings of exactly the filter's power, where chance would let them vary."""
    return shaped(noise, (over_rings(power_of(filters)) / over_rings(power_of(noise))) ** 0.5)


def phases_alone(filters, noise):
    spectrum = np.fft.fft2(noise)
    return np.fft.ifft2(spectrum / np.abs(spectrum) * over_rings(power_of(filters))[:, None] ** 0.5).real


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
    (checks.padded_convolution, by_loops),
    (checks.padded_convolution, lambda x, k: F.conv2d(x[None, None], k[None, None], padding=len(k) // 2)[0, 0]),
    (checks.smooth_control, smooth),
    (checks.smooth_control, smooth_in_torch),
    (checks.mcnemar, exact),
    (checks.supported, ["b", "e"]),
    (checks.supported, "E b".split()),
    (checks.supported, {"B", "e"}),
]
WRONG = [
    (checks.padded_convolution, by_loops(torch.ones(5, 5), torch.ones(3, 3)), "function itself"),
    (checks.padded_convolution, lambda x, k: F.conv2d(x[None, None], k[None, None])[0, 0], "lost a border"),
    (checks.padded_convolution, lambda x, k: by_loops(x, k.flip(0, 1)), "half a turn"),
    (checks.padded_convolution, lambda x, k: by_loops(x, k.T), "changed places"),
    (checks.padded_convolution, on_reflected, "there are zeros"),
    (checks.padded_convolution, padded_by_one, "not for 5 × 5"),
    (checks.padded_convolution, lambda x, k: x.sum(), "has shape"),
    (checks.padded_convolution, lambda x, k: x, "sum of kernel"),
    (checks.smooth_control, lambda f, n: shaped(n, power_of(f) ** 0.5), "keeps each filter's direction"),
    (checks.smooth_control, lambda f, n: shaped(n, over_rings(power_of(f))), "take its root"),
    (checks.smooth_control, lambda f, n: shaped(n, over_rings(power_of(f) ** 0.5)), "means of amplitudes"),
    (checks.smooth_control, one_profile, "one profile for all"),
    (checks.smooth_control, mean_profile, "one profile"),
    (checks.smooth_control, by_color, "a filter's colors first"),
    (checks.smooth_control, set_to_the_power, "multiply the noise's power"),
    (checks.smooth_control, phases_alone, "multiply the noise's power"),
    (checks.smooth_control, blurred, "all filters alike"),
    (checks.smooth_control, still_complex, "take .real"),
    (checks.smooth_control, lambda f, n: np.fft.fft2(n), "a filter is real"),
    (checks.smooth_control, lambda f, n: f, "what went in"),
    (checks.smooth_control, lambda f, n: n, "what went in"),
    (checks.smooth_control, lambda f, n: smooth(f, n)[0], "a random filter per filter"),
    (checks.smooth_control, lambda f, n: f * n, "transformed back"),
    (checks.smooth_control, smooth(np.ones((1, 3, 7, 7)), np.ones((1, 3, 7, 7))), "function itself"),
    (checks.mcnemar, tail, "one side only"),
    (checks.mcnemar, chi_square, "approximation"),
    (checks.mcnemar, lambda lost, won: 2 * tail(lost, won), "p is 1"),
    (checks.mcnemar, lambda lost, won: lost - won, "between 0 and 1"),
    (checks.mcnemar, lambda lost, won: won / (lost + won), "how odd"),
    (checks.supported, ["a", "b", "e"], "not 'equal'"),
    (checks.supported, ["b", "c", "e"], "untrained network's maps"),
    (checks.supported, ["b", "d", "e"], "cannot tell"),
    (checks.supported, ["b"], "e is supported"),
    (checks.supported, ["e"], "b is supported"),
    (checks.supported, ["f"], "letters from a to e"),
]
MORE_KINDS = [len, torch.ones(2, 2)]  # beyond those that all exercises share
WRONG += [(check, answer, "✗ ") for check in dict(RIGHT) for answer in MORE_KINDS]


test_right_answers_pass, test_mistakes_get_their_hint, test_a_wrong_kind_never_stops = make_tests(RIGHT, WRONG)
