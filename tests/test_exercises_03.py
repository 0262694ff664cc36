"""The checks of notebook 03 accept what is right and answer each usual mistake with its hint."""

import pytest
import torch
from exercise_cases import make_tests
from torch import nn

from helpers.exercises import architecture as checks


def layer(channels, relu=True):
    parts = [nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
    return nn.Sequential(*parts, *([nn.ReLU()] if relu else []))


class Block(nn.Module):
    """x + f(x), with what a test wants to be different."""

    def __init__(self, channels, relu=False, zero=True, outer=False, both=False):
        super().__init__()
        self.outer = outer
        self.body = nn.Sequential(layer(channels), layer(channels, relu))
        if zero:
            nn.init.zeros_(self.body[1][1].weight)
        if both:
            nn.init.zeros_(self.body[0][0].weight)
            nn.init.zeros_(self.body[1][0].weight)
            nn.init.ones_(self.body[1][1].weight)

    def forward(self, x):
        out = x + self.body(x)
        return out.relu() if self.outer else out


class Scaled(nn.Module):
    """The identity at the start, and it learns, but it holds no convolution."""

    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x):
        return x * self.scale


class Gated(nn.Module):
    """x + factor · f(x): the factor alone is zero at the start."""

    def __init__(self, channels):
        super().__init__()
        self.body, self.factor = nn.Sequential(layer(channels), layer(channels)), nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return x + self.factor * self.body(x)


def made(**options):
    return lambda channels: Block(channels, **options)


def counts(layers, side, bias=0, flat=False, shrink="before", jump_late=False, start=1):
    parameters, macs, field, jump = 0, 0, start, 1
    for inputs, outputs, kernel, stride in layers:
        side = side // stride if shrink == "before" else side
        weights = inputs * outputs * (kernel if flat else kernel * kernel) + bias * outputs
        parameters, macs = parameters + weights, macs + inputs * outputs * kernel * kernel * side * side
        side = side // stride if shrink == "after" else side
        jump = jump * stride if jump_late else jump
        field += (kernel - 1) * jump
        jump = jump if jump_late else jump * stride
    return parameters, macs, field


def otherwise(**options):
    return lambda layers, side: counts(layers, side, **options)


def drawn(spread, bias=0.0, mean=0.0):
    @torch.no_grad()
    def change(convolution):
        convolution.weight.normal_(mean, spread)
        convolution.bias.fill_(bias)
    return change


@torch.no_grad()
def uniform(convolution):
    convolution.weight.uniform_(-3**0.5 * HE, 3**0.5 * HE)
    convolution.bias.zero_()


@torch.no_grad()
def by_a_coin(convolution):
    convolution.weight.copy_(HE * torch.randn(convolution.weight.shape).sign())
    convolution.bias.zero_()


HE = (2 / 600) ** 0.5
RIGHT = [
    ("live_block", made()),
    ("live_block", made(outer=True)),
    ("live_block", Gated),
    ("three_counts", counts),
    ("three_counts", lambda layers, side: torch.tensor(counts(layers, side))),
    ("he_initialization", drawn(HE)),
    ("he_initialization", lambda c: (nn.init.kaiming_normal_(c.weight, nonlinearity="relu"), nn.init.zeros_(c.bias))),
    ("what_is_shown", 2),
    ("what_is_shown", torch.tensor(2)),
]
WRONG = [
    ("live_block", made(relu=True), "still dead"),
    ("live_block", made(zero=False), "does not start as the identity"),
    ("live_block", made(both=True), "some convolutions never move"),
    ("live_block", Scaled, "keep the convolutions"),
    ("live_block", Block(6), "give the class"),
    ("live_block", lambda channels: nn.Identity(), "parameters that can learn"),
    ("live_block", lambda channels: nn.Conv2d(channels, 2 * channels, 1), "the shape changes"),
    ("three_counts", otherwise(bias=1), "have no bias"),
    ("three_counts", otherwise(flat=True), "as high as it is wide"),
    ("three_counts", otherwise(shrink="never"), "shrinks the map"),
    ("three_counts", otherwise(shrink="after"), "shrink the side first"),
    ("three_counts", otherwise(jump_late=True), "only *behind*"),
    ("three_counts", otherwise(start=0), "start at 1"),
    ("three_counts", lambda layers, side: (*counts(layers, side)[:2], 11), "multiply by the jump"),
    ("three_counts", lambda layers, side: counts(checks.LAYERS, 32), "another"),
    ("three_counts", lambda layers, side: None, "returns None"),
    ("he_initialization", lambda c: None, "as before"),
    ("he_initialization", drawn((1 / 1800) ** 0.5), "default spread"),
    ("he_initialization", drawn((1 / 600) ** 0.5), "throws away half"),
    ("he_initialization", drawn((2 / 2400) ** 0.5), "divides by the outputs"),
    ("he_initialization", drawn((2 / 24) ** 0.5), "kernel is missing"),
    ("he_initialization", drawn(2 / 600), "square root"),
    ("he_initialization", drawn(1.0), "spread of 1"),
    ("he_initialization", uniform, "draw from a normal distribution"),
    ("he_initialization", by_a_coin, "draw from a normal distribution"),
    ("he_initialization", drawn(HE, bias=0.1), "bias should be zero"),
    ("he_initialization", drawn(HE, mean=1.0), "mean of the weights"),
    ("what_is_shown", 1, "He's initialization"),
    ("what_is_shown", 3, "steadiness"),
    ("what_is_shown", 4, "grows with depth"),
    ("what_is_shown", 5, "explode"),
    ("what_is_shown", 7, "from 1 to 5"),
]


def named(cases):
    return [(getattr(checks, name), *rest) for name, *rest in cases]


test_passes, test_gets_its_hint, test_never_stops_a_notebook = make_tests(named(RIGHT), named(WRONG))


def test_the_counts_are_those_of_torch():
    modules = [nn.Conv2d(i, o, k, stride=s, padding=k // 2, bias=False) for i, o, k, s in checks.LAYERS]
    chain, work = nn.Sequential(*modules).double(), 0
    x = torch.rand(1, 3, checks.SIDE, checks.SIDE, dtype=torch.float64)
    for module in modules:
        x = module(x)
        work += module.weight.numel() * x.shape[2] * x.shape[3]
        nn.init.ones_(module.weight)
    wide = torch.zeros(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    chain(wide)[0, 0, 8, 8].backward()
    field = int(wide.grad[0, 0].any(0).sum())
    assert counts(checks.LAYERS, checks.SIDE) == (sum(m.weight.numel() for m in modules), work, field)


@pytest.mark.parametrize("relu, moves", [(True, False), (False, True)])
def test_a_relu_behind_a_zeroed_factor_kills_a_block(relu, moves):
    torch.manual_seed(0)
    block, x = Block(4, relu=relu), torch.rand(2, 4, 5, 5)
    (block(x) - 2 * x).square().mean().backward()
    assert any(bool(p.grad.any()) for p in block.parameters()) is moves
