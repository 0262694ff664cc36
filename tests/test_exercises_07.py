"""The checks of notebook 07 accept what is right and answer each usual mistake with its hint."""

import pytest
import torch
from exercise_cases import make_tests
from torch import nn
from torchvision.ops import SqueezeExcitation, StochasticDepth

from helpers.exercises import variants as checks
from helpers.experiments import load_record
from helpers.models.resnet import BasicBlock


class Built(nn.Module):
    """A basic block whose parts may hang in the wrong place."""

    def __init__(self, inputs, outputs, stride=1, *, body=None, skip=None, total=None, middle=None):
        super().__init__()
        plain = BasicBlock(inputs, outputs, stride=stride)
        layers = list(plain.body)
        if middle:
            layers.insert(-1, middle)  # in front of the last batch norm
        self.body, self.skip = nn.Sequential(*layers), plain.skip
        self.after_body, self.after_skip, self.after_sum = (part or nn.Identity() for part in (body, skip, total))

    def forward(self, x):
        return self.after_sum(torch.relu(self.after_skip(self.skip(x)) + self.after_body(self.body(x))))


def with_gate(**places):
    """A builder with squeeze-and-excitation at each named place."""
    def build(inputs, outputs, stride=1):
        return Built(inputs, outputs, stride, **{place: SqueezeExcitation(outputs, 4) for place in places})
    return build


class Branch(nn.Sequential):
    """Right, but with names of its own."""

    def forward(self, x):
        return x * super().forward(x.mean(dim=(2, 3), keepdim=True))


def own_branch(inputs, outputs, stride=1):
    layers = nn.Conv2d(outputs, 4, 1), nn.ReLU(), nn.Conv2d(4, outputs, 1), nn.Sigmoid()
    return Built(inputs, outputs, stride, body=Branch(*layers))


class Drop(nn.Module):
    """Drops by a mask of this shape, and scales the rest."""

    def __init__(self, p, scale, shape="image", always=False):
        super().__init__()
        self.p, self.scale, self.shape, self.always = p, scale, shape, always

    def forward(self, x):
        if not (self.training or self.always):
            return x
        sizes = {"image": (len(x), 1, 1, 1), "batch": (1, 1, 1, 1), "number": x.shape}
        return x * (torch.rand(sizes[self.shape]) >= self.p) * self.scale


def dropping(scale=1 / 0.7, place="body", p=None, **options):
    return lambda i, o, stride, given: Built(i, o, stride, **{place: Drop(given if p is None else p, scale, **options)})


RIGHT = [
    ("se_block", lambda i, o, stride=1: BasicBlock(i, o, stride=stride, squeeze=16)),
    ("se_block", with_gate(body=True)),
    ("stochastic_block", lambda i, o, stride, p: BasicBlock(i, o, stride=stride, drop_probability=p)),
    ("stochastic_block", lambda i, o, stride, p: Built(i, o, stride, body=StochasticDepth(p, mode="row"))),
    ("stochastic_block", dropping()),
    ("dilated_field", 15),
    ("supported_sentence", 3),
    ("supported_sentence", torch.tensor(3)),
]
WRONG = [
    ("se_block", lambda i, o, stride=1: BasicBlock(i, o, stride=stride), "no squeeze-and-excitation"),
    ("se_block", own_branch, "known by its layer fc2"),
    ("se_block", with_gate(total=True), "weighs the sum"),
    ("se_block", with_gate(skip=True), "weighs x"),
    ("se_block", with_gate(middle=True), "last of f"),
    ("se_block", lambda i, o, stride=1: BasicBlock(i, o, squeeze=4), "with stride 2"),
    ("se_block", lambda i, o, stride=1: SqueezeExcitation, "builds the block"),
    ("stochastic_block", dropping(scale=1.0), "divided by 1 − p"),
    ("stochastic_block", dropping(scale=0.7), "smaller still"),
    ("stochastic_block", dropping(always=True), "test time"),
    ("stochastic_block", dropping(shape="batch"), "all images share one draw"),
    ("stochastic_block", lambda i, o, stride, p: Built(i, o, stride, body=StochasticDepth(p, mode="batch")),
     "all images share one draw"),
    ("stochastic_block", dropping(p=1.0), "100% of the images"),
    ("stochastic_block", dropping(shape="number"), "single numbers"),
    ("stochastic_block", dropping(place="total"), "skip is dropped too"),
    ("stochastic_block", dropping(p=0.7), "probability to *drop*"),
    ("stochastic_block", dropping(p=0.0), "nothing is dropped"),
    ("dilated_field", 7, "without dilation"),
    ("dilated_field", 14, "first pixel"),
    ("dilated_field", 17, "overlap"),
    ("supported_sentence", 1, "holds zero"),
    ("supported_sentence", 2, "need not end high"),
    ("supported_sentence", 4, "squeeze-and-excitation besides"),
    ("supported_sentence", 5, "the twins train faster"),
]


def named(cases):
    return [(getattr(checks, name), *rest) for name, *rest in cases]


test_passes, test_gets_its_hint, test_never_stops_a_notebook = make_tests(named(RIGHT), named(WRONG))


@pytest.mark.parametrize("experiment, sign", [("resnet_variants", 1), ("resnet_variants_equal_seconds", -1)])
def test_the_record_supports_the_third_sentence(experiment, sign):
    reached = {}
    for run in load_record(experiment)["runs"]:
        reached[run["changes"]["model"], run["seed"]] = run["final"]["val_accuracy"]
    gains = [sign * (reached["kaggle_resnet", seed] - reached["se_resnet", seed]) for seed in range(3)]
    spread = torch.tensor(gains).std().item()
    assert sum(gains) / 3 > 4.303 * spread / 3**0.5  # Student's 97.5 % for two degrees of freedom
