"""Filters looked into: measures against closed forms, networks left as they were, and the best image by theory."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from helpers.analysis.filters import (
    class_neighbors,
    color_opponency,
    equally_smooth_filters,
    feature_maps,
    keeping_outputs,
    maximize_filter,
    orientation_selectivity,
    orientation_walk,
    random_filters,
    without_filters,
)
from helpers.data import ImageSet
from helpers.models import CustomResNet

Y, X = np.mgrid[-3:4, -3:4].astype(float)
ENVELOPE = np.exp(-(X**2 + Y**2) / 4)


def gabor(degrees, phase=0.0):
    along = X * np.cos(np.deg2rad(degrees)) + Y * np.sin(np.deg2rad(degrees))
    return np.stack([ENVELOPE * np.cos(2 * np.pi * along / 4 + phase)] * 3)


def blob(red, green, blue):
    return np.stack([red * ENVELOPE, green * ENVELOPE, blue * ENVELOPE])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return CustomResNet(width=4).train()


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


@pytest.mark.parametrize("degrees", [0, 20, 45, 70, 90, 135])
def test_a_gray_gabor_is_selective_and_colorless(degrees):
    filters = np.stack([gabor(degrees), gabor(degrees, np.pi / 2)])
    assert (orientation_selectivity(filters) > 0.65).all()
    assert color_opponency(filters) == pytest.approx([0, 0], abs=1e-12)


def test_a_red_green_blob_is_opponent_and_unoriented():
    filters = blob(1, -1, 0)[None]
    assert orientation_selectivity(filters) == pytest.approx([0], abs=1e-12)  # equal in both halves of a quarter turn
    assert color_opponency(filters) == pytest.approx([1])


def test_a_plane_wave_has_one_direction_and_two_crossed_ones_have_none():
    wave = np.stack([np.cos(2 * np.pi * 2 * X / 7)] * 3)
    crossed = wave + wave.transpose(0, 2, 1)
    assert orientation_selectivity([wave, crossed]) == pytest.approx([1, 0], abs=1e-12)


def test_the_walk_of_crossed_stripes_goes_out_and_comes_back():
    """Upright stripes are steps of angle 0, level ones of half a turn; diagonal ones go up, and stay there."""
    upright = np.stack([np.cos(2 * np.pi * 2 * X / 7)] * 3)
    level, diagonal = upright.transpose(0, 2, 1), np.stack([np.cos(2 * np.pi * (X + Y) / 7)] * 3)
    walks = orientation_walk([upright, upright + 2 * level, diagonal, blob(0, 0, 0)])
    assert walks.shape == (4, 48)
    assert np.abs(walks.imag[:2]).max() == pytest.approx(0, abs=1e-9)
    assert walks[1].real.max() == pytest.approx(0.2)
    assert walks[:, -1] == pytest.approx([1, -0.6, 1j, 0], abs=1e-9)


def test_a_walk_goes_in_order_of_direction_and_as_far_as_the_power():
    walk = orientation_walk(random_filters(1, (3, 7, 7), seed=4))[0]
    steps = np.diff(walk, prepend=0)
    turned = np.angle(steps) % (2 * np.pi)
    turned[turned > 2 * np.pi - 1e-9] = 0
    assert (np.diff(turned) > -1e-9).all()
    assert np.abs(steps).sum() == pytest.approx(1)


def test_opponency_of_single_colors_by_hand():
    """(1, 0, 0) is (1/3, 1/3, 1/3) of gray and energy 2/3 besides; (1, −1, 0) has no gray at all."""
    filters = np.stack([blob(1, 0, 0), blob(2, 2, 2), blob(1, 1, -2), blob(0, 0, 0)])
    np.testing.assert_allclose(color_opponency(filters), [2 / 3, 0, 1, np.nan], atol=1e-12)


@pytest.mark.parametrize("filters", [blob(0, 0, 0), np.full((3, 7, 7), 0.3)], ids=["zeros", "flat"])
def test_a_filter_without_pattern_has_no_direction(filters):
    assert orientation_selectivity(filters[None]) == [0]


@pytest.mark.parametrize("size", [3, 5, 7])
def test_random_filters_have_the_known_moments(size):
    """Shares of power are Dirichlet: mean square 1 / (1 + c · pairs of frequencies). Opponency is a Beta."""
    filters = random_filters(4000, (3, size, size), seed=3)
    assert (orientation_selectivity(filters) ** 2).mean() == pytest.approx(1 / (1 + 3 * (size**2 - 1) / 2), rel=0.06)
    half_gray, half_color = size**2 / 2, size**2
    spread = (half_gray * half_color / (half_gray + half_color + 1)) ** 0.5 / (half_gray + half_color)
    assert color_opponency(filters).mean() == pytest.approx(2 / 3, abs=4 * spread / 4000**0.5)
    assert color_opponency(filters).std() == pytest.approx(spread, rel=0.06)


def test_equally_smooth_filters_have_the_power_and_not_the_direction():
    """One wave of two periods: all power at that distance from frequency 0, shared by its four directions alike."""
    wave = np.stack([np.cos(2 * np.pi * 2 * X / 7)] * 3)
    random = equally_smooth_filters([wave, 9 * wave, 0 * wave], 4000, seed=1)
    power = (np.abs(np.fft.fft2(random)) ** 2).sum(1).mean(0)
    expected = np.zeros((7, 7))
    expected[[0, 0, 2, 5], [2, 5, 0, 0]] = 0.25
    np.testing.assert_allclose(power / power.sum(), expected, atol=0.01)
    # shares of two independent pairs of frequencies in three colors are Beta(3, 3): the difference's mean square is 1/7
    assert (orientation_selectivity(random) ** 2).mean() == pytest.approx(1 / 7, rel=0.06)
    assert color_opponency(random).mean() == pytest.approx(2 / 3, abs=0.02)


def test_each_filter_counts_alike_in_the_power_of_smooth_ones():
    """One of frequency 2 alone; one of frequency 1 with four times the power of its frequency 2: shares 0.4 and 0.6."""
    first, second = (np.stack([np.cos(2 * np.pi * k * X / 7)] * 3) for k in (1, 2))
    power = (np.abs(np.fft.fft2(equally_smooth_filters([50 * second, 2 * first + second], 4000))) ** 2).sum((0, 1))
    rings = power[0, [1, 6]].sum() + power[[1, 6], 0].sum(), power[0, [2, 5]].sum() + power[[2, 5], 0].sum()
    assert rings[0] / power.sum() == pytest.approx(0.4, abs=0.02)
    assert rings[1] / power.sum() == pytest.approx(0.6, abs=0.02)


def test_each_filter_may_have_random_ones_of_its_own():
    """A wave of frequency 1 and one of frequency 2: no random filter of the one has any power of the other's."""
    first, second = (np.stack([np.cos(2 * np.pi * k * X / 7)] * 3) for k in (1, 2))
    random = equally_smooth_filters([first, second], 50, each=True)
    power = (np.abs(np.fft.fft2(random)) ** 2).sum(1)
    assert random.shape == (100, 3, 7, 7)
    assert (power[:50, 0, 1] > 0.01).all() and power[:50, 0, 2].max() < 1e-20
    assert (power[50:, 0, 2] > 0.01).all() and power[50:, 0, 1].max() < 1e-20


