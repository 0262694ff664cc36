"""Convolution with fewer products, against torch's own."""

import pytest
import torch
from torch import nn

from helpers.models.registry import make_model
from helpers.models.winograd import POINTS, WinogradConv2d, convolve, transforms


def direct(x, weight):
    return nn.functional.conv2d(x.permute(0, 3, 1, 2), weight, padding=1).permute(0, 2, 3, 1)


def with_gradients(convolution, x, weight, seed=1):
    x, weight = x.clone().requires_grad_(), weight.clone().requires_grad_()
    y = convolution(x, weight)
    g = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(y.dtype)
    return y.detach(), *torch.autograd.grad(y, (x, weight), g)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 11, 15, 16, 31])
def test_outputs_and_gradients_are_those_of_a_convolution(size):
    generator = torch.Generator().manual_seed(size)
    x = torch.randn(7, size, size, 3, dtype=torch.float64, generator=generator)
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64, generator=generator)
    for mine, theirs in zip(with_gradients(lambda *given: convolve(*given, piece=2 * size), x, weight),
                            with_gradients(direct, x, weight), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-11)


def test_the_textbook_matrices_for_two_outputs():
    m, rows, weights, outputs = transforms(2)  # Lavin and Gray, section 4.1, but for signs and factors between them
    assert m == 2 and rows.shape == (4, 2) and weights.shape == (16, 9) and outputs.shape == (4, 16)
    assert torch.equal(outputs.view(2, 2, 4, 4)[0, 0], torch.tensor([1., 1, 1, 0]).outer(torch.tensor([1., 1, 1, 0])))


@pytest.mark.parametrize("size, tile", [(2, 2), (3, 3), (5, 5), (7, 4), (11, 4), (15, 5)])
def test_the_tile_with_the_fewest_products_is_taken(size, tile):
    products = {m: ((m + 2) * -(-size // m))**2 for m in POINTS}
    assert transforms(size)[0] == tile and products[tile] == min(products.values()) < 9 * size**2


@pytest.mark.parametrize("size", [3, 5, 7, 11, 15])
def test_rounding_in_bf16(size):
    torch.manual_seed(size)
    x, weight = nn.functional.gelu(torch.randn(20, size, size, 64)), torch.randn(32, 64, 3, 3) / 24
    exact = with_gradients(direct, x.bfloat16().double(), weight.bfloat16().double())
    rounded = with_gradients(convolve, x.bfloat16(), weight)
    for mine, theirs in zip(rounded, exact, strict=True):
        assert 0.001 < (mine - theirs).norm() / theirs.norm() < 0.06


def test_gradients_of_many_pieces_add_up_in_the_weights_precision():
    """Rounded to bf16 one by one, but added in float32: in bf16 a sum of 200 would lose its small summands."""
    torch.manual_seed(0)
    x, weight = torch.randn(200, 5, 5, 8).bfloat16(), torch.randn(8, 8, 3, 3)
    exact = with_gradients(direct, x.double(), weight.bfloat16().double())[2]
    few = with_gradients(lambda *given: convolve(*given, piece=800), x, weight)[2]
    many = with_gradients(lambda *given: convolve(*given, piece=1), x, weight)[2]
    error_of_few, error_of_many = ((gradient - exact).norm() / exact.norm() for gradient in (few, many))
    assert error_of_many < 1.5 * error_of_few


def test_the_layer_is_an_ordinary_one_in_evaluation_and_for_other_maps():
    torch.manual_seed(0)
    layer, plain = (kind(8, 8, 3, padding=1, bias=False) for kind in (WinogradConv2d, nn.Conv2d))
    plain.load_state_dict(layer.state_dict())
    square, oblong = torch.randn(2, 8, 6, 6), torch.randn(2, 8, 6, 4)
    assert not torch.equal(layer(square), plain(square)) and torch.allclose(layer(square), plain(square), atol=1e-4)
    assert torch.equal(layer(oblong), plain(oblong)) and torch.equal(layer.eval()(square), plain(square))
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.train()(square).dtype == torch.bfloat16


def test_the_fast_network_learns_with_it_in_its_wide_groups():
    kinds = [[type(m) is WinogradConv2d for m in group.modules() if isinstance(m, nn.Conv2d)]
             for group in make_model("whitened_net_winograd").groups]
    assert kinds == [[False] * 2, [True] * 2, [True] * 2]
    torch.manual_seed(0)
    net, plain = make_model("whitened_net_winograd"), make_model("whitened_net_passes_of_500")
    plain.load_state_dict(net.state_dict())
    images = torch.randn(4, 3, 24, 24)
    loss, other = (nn.functional.cross_entropy(model(images), torch.arange(4)) for model in (net, plain))
    loss.backward(), other.backward()
    assert torch.allclose(loss, other, atol=1e-4)
    for mine, theirs in zip(net.parameters(), plain.parameters(), strict=True):
        assert mine.grad is None or torch.allclose(mine.grad, theirs.grad, atol=1e-4, rtol=1e-2)


@pytest.mark.parametrize("option, value", [("bias", True), ("stride", 2), ("kernel_size", 5), ("padding", 0),
                                           ("groups", 2), ("dilation", 2)])
def test_what_it_cannot_do_is_refused(option, value):
    options = {"kernel_size": 3, "padding": 1, "bias": False} | {option: value}
    with pytest.raises(ValueError, match=f"{option}=.*use nn.Conv2d"):
        WinogradConv2d(8, 8, **options)
