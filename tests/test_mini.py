"""The mini network: map sizes against torch's own convolution, its view against gradients, and what it refuses."""

import pytest
import torch
from torch.nn import functional as F

from helpers.models import MODELS, MiniNet, count_parameters, make_model, receptive_field
from helpers.models.mini import SETTINGS

NO_OUTPUT = {(16, (3, 0, 2))}
every_setting = pytest.mark.parametrize("setting", SETTINGS, ids=str)


def map_side(side, stride, padding, dilation):
    return (side + 2 * padding - 2 * dilation - 1) // stride + 1


@every_setting
@pytest.mark.parametrize("side", [16, 32])
def test_maps_have_the_size_that_torch_gives_and_the_formula(setting, side):
    stride, padding, dilation = setting
    if (side, setting) in NO_OUTPUT:
        pytest.skip("refused, see below")
    kernel, x = torch.ones(1, 1, 3, 3), torch.ones(1, 1, side, side)
    for _ in range(2):
        expected = map_side(x.shape[-1], *setting)
        x = F.conv2d(x, kernel, stride=stride, padding=padding, dilation=dilation)
        assert x.shape[-1] == expected
    found = MiniNet(stride=stride, padding=padding, dilation=dilation).eval().features(torch.rand(2, 3, side, side))
    assert found.shape == (2, 32, *x.shape[-2:])


@every_setting
def test_an_inner_output_sees_as_far_as_the_formula_says(setting):
    stride, padding, dilation = setting
    model = MiniNet(stride=stride, padding=padding, dilation=dilation).eval()
    model.relu = torch.nn.Identity()  # a closed ReLU would hide what the filter sees
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    features = model.features(image)
    middle = features.shape[-1] // 2
    features[0, :, middle, middle].sum().backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    field = receptive_field(model.eval(), (3, 64, 64))[1]["receptive_field"]
    assert rows[-1] - rows[0] + 1 == field == 1 + 2 * dilation * (1 + stride)


def test_every_setting_has_a_name_and_the_same_parameters():
    models = {name: make_model(name) for name in MODELS if name.startswith("mini_")}
    assert len(models) == 18
    assert len({count_parameters(model) for model in models.values()}) == 1
    assert make_model("mini_s3_p0_d2").conv2.stride == (3, 3)
    assert make_model("mini_s1_p2_d1").conv1.padding == (2, 2)


def test_an_image_too_small_for_the_filter_is_refused_with_a_way_out():
    with pytest.raises(ValueError, match="map of 4 pixels.*5 pixels.*dilation 2.*larger images"):
        MiniNet(stride=3, padding=0, dilation=2)(torch.rand(1, 3, 16, 16))