def test_one_filter_with_its_own_profile_is_the_mean_of_one():
    filters = random_filters(1, (3, 7, 7), seed=2)
    np.testing.assert_allclose(equally_smooth_filters(filters, 5, each=True), equally_smooth_filters(filters, 5))


def test_scale_and_quarter_turns_change_nothing():
    filters = random_filters(6, (3, 7, 7))
    turned = 5 * np.rot90(filters, axes=(2, 3))
    np.testing.assert_allclose(orientation_selectivity(turned), orientation_selectivity(filters))
    np.testing.assert_allclose(color_opponency(turned), color_opponency(filters))


@pytest.mark.parametrize("shape", [(3, 7, 7), (2, 3, 4, 4), (2, 3, 5, 7)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="odd k"):
        orientation_selectivity(np.ones(shape))


def test_feature_maps_are_those_of_the_pass_and_leave_no_trace(model):
    images, before = torch.randn(2, 3, 16, 16), state(model)
    maps = feature_maps(model, images, ["prep.0", "layer3"])
    assert hooks(model) == 0 and model.training and model.prep[1].training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    torch.testing.assert_close(maps["prep.0"], F.conv2d(images, model.prep[0].weight, padding=1).detach())
    model.eval()
    expected = model.layer3(model.layer2(model.layer1(model.prep(images))))
    torch.testing.assert_close(maps["layer3"], expected.detach())


def test_class_neighbors_by_loops(model):
    """Image by image and without the helper's passes: maxima, less their mean, the largest cosine."""
    generator = torch.Generator().manual_seed(6)
    known, asked = (ImageSet(torch.randint(256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8),
                             torch.randint(3, (count,), generator=generator), ("a", "b", "c"), "made up", False)
                    for count in (260, 20))
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.4])
    got = class_neighbors(model, ["layer1", "layer2"], known, asked, (mean, std))
    model.eval()

    def code(image):
        normalized = (image.float() / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
        with torch.no_grad():
            return model.layer1(model.prep(normalized[None]))[0].flatten(1).max(1).values.numpy()

    theirs = np.array([code(image) for image in known.images])
    center = theirs.mean(0)
    for number, image in enumerate(asked.images):
        mine = code(image) - center
        cosines = [mine @ (other - center) / np.linalg.norm(other - center) for other in theirs]
        assert got["layer1"][number] == (known.labels[int(np.argmax(cosines))] == asked.labels[number]).item()
    assert set(got) == {"layer1", "layer2"} and 0 < got["layer1"].sum() < 20
    assert hooks(model) == 0


def test_hooks_are_gone_after_an_error(model):
    with pytest.raises(RuntimeError):
        feature_maps(model, torch.randn(2, 5, 16, 16), ["prep.0", "layer3"])
    with pytest.raises(KeyError, match="on purpose"), keeping_outputs(model, ["prep"]):
        assert hooks(model) == 1
        raise KeyError("on purpose")
    assert hooks(model) == 0 and model.training


def test_an_unknown_layer_is_named(model):
    with pytest.raises(ValueError, match="conv9"):
        feature_maps(model, torch.randn(1, 3, 16, 16), ["prep", "conv9"])
    assert hooks(model) == 0


@pytest.mark.parametrize("fails", [False, True])
def test_filters_come_back_bit_equal(fails):
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 8, 3)
    before, images = state(layer), torch.randn(1, 3, 8, 8)
    expected = layer(images).detach()
    expected[:, [1, 5]] = 0
    try:
        with without_filters(layer, [1, 5]):
            torch.testing.assert_close(layer(images).detach(), expected)
            assert not fails, "on purpose"
    except AssertionError as error:
        assert "on purpose" in str(error)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
    assert layer.weight.requires_grad


