"""Directions are as long as the weights, the center is what `evaluate` says, the network comes back untouched."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from helpers.analysis import loss_along, loss_surface, random_direction
from helpers.training.fit import evaluate


def make_net():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5),
                        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    with torch.no_grad():
        net[0].weight *= torch.tensor([0.1, 1.0, 10.0, 100.0]).view(-1, 1, 1, 1)
        net[1].running_mean.fill_(0.3)
    net.train()
    net[3].eval()  # modes differ: each must come back
    return net


@pytest.fixture
def net():
    return make_net()


@pytest.fixture
def batches():
    draw = torch.Generator().manual_seed(1)
    return [(torch.randn(n, 3, 8, 8, generator=draw), torch.randint(5, (n,), generator=draw)) for n in (6, 3)]


def draw_direction(net, normalize="filter", seed=2):
    return random_direction(net, torch.Generator().manual_seed(seed), normalize)


def lengths(weight):
    return np.array([np.sqrt((row.double().numpy() ** 2).sum()) for row in weight.detach()])


def test_each_filter_is_as_long_as_that_of_the_weights(net):
    direction = draw_direction(net)
    for name in ("0.weight", "6.weight"):
        np.testing.assert_allclose(lengths(direction[name]), lengths(net.get_parameter(name)), rtol=1e-5)


def test_each_layer_is_as_long_as_the_weights_but_its_filters_are_not(net):
    direction = draw_direction(net, "layer")
    ours, theirs = lengths(direction["0.weight"]), lengths(net[0].weight)
    assert np.sqrt((ours**2).sum()) == pytest.approx(np.sqrt((theirs**2).sum()), rel=1e-5)
    assert ours[0] > 10 * theirs[0]


def test_without_normalization_the_noise_is_as_drawn(net):
    expected = torch.randn(net[0].weight.shape, generator=torch.Generator().manual_seed(2))
    assert torch.equal(draw_direction(net, "none")["0.weight"], expected)


@pytest.mark.parametrize("normalize", ["filter", "layer", "none"])
def test_biases_and_batch_norm_stay(net, normalize):
    direction = draw_direction(net, normalize)
    assert direction.keys() == dict(net.named_parameters()).keys()
    assert all(direction[name].eq(0).all() for name in ("1.weight", "1.bias", "6.bias"))


def test_unknown_normalization_is_refused_with_the_known(net):
    with pytest.raises(ValueError, match="unknown normalization 'unit': choose from .'filter', 'layer', 'none'"):
        draw_direction(net, "unit")


def test_the_center_is_what_evaluate_says(net, batches):
    expected = evaluate(net, batches)["loss"]
    a, b = draw_direction(net), draw_direction(net, seed=3)
    assert loss_along(net, a, [-1, 0, 1], batches)[1] == expected
    assert loss_surface(net, (a, b), [-1, 0], [0, 2, 3], batches)[0, 1] == expected


def test_points_are_those_of_a_network_moved_by_hand(net, batches):
    a, b = draw_direction(net), draw_direction(net, seed=3)
    losses = loss_surface(net, (a, b), [-0.5, 2.0], [0.25, 1.0, 3.0], batches)
    moved = copy.deepcopy(net)
    with torch.no_grad():
        for name, parameter in moved.named_parameters():
            parameter += 2.0 * a[name] + 0.25 * b[name]
    assert losses.shape == (3, 2)
    assert losses[0, 1] == pytest.approx(evaluate(moved, batches)["loss"], rel=1e-5)
    np.testing.assert_allclose(loss_along(net, a, [0.5], batches), loss_surface(net, (a, b), [0.5], [0], batches)[0])


def test_reestimated_statistics_are_the_averages_over_the_batches(net, batches):
    training = [(2 * images + 1, labels) for images, labels in batches]
    maps = [net[0](images) for images, _ in training]
    expected = copy.deepcopy(net)
    expected[1].running_mean = torch.stack([m.mean((0, 2, 3)) for m in maps]).mean(0).detach()
    expected[1].running_var = torch.stack([m.var((0, 2, 3)) for m in maps]).mean(0).detach()
    got = loss_along(net, draw_direction(net), [0], batches, reestimate_on=training)
    assert got[0] == pytest.approx(evaluate(expected, batches)["loss"], rel=1e-5)
    assert got[0] != pytest.approx(evaluate(net, batches)["loss"], rel=1e-3)


def snapshot(net):
    tensors = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    return tensors, modes, net[1].momentum, torch.get_rng_state(), np.random.get_state()[1].copy()


def assert_same(before, after):
    for name, tensor in before[0].items():
        assert torch.equal(tensor, after[0][name]), name
    assert before[1:3] == after[1:3]
    assert torch.equal(before[3], after[3]) and (before[4] == after[4]).all()


class Broken:
    """Batches of which the second has labels that no network can answer; going through them draws a random number."""

    def __init__(self, batches, broken):
        self.batches, self.broken = batches, broken

    def __iter__(self):
        torch.rand(1)
        yield self.batches[0]
        images, labels = self.batches[1]
        yield images, labels + 100 if self.broken else labels


@pytest.mark.parametrize("reestimate", [False, True])
@pytest.mark.parametrize("broken", [False, True])
def test_the_network_and_the_random_numbers_come_back_bit_for_bit(net, batches, broken, reestimate):
    before, a, b = snapshot(net), draw_direction(net), draw_direction(net, seed=3)
    asked, training = Broken(batches, broken), batches if reestimate else None
    if broken:
        with pytest.raises((ValueError, IndexError)):
            loss_surface(net, (a, b), [1.0, 2.0], [0.7], asked, reestimate_on=training)
    else:
        loss_surface(net, (a, b), [1.0, 2.0], [0.7], asked, reestimate_on=training)
    assert_same(before, snapshot(net))


def test_an_error_while_statistics_are_measured_leaves_no_trace(net, batches):
    before = snapshot(net)
    with pytest.raises(RuntimeError):
        loss_along(net, draw_direction(net), [1.0], batches, reestimate_on=[(torch.zeros(2, 7, 8, 8), None)])
    assert_same(before, snapshot(net))


def test_a_direction_of_another_network_is_refused(net, batches):
    other = nn.Sequential(nn.Conv2d(3, 5, 3, bias=False))
    with pytest.raises(ValueError, match=r"0.weight has shape \(5, 3, 3, 3\) in the direction and \(4, 3, 3, 3\)"):
        loss_along(net, draw_direction(other), [1.0], batches)


def test_filter_normalized_directions_see_one_function_where_the_weights_are_rescaled(net, batches):
    """Batch norm undoes a scale of its convolution: the picture must not change with it; with raw noise it does."""
    scaled = copy.deepcopy(net)
    with torch.no_grad():
        scaled[0].weight *= 50
    pictures = {}
    for normalize in ("filter", "none"):
        directions = [draw_direction(each, normalize) for each in (net, scaled)]
        pictures[normalize] = [loss_along(each, direction, [0.5], batches, reestimate_on=batches)[0]
                               for each, direction in zip((net, scaled), directions, strict=True)]
    assert pictures["filter"][0] == pytest.approx(pictures["filter"][1], rel=1e-3)
    assert abs(pictures["none"][0] - pictures["none"][1]) > 1e-3
