"""Checks of notebook 15."""

import numpy as np
import torch
from scipy import stats
from torch.nn import functional as F

from helpers.exercises import exercise
from helpers.exercises.answers import number

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
        return ""
    if torch.allclose(got.float(), _convolved(KERNEL.flip(0, 1)), atol=1e-4):
        return "the kernel is turned by half a turn: that is the convolution of mathematics, and not of PyTorch"
    if torch.allclose(got.float(), _convolved(KERNEL.T), atol=1e-4):
        return "rows and columns of the kernel have changed places"
    if torch.allclose(got[1:-1, 1:-1].float(), _convolved(KERNEL)[1:-1, 1:-1], atol=1e-4):
        return "the inside is right, the border is not: outside of the image there are zeros"
    return "each value is the sum of kernel × the patch around that pixel; compare one with F.conv2d"


def _convolved(kernel: torch.Tensor) -> torch.Tensor:
    return F.conv2d(IMAGE[None, None], kernel[None, None], padding=1)[0, 0]


@exercise
def color_share(answer) -> str:
    """A function filters (n, 3, k, k) → share of each one's energy that a gray picture cannot reach, (n,)."""
    if not callable(answer):
        return "hand over the function itself, without brackets"
    filters = torch.randn(5, 3, 7, 7, generator=torch.Generator().manual_seed(1))
    got = np.asarray(torch.as_tensor(answer(filters.clone())), dtype=float)
    energy = filters.square().sum((1, 2, 3)).numpy()
    gray = 3 * filters.mean(1).square().sum((1, 2)).numpy() / energy
    over_positions = (filters - filters.mean((2, 3), keepdim=True)).square().sum((1, 2, 3)).numpy() / energy
    over_everything = (filters - filters.mean((1, 2, 3), keepdim=True)).square().sum((1, 2, 3)).numpy() / energy
    if got.shape != gray.shape:
        return f"one number per filter is wanted, shape {gray.shape}; this has {got.shape}"
    if np.allclose(got, 1 - gray, atol=1e-4):
        return ""
    if np.allclose(got, over_positions, atol=1e-4):
        return "that mean is over positions; gray is what the three *colors* of one position have in common"
    if np.allclose(got, over_everything, atol=1e-4):
        return "that mean is one number for the whole filter; gray is a mean over the colors at each position"
    if np.allclose(got, gray, atol=1e-4):
        return "that is the share of gray; the color share is what is left"
    if np.allclose(got, 1 - gray / 3, atol=1e-4):
        return "the gray part stands at three colors: count its energy three times"
    return "take the mean over the three colors at each position; what is left of the energy, over all of it?"


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


@exercise
def what_batch_norm_makes_of_zero(answer) -> str:
    """Output after batch norm (running mean −0.5, variance 0.25, weight 1, bias 0.1) and ReLU for an input of zero."""
    answer = number(answer)
    if abs(answer - 1.1) < 1e-3:
        return ""
    if abs(answer) < 1e-6:
        return "zero is not the mean that batch norm expects: it subtracts −0.5 first"
    if abs(answer - 0.1) < 1e-6:
        return "that is the bias alone; the running mean is subtracted, too"
    if abs(answer - 2.1) < 1e-3:
        return "divide by the standard deviation, the root of 0.25"
    if abs(answer - 1.0) < 1e-3:
        return "the bias is missing"
    if abs(answer + 0.9) < 1e-3:
        return "subtracting −0.5 adds 0.5"
    return "(input − mean) / standard deviation × weight + bias, then ReLU"