def test_a_number_of_numpy_is_one_filter(model):
    surest = np.argsort([3, 1, 2])[0]
    layer = nn.Conv2d(3, 4, 3)
    with without_filters(layer, surest):
        assert [bool(filter.any()) for filter in layer.weight] == [True, False, True, True]
    (image, responses), (same, again) = (
        maximize_filter(model, "layer2.1", one, torch.Generator().manual_seed(5), size=16, steps=2)
        for one in (surest, int(surest)))
    assert image.shape == (3, 16, 16) and torch.equal(image, same) and responses == again


@pytest.mark.parametrize("number", [8, -1, [2, 9], np.int64(8)])
def test_a_filter_that_is_not_there_is_named(number):
    layer = nn.Conv2d(3, 8, 3)
    with pytest.raises(IndexError, match="numbered from 0 to 7"), without_filters(layer, number):
        pass


def test_the_best_image_of_a_linear_filter_is_the_filter_itself():
    """Cauchy and Schwarz: under a fixed norm, the largest inner product is reached by the filter, and by no other."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 7, padding=3, bias=False)).train()
    image, responses = maximize_filter(model, "0", 2, torch.Generator().manual_seed(1), size=16, rate=0.5)
    weight = model[0].weight[2].detach()
    patch = image[:, 5:12, 5:12]  # around the center (8, 8)
    assert F.cosine_similarity(patch.flatten(), weight.flatten(), dim=0) > 0.999
    assert image.square().mean() == pytest.approx(1, abs=1e-4)
    assert responses[-1] == pytest.approx((weight.norm() * (3 * 16 * 16) ** 0.5).item(), rel=1e-3)


def test_ascent_rises_repeats_and_leaves_the_network_alone(model):
    before = state(model)
    first, again = (maximize_filter(model, "layer2.2", 3, torch.Generator().manual_seed(7), size=16, steps=20)
                    for _ in range(2))
    assert torch.equal(first[0], again[0]) and first[1] == again[1]
    assert first[1][-1] > first[1][0]
    assert model.training and hooks(model) == 0
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_channels_that_climb_together_do_not_disturb_each_other(model):
    """Each image of a group is the one that climbs alone from the same start."""
    starts = torch.Generator().manual_seed(5)
    alone = [maximize_filter(model, "layer2.1", channel, starts, size=16, steps=8) for channel in (3, 0, 3)]
    again = torch.Generator().manual_seed(5)
    images, responses = maximize_filter(model, "layer2.1", [3, 0, 3], again, size=16, steps=8)
    torch.testing.assert_close(images, torch.stack([image for image, _ in alone]), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(responses, np.transpose([single for _, single in alone]), rtol=1e-3, atol=1e-4)


def test_a_unit_without_slope_leaves_its_image_alone():
    """Weights of zero answer to nothing: the start stays, scaled, and is not NaN."""
    layer = nn.Conv2d(3, 2, 3, padding=1)
    with torch.no_grad():
        layer.weight[1] = 0
    start = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(2))[1]
    images, _ = maximize_filter(nn.Sequential(layer), "0", [0, 1], torch.Generator().manual_seed(2), size=8, steps=3)
    torch.testing.assert_close(images[1], start / start.square().mean().sqrt())
