"""Checks of notebook 15."""

import numpy as np
import torch
from scipy import stats
from torch.nn import functional as F

from helpers.exercises import exercise
from helpers.exercises.answers import letters, number

IMAGE = torch.arange(42, dtype=torch.float32).reshape(6, 7).sin()
KERNEL = torch.tensor([[1.0, 2.0, 0.0], [0.0, -3.0, 1.0], [4.0, 0.0, 0.5]])


@exercise
def padded_convolution(answer) -> str:
    """A function (image (H, W), kernel (k, k)) → map (H, W), as of F.conv2d with zeros around the image."""
    if not callable(answer):
        return "hand over the function itself, without brackets"
    got = torch.as_tensor(answer(IMAGE.clone(), KERNEL.clone()))
    if got.shape == (4, 5):
        return "the map has lost a border: put zeros around the image first, as many as half a kernel"
    if got.shape != IMAGE.shape:
        return f"the map has shape {tuple(got.shape)}; the image has {tuple(IMAGE.shape)}, and so must the map"
    if torch.allclose(got.float(), _convolved(KERNEL), atol=1e-4):
        return _with_a_larger_kernel(answer)
    if torch.allclose(got.float(), _convolved(KERNEL.flip(0, 1)), atol=1e-4):
        return "the kernel is turned by half a turn: that is the convolution of mathematics, and not of PyTorch"
    if torch.allclose(got.float(), _convolved(KERNEL.T), atol=1e-4):
        return "rows and columns of the kernel have changed places"
    if torch.allclose(got[1:-1, 1:-1].float(), _convolved(KERNEL)[1:-1, 1:-1], atol=1e-4):
        return "the inside is right, the border is not: outside of the image there are zeros"
    return "each value is the sum of kernel × the patch around that pixel; compare one with F.conv2d"


