"""The networks of `MODELS` against closed formulas, a per-image loop, gradients and averages."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.ops import SqueezeExcitation, StochasticDepth

from helpers.models.cifar_stem import torchvision_resnet
from helpers.models.custom_resnet import CustomResNet
from helpers.models.depthwise import DepthwiseDilatedNet
from helpers.models.registry import MODELS, make_model
from helpers.models.resnet import BasicBlock, ResNet
from helpers.models.trace import count_macs, count_parameters, receptive_field

SEED_TWO = {"blocks": (2, 2, 2, 2), "channels": (32, 64, 128, 256)}
SHAPES = [
    {"blocks": (3, 3, 4), "channels": (60, 120, 240), "pool_size": 8},
    {**SEED_TWO, "squeeze": 16},
    {**SEED_TWO, "stochastic_depth": 0.2},
    {"blocks": (1,), "channels": (8,), "pool_size": 4, "num_classes": 7},
    {"blocks": (1, 2), "channels": (20, 12), "kernel_size": 5, "skip_kernel_size": (1, 3), "pool_size": 4},
    {"blocks": (2, 1, 1), "channels": (8, 8, 40), "kernel_size": (3, 5, 1), "squeeze": 4, "num_classes": 100},
]
DEPTHWISE = ((2, 1), (2, 1), (4, 2), (4, 1), (4, 1), (8, 2), (8, 1), (8, 1))  # channels in widths, stride


def build(name, **options):
    """A model without numbers in it: shapes and counts for nothing."""
    with torch.device("meta"):
        return make_model(name, **options) if isinstance(name, str) else name(**options)


def by_formula(blocks, channels, kernel_size=3, skip_kernel_size=1, pool_size=0, num_classes=10, squeeze=0, **_):
    """Parameters and multiply-accumulates, added up convolution by convolution."""
    kernels, skips = ([k] * len(blocks) if isinstance(k, int) else k for k in (kernel_size, skip_kernel_size))
    parameters, macs, side, before = 27 * channels[0] + 2 * channels[0], 27 * channels[0] * 32**2, 32, channels[0]
    for stage, (count, after) in enumerate(zip(blocks, channels, strict=True)):
        for block in range(count):
            side = side // 2 if stage > 0 and block == 0 else side
            body = kernels[stage] ** 2 * (before * after + after**2)
            skip = skips[stage] ** 2 * before * after if block == 0 and stage > 0 else 0
            inner = max(1, after // squeeze) if squeeze else 0
            parameters += body + 4 * after + skip + (2 * after if skip else 0)
            parameters += 2 * after * inner + inner + (after if inner else 0)
            macs += (body + skip) * side**2 + 2 * after * inner
            before = after
    inputs = before * (side // pool_size) ** 2 if pool_size else before
    return parameters + (inputs + 1) * num_classes, macs + inputs * num_classes


# --- counts -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_resnet_counts_by_formula(shape):
    model = build(ResNet, **shape)
    assert (count_parameters(model), sum(count_macs(model).values())) == by_formula(**shape)


@pytest.mark.parametrize("width, classes", [(32, 10), (8, 100)])
def test_depthwise_counts_by_formula(width, classes):
    parameters, macs, before, side = 27 * width + 2 * width, 27 * width * 32**2, width, 32
    for factor, stride in DEPTHWISE:
        after, side = factor * width, side // stride
        parameters += 9 * before + 2 * before + before * after + 2 * after
        macs += (9 * before + before * after) * side**2
        before = after
    model = build(DepthwiseDilatedNet, width=width, num_classes=classes)
    assert count_parameters(model) == parameters + (before + 1) * classes
    assert sum(count_macs(model).values()) == macs + before * classes


@pytest.mark.parametrize("name, classes, parameters", [
    ("kaggle_resnet", 10, 4_842_070), ("se_resnet", 10, 2_820_390), ("stochastic_depth_resnet", 10, 2_797_610),
    ("resnet18", 10, 11_173_962), ("resnet34", 10, 21_282_122), ("resnet34", 100, 21_328_292),
    ("depthwise_dilated", 10, 228_618)])
def test_published_counts(name, classes, parameters):
    assert count_parameters(build(name, num_classes=classes)) == parameters


@pytest.mark.parametrize("name, shape", [
    ("kaggle_resnet", {"blocks": (3, 3, 4), "channels": (60, 120, 240), "pool_size": 8}),
    ("se_resnet", {**SEED_TWO, "squeeze": 16}), ("stochastic_depth_resnet", SEED_TWO)])
def test_named_networks_are_those_shapes(name, shape):
    model = build(name)
    assert (count_parameters(model), sum(count_macs(model).values())) == by_formula(**shape)
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.0 if name == "kaggle_resnet" else 0.3]


def test_every_parameter_takes_part():
    for name in MODELS:
        torch.manual_seed(0)
        model, images = make_model(name, num_classes=3), torch.randn(2, 3, 24, 24)
        for module in model.modules():
            if isinstance(module, StochasticDepth):
                module.p = 0.0  # or an image might skip a block, whose gradient is then rightly 0
        logits = model(images)
        assert logits.shape == (2, 3), name
        logits.square().sum().backward()
        assert not [key for key, p in model.named_parameters() if p.requires_grad and (
            p.grad is None or not p.grad.isfinite().all())], name
        dead = [key for key, p in model.named_parameters() if p.requires_grad and not p.grad.any()]
        assert all("fc1" in key or "fc2.weight" in key for key in dead), (name, dead)  # two ReLUs may both be shut


# --- maps and shapes --------------------------------------------------------------------------------------------

def sides(model, modules):
    """Side of the map that leaves each module, for an image of 32 pixels."""
    found = []
    for module in modules:
        module.register_forward_hook(lambda module, inputs, output: found.append(output.shape[-1]))
    model(torch.empty(2, 3, 32, 32, device="meta"))
    return found


def test_stages_halve_the_map():
    model = build(ResNet, blocks=(1, 2, 1, 1, 1, 1), channels=(4,) * 6)
    assert sides(model, [model.stem, *model.stages]) == [32, 32, 16, 16, 8, 4, 2, 1]
    kaggle = build("kaggle_resnet")
    assert sides(kaggle, kaggle.stages) == [32] * 3 + [16] * 3 + [8] * 4


@pytest.mark.parametrize("stem, expected", [("cifar", [32, 32, 32, 16, 8, 4]), ("imagenet", [16, 8, 8, 4, 2, 1])])
def test_stems(stem, expected):
    model = build("resnet18", stem=stem)
    layers = [model.conv1, model.maxpool, model.layer1, model.layer2, model.layer3, model.layer4]
    assert sides(model, layers) == expected
    assert model.conv1.weight.shape[-1] == {"cifar": 3, "imagenet": 7}[stem]


def test_a_new_stem_is_drawn_like_the_other_convolutions():
    torch.manual_seed(0)
    std = torchvision_resnet("resnet18").conv1.weight.std().item()
    assert std == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.06)  # He et al. 2015, fan out; n = 1,728 weights


@pytest.mark.parametrize("size", [24, 32, 48])
def test_other_image_sizes_pass(size):
    for name in ("kaggle_resnet", "se_resnet", "resnet18", "depthwise_dilated"):
        assert build(name)(torch.empty(2, 3, size, size, device="meta")).shape == (2, 10)


@pytest.mark.parametrize("options, message", [
    ({"blocks": (1, 1), "channels": (8, 8, 8)}, "'blocks': 2, 'channels': 3"),
    ({"blocks": (1, 1), "channels": (8, 8), "kernel_size": (3,)}, "'kernel_size': 1"),
    ({"blocks": (1, 1), "channels": (8, 8), "skip_kernel_size": (1, 1, 1)}, "'skip_kernel_size': 3"),
    ({"blocks": (), "channels": ()}, "one number per stage"),
    ({"blocks": (1, 1), "channels": (8, 8), "kernel_size": 4}, r"\[4, 4\] are not odd"),
    ({"blocks": (1, 1), "channels": (8, 8), "skip_kernel_size": (1, 2)}, r"\[2\] are not odd"),
    ({"blocks": (1, 1), "channels": (8, 8), "kernel_size": (0, 3)}, r"\[0\] are not odd"),
    ({"blocks": (1, 1, 1), "channels": (8, 8, 8), "pool_size": 9}, "pool_size=9 is larger than .* 8 × 8"),
    ({"blocks": (0, 1), "channels": (8, 8)}, r"blocks=\[0, 1\]"),
    ({"blocks": (1, 1), "channels": (8, 0)}, r"channels=\[8, 0\]"),
    ({"blocks": (1,) * 7, "channels": (8,) * 7}, "at most 6 stages")], ids=str)
def test_bad_shapes_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        build(ResNet, **options)


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match="unknown model 'vgg'.*depthwise_dilated.*se_resnet"):
        make_model("vgg")
    with pytest.raises(ValueError, match=r"stem='mnist': choose from \['cifar', 'imagenet'\]"):
        make_model("resnet18", stem="mnist")
    with pytest.raises(ValueError, match=r"unknown ResNet 'resnet81': choose from \['resnet18', 'resnet34'\]"):
        torchvision_resnet("resnet81")


# --- what the blocks compute ------------------------------------------------------------------------------------

def random_block(**options):
    """A block in eval mode whose batch norms have seen something."""
    torch.manual_seed(0)
    block = BasicBlock(8, 8, **options)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.bias.data):
                tensor.normal_()
            for tensor in (module.running_var, module.weight.data):
                tensor.uniform_(0.5, 1.5)
    return block.eval()


@torch.no_grad()
def test_squeeze_and_excitation_image_by_image():
    block, images = random_block(squeeze=4), torch.randn(5, 8, 6, 6)
    unit = block.body[-1]
    w1, w2 = (layer.weight[:, :, 0, 0].numpy() for layer in (unit.fc1, unit.fc2))
    assert isinstance(unit, SqueezeExcitation) and w1.shape == (2, 8)
    before = nn.Sequential(*block.body[:-1])(images).numpy()
    for image, shown, out in zip(images.numpy(), before, block(images).numpy(), strict=True):
        squeezed = np.array([channel.mean() for channel in shown])
        hidden = np.maximum(w1 @ squeezed + unit.fc1.bias.numpy(), 0)
        gate = 1 / (1 + np.exp(-(w2 @ hidden + unit.fc2.bias.numpy())))
        expected = [np.maximum(image[c] + gate[c] * shown[c], 0) for c in range(8)]
        assert np.allclose(out, expected, atol=1e-5)


def test_drop_probabilities_grow_linearly_with_depth():
    for blocks, most in (((2, 2, 2, 2), 0.2), ((1, 3), 0.6)):
        model = build(ResNet, blocks=blocks, channels=(4,) * len(blocks), stochastic_depth=most)
        drops = [[m.p for m in block.modules() if isinstance(m, StochasticDepth)] for block in model.stages]
        assert drops[0] == []  # the first block is never skipped
        assert [p for drop in drops[1:] for p in drop] == pytest.approx(np.linspace(0, most, sum(blocks))[1:])
    named = [m.p for m in build("stochastic_depth_resnet").modules() if isinstance(m, StochasticDepth)]
    assert named == pytest.approx([0.2 * i / 7 for i in range(1, 8)])


@torch.no_grad()
def test_stochastic_depth_keeps_the_expected_value():
    block, image, count, p = random_block(drop_probability=0.2), torch.randn(1, 8, 4, 4), 4000, 0.2
    branch = nn.Sequential(*block.body[:-1])(image)
    assert torch.equal(block.body(image), branch)  # at test time nothing is skipped and nothing scaled
    assert torch.equal(block(image), torch.relu(image + branch))
    block.body[-1].train()
    trained = block.body(image.expand(count, -1, -1, -1))
    skipped = (trained == 0).flatten(1).all(1)
    assert torch.allclose(trained[~skipped], branch / (1 - p), atol=1e-5)
    assert abs(skipped.sum().item() - p * count) < 4 * math.sqrt(count * p * (1 - p))
    standard_error = branch.abs() * math.sqrt(p / (1 - p) / count)
    assert ((trained.mean(0) - branch[0]).abs() <= 4 * standard_error + 1e-6).all()


def test_the_depthwise_net_sees_what_it_says():
    net = DepthwiseDilatedNet(width=2).double().eval()
    for module in net.modules():
        if isinstance(module, nn.Conv2d):  # all weights positive: no two paths cancel, and no ReLU is shut
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    image = torch.rand(1, 3, 96, 96, dtype=torch.float64, requires_grad=True)
    features = net.features(image)
    features[0, 0, features.shape[2] // 2, features.shape[3] // 2].backward()
    for axis in (2, 3):
        touched = image.grad.sum([d for d in range(4) if d != axis]).nonzero()[:, 0]
        assert 0 < touched.min() and touched.max() < 95  # not cut off by the edge
        assert touched.max() - touched.min() + 1 == 51
    rows = [row for row in receptive_field(net, (3, 96, 96)) if row["name"].startswith("features")]
    assert rows[-1]["receptive_field"] == 51


@pytest.mark.parametrize("side, cells", [(8, 1), (8, 2), (8, 8), (9, 3), (7, 3), (8, 3), (2, 4)])
@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d])
def test_an_adaptive_pool_sees_as_much_as_the_widest_of_its_windows(side, cells, pool):
    out = nn.AdaptiveAvgPool2d(cells)(image := torch.ones(1, 1, side, side, requires_grad=True))
    seen = []
    for row in range(cells):
        slope, = torch.autograd.grad(out[0, 0, row, 0], image, retain_graph=True)
        seen.append(int(slope.any(3).sum()))
    (row,) = receptive_field(nn.Sequential(pool(cells), nn.Linear(cells, 1)), (3, side, side))
    assert row["kernel_size"] == row["receptive_field"] == max(seen)


def test_the_pooling_of_a_resnet_has_the_side_that_it_was_given():
    rows = receptive_field(ResNet((1, 1, 1), (8, 16, 32), pool_size=4))
    before, pool = rows[-2:]
    assert (pool["kernel_size"], pool["stride"]) == (4, 4)
    assert pool["receptive_field"] == before["receptive_field"] + 3 * 4  # the map before it has one cell per 4 pixels


def test_custom_resnet_is_in_the_table():
    assert MODELS["custom_resnet"] is CustomResNet and count_parameters(build("custom_resnet")) == 6_573_120
