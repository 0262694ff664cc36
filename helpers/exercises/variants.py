"""Checks of notebook 07."""

import torch
from torch import nn

from helpers.exercises import exercise
from helpers.exercises.answers import number

CHANNELS, DROP = 32, 0.3


def _seen_something(block: nn.Module) -> nn.Module:
    """The block in eval mode, with batch norms whose statistics and parameters are no longer 0 and 1."""
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 1.5)
            nn.init.normal_(module.bias)
    return block.eval()


def _shape_hint(block, strided) -> str:
    if not isinstance(block, nn.Module):
        return "give a class, or a function that builds the block"
    out = strided.eval()(torch.randn(2, CHANNELS, 8, 8))
    if out.shape != (2, 2 * CHANNELS, 4, 4):
        return f"with stride 2 and twice the channels, (2, 32, 8, 8) becomes {tuple(out.shape)}, not (2, 64, 4, 4)"
    return ""


@exercise
def se_block(answer) -> str:
    """A block (in_channels, out_channels, stride) with squeeze-and-excitation at the end of its f."""
    torch.manual_seed(7)
    block = answer(CHANNELS, CHANNELS, 1)
    if hint := _shape_hint(block, answer(CHANNELS, 2 * CHANNELS, 2)):
        return hint
    gates = [module for module in block.modules() if hasattr(module, "fc2")]
    if not gates:
        return ("no squeeze-and-excitation was found: it is known by its layer fc2, as in MySqueezeExcitation and "
                "torchvision's")
    if gates[-1].fc2.weight.shape[0] != CHANNELS:
        return f"the branch weighs {gates[-1].fc2.weight.shape[0]} channels, f(x) has {CHANNELS}"
    return _gate_hint(_seen_something(block), gates[-1])


@torch.no_grad()
def _gate_hint(block: nn.Module, gate: nn.Module) -> str:
    """Where the branch sits: shut, it must silence f(x) and nothing else."""
    x = torch.randn(4, CHANNELS, 6, 6)
    as_it_is = block(x)
    gate.fc2.weight.zero_()
    gate.fc2.bias.fill_(-100)
    shut, skip = block(x), x.relu()
    gate.fc2.bias.fill_(100)
    if torch.allclose(as_it_is, block(x)):
        return "the branch has no influence: does forward use it?"
    if torch.allclose(shut, skip, atol=1e-5):
        return ""
    if not shut.any():
        return "the branch weighs the sum; it must weigh f(x) only, so that the skip stays open"
    if hasattr(block, "body") and torch.allclose(shut, block.body(x).relu(), atol=1e-5):
        return "the branch weighs x; it must weigh f(x)"
    return "with the branch shut, relu(x) should be left: is it the last of f, behind batch norm?"


@exercise
def stochastic_block(answer) -> str:
    """A block (in_channels, out_channels, stride, p) that drops f(x) per image while training, and scales the rest."""
    torch.manual_seed(7)
    block = answer(CHANNELS, CHANNELS, 1, DROP)
    if hint := _shape_hint(block, answer(CHANNELS, 2 * CHANNELS, 2, DROP)):
        return hint
    block = _seen_something(block)
    image = 50 + torch.rand(1, CHANNELS, 4, 4)  # so large that the last ReLU changes nothing
    with torch.no_grad():
        copies = block(image.expand(64, -1, -1, -1))
        if not torch.allclose(copies, copies[:1].expand_as(copies)):
            return "at test time nothing may be dropped: look at self.training"
        return _drop_hint(block, image, copies[:1] - image)


def _drop_hint(block: nn.Module, image: torch.Tensor, full: torch.Tensor) -> str:
    """What many copies of one image meet in 20 training passes, with batch norm held still."""
    block.train()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    out = torch.cat([block(image.expand(100, -1, -1, -1)) for _ in range(20)])
    if (out.flatten(1).abs().amax(1) == 0).any():
        return "the skip is dropped too: only f(x) may be"
    ratio = (out - image) / full
    zeros = (ratio.abs() < 1e-3).flatten(1)
    kept = ratio[~zeros.any(1)]
    if not zeros.any():
        return "nothing is dropped in 2,000 training passes"
    if zeros.all(1).sum() != zeros.any(1).sum():
        return "single numbers are dropped, as by dropout: draw one number for each *image*"
    by_pass = zeros.all(1).view(20, 100)
    if not by_pass.all() and (by_pass == by_pass[:, :1]).all():
        return "all images share one draw: draw one number for each image"
    return _share_hint(zeros.all(1).float().mean().item(), kept.mean().item())


def _share_hint(dropped: float, scale: float) -> str:
    """The share of dropped images, and by what the others are scaled."""
    if abs(dropped - (1 - DROP)) < 0.05:
        return "p is the probability to *drop*; here it is that to keep"
    if abs(dropped - DROP) > 0.05:
        return f"{dropped:.0%} of the images lose f(x), where p = {DROP:.0%}"
    if abs(scale - 1) < 0.02:
        return "what is kept must be divided by 1 − p, or its mean is too small"
    if abs(scale - (1 - DROP)) < 0.02:
        return "multiplied by 1 − p, while training, it becomes smaller still: divide"
    if abs(scale - 1 / (1 - DROP)) > 0.02:
        return f"what is kept is {scale:.2f} times f(x), and should be 1 / (1 − p) times"
    return ""


@exercise
def dilated_field(answer) -> str:
    """Receptive field of 3 × 3 convolutions with dilations 1, 2, 4."""
    hints = {
        15: "",
        7: "that is without dilation",
        14: "the first pixel itself counts too",
        3 + 5 + 9: "the kernels overlap: each adds only what the one before has not seen",
    }
    return hints.get(number(answer), "each layer adds 2 × dilation pixels, as all strides are 1")


READINGS = {
    1: "look at the interval of that pair: it holds zero, so the place is luck",
    2: "one epoch was run: who learns fast need not end high",
    4: "the twin has squeeze-and-excitation besides; and it pays where a network would learn its pictures by heart, "
       "which in so few passes none can",
    5: "in the reference the depthwise net has the fewest, and the twins train faster: see its images per second",
}


@exercise
def supported_sentence(answer) -> str:
    """The number of the one sentence that the reference supports."""
    given = number(answer)
    return "" if given == 3 else READINGS.get(given, "a number from 1 to 5 is wanted")