def _convolved(kernel: torch.Tensor) -> torch.Tensor:
    return F.conv2d(IMAGE[None, None], kernel[None, None], padding=len(kernel) // 2)[0, 0]


def _with_a_larger_kernel(answer) -> str:
    """A hint where a map is right for a 3 × 3 kernel only."""
    kernel = torch.arange(25, dtype=torch.float32).reshape(5, 5).cos()
    got, right = torch.as_tensor(answer(IMAGE.clone(), kernel.clone())), _convolved(kernel)
    if got.shape == right.shape and torch.allclose(got.float(), right, atol=1e-4):
        return ""
    return "right for a 3 × 3 kernel, not for 5 × 5: half of that is two pixels on each side"


@exercise
def smooth_control(answer) -> str:
    """A function (filters, noise), both (n, 3, k, k) → noise with the power of *its own* filter at each distance."""
    if not callable(answer):
        return "hand over the function itself, without brackets"
    generator = np.random.default_rng(1)
    filters, noise = (generator.normal(size=(4, 3, 7, 7)).cumsum(2) for _ in range(2))
    got = np.asarray(answer(filters.copy(), noise.copy()))
    if got.shape != noise.shape:
        return f"a random filter per filter is wanted, shape {noise.shape}; this has {got.shape}"
    if np.iscomplexobj(got):
        if np.abs(got.imag).max() < 1e-9 * np.abs(got).max():
            return "what comes back is complex, with an imaginary part of rounding errors: take .real"
        return "a filter is real: is the factor the same for a frequency and for its negative?"
    if np.allclose(got, filters) or np.allclose(got, noise):
        return "this hands back what went in: scale the noise's transform, and transform back"
    if _alike(_ring_means(_power(got))[:, None], _ring_means(_power(filters))):
        return "that sets the power to the filter's; multiply the noise's power by it, so that its ups and downs stay"
    return _judge_gains(_gains(got, noise), filters)


def _judge_gains(gains: np.ndarray, filters: np.ndarray) -> str:
    """A hint for gains (n, colors, k, k) of a control over its noise, by what they should have been."""
    power = _power(filters)
    over_rings = _ring_means(power)
    by_color = np.stack([_ring_means(_power(filters[:, [color]])) for color in range(3)], 1)
    shared = (power / power.sum((1, 2), keepdims=True)).mean(0, keepdims=True).repeat(len(power), 0)
    if _alike(gains, over_rings**0.5):
        return ""
    if _alike(gains, power**0.5) or _alike(gains, power):
        return "that keeps each filter's direction, too: take the mean of power over all frequencies of a distance"
    if _alike(gains, over_rings):
        return "that factor is a power; the transform is an amplitude: take its root"
    if _alike(gains, _ring_means(power**0.5)):
        return "those are means of amplitudes; it is power that is shared: take the mean first, then the root"
    if _alike(gains, _ring_means(shared) ** 0.5) or _alike(gains, over_rings.mean(0, keepdims=True) ** 0.5):
        return "that is one profile for all filters; here each is to have its own"
    if _alike(gains, by_color**0.5):
        return "that gives each color a profile of its own: add up the power of a filter's colors first"
    if _alike(gains, gains.mean((0, 1), keepdims=True)[:, 0]):
        return "this treats all filters alike, whatever their power: each is to have its own profile"
    return "noise's transform × root of the filter's mean power at that distance, and transformed back"


def _power(filters: np.ndarray) -> np.ndarray:
    """Power (n, k, k) of each frequency, summed over colors."""
    return (np.abs(np.fft.fft2(filters)) ** 2).sum(1)


def _gains(filters: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """By how much each amplitude of the noise has grown."""
    return np.abs(np.fft.fft2(filters)) / np.abs(np.fft.fft2(noise))


def _ring_means(values: np.ndarray) -> np.ndarray:
    """Values (n, k, k) at frequencies of `np.fft.fftfreq`, each replaced by the mean over its distance from zero."""
    frequency = np.fft.fftfreq(values.shape[-1])
    distance = np.hypot(frequency[:, None], frequency[None, :]).round(6)
    means = np.empty_like(values)
    for ring in np.unique(distance):
        means[:, distance == ring] = values[:, distance == ring].mean(1, keepdims=True)
    return means


def _alike(gains: np.ndarray, expected: np.ndarray) -> bool:
    """Whether gains (n, colors, k, k) are as expected, (n, k, k) or one of each color, but for one factor per filter.

    The mean, frequency zero, is free.
    """
    expected = expected if expected.ndim == 4 else expected[:, None]
    gains, expected = (np.broadcast_to(part, gains.shape).reshape(len(gains), gains.shape[1], -1)[..., 1:]
                       for part in (gains, expected))
    ratio = gains / expected
    return np.allclose(ratio, ratio.mean((1, 2), keepdims=True), rtol=1e-4)


@exercise
def mcnemar(answer) -> str:
    """A function (lost, won) → exact two-sided p-value of McNemar's test."""
    if not callable(answer):
        return "hand over the function itself, without brackets"
    cases = [(12, 3), (3, 12), (40, 31)]
    got = [number(answer(lost, won)) for lost, won in cases]
    exact = [stats.binomtest(lost, lost + won, 0.5).pvalue for lost, won in cases]
    if np.allclose(got, exact, rtol=1e-4):
        if abs(number(answer(7, 7)) - 1) > 1e-6:
            return "for 7 lost and 7 won nothing speaks against chance: p is 1, and never more"
        return ""
    one_sided = [stats.binomtest(lost, lost + won, 0.5, alternative="greater").pvalue for lost, won in cases]
    if np.allclose(got, one_sided, rtol=1e-4) or np.allclose(got, np.array(exact) / 2, rtol=1e-4):
        return "that is one side only: before looking, a loss and a gain were both possible"
    corrections = [((abs(a - b) - c) ** 2 / (a + b)) for c in (0, 1) for a, b in cases]
    if any(np.allclose(got, stats.chi2.sf(part, 1), rtol=1e-3) for part in (corrections[:3], corrections[3:])):
        return "that is the χ² approximation; use the exact binomial of lost among lost + won"
    if any(not 0 <= p <= 1 for p in got):
        return "a p-value lies between 0 and 1"
    return "only images that changed count: of lost + won, how odd is it that so many were lost, at 1/2 each?"


SUPPORTED = {"b", "e"}


@exercise
def supported(answer) -> str:
    """What of five sentences, by letter, this notebook supports."""
    given = letters(answer, "abcde")
    if "a" in given:
        return "a: 'not told apart with three seeds' is not 'equal'; how wide is the interval?"
    if "c" in given:
        return "c: the untrained network's maps show the animal as well; that is the picture's doing"
    if "d" in given:
        return "d: a large p says that 5,000 images cannot tell; and each was taken away alone"
    if given == SUPPORTED:
        return ""
    if "b" not in given:
        return "b is supported as well: how much of the gain does smooth noise reach that has learned nothing?"
    return "e is supported as well: count the filters beyond 95 % of chance, to the left and to the right"
