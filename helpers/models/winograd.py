"""3 × 3 convolutions with fewer products: A. Lavin, S. Gray, *Fast Algorithms for Convolutional Networks* (2016).

In one dimension m outputs of 3 weights take 3m products, or only n = m + 2: so many values determine a
polynomial, and values (at the points below and at infinity) are multiplied one by one. In two dimensions the
gain is squared. The price is paid in additions, which are matrix products here, and in rounding.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

# For tiles of m × m outputs; chosen for small errors in bf16.
POINTS = {
    2: (0, 1, -1),
    3: (0, 0.75, -0.75, 2),
    4: (0, 0.75, -0.75, 1.5, -1.5),
    5: (0, 0.5, -0.5, 1, -1, 3),
}


class Transforms(NamedTuple):
    """How a map is cut into tiles, and the matrices, in float64, that lead to their products and back."""

    m: int  # outputs of a tile along one axis; it reads n = m + 2 inputs, and overlaps its neighbors by 2
    rows: Tensor  # (n · tiles, size): from a column of the map to the values of all its tiles
    weights: Tensor  # (n², 9): from the 9 weights to their values
    outputs: Tensor  # (m², n²): from the products of a tile to its outputs


def tiles_along(size: int, m: int) -> int:
    """How many tiles with m outputs cover an axis; the last one may reach over the end."""
    return -(-size // m)


def products_along(size: int, m: int) -> int:
    """How many products these tiles take along an axis."""
    return tiles_along(size, m) * (m + 2)


def values(points: tuple, count: int) -> np.ndarray:
    """(points + 1, count): from the `count` coefficients of a polynomial to its values at points and infinity."""
    at_points = np.vander(points, count, increasing=True)
    at_infinity = np.eye(count)[-1]  # the leading coefficient, which decides there
    return np.vstack([at_points, at_infinity])


def tile_by_tile(matrix: np.ndarray, m: int, size: int) -> np.ndarray:
    """From (n, n), for what one tile reads, to (n · tiles, size): row k · tiles + t is row k for tile t."""
    tiles = tiles_along(size, m)
    shifted = []
    for tile in range(tiles):
        before, after = tile * m, (tiles - 1 - tile) * m
        shifted.append(np.pad(matrix, ((0, 0), (before, after))))
    rows = np.stack(shifted, axis=1).reshape(len(matrix) * tiles, -1)
    return rows[:, 1:size + 1]  # the first column, and those past the end, would meet the zeros around the map


@cache
def transforms(size: int) -> Transforms:
    """Those with the fewest products for maps of `size` × `size`."""
    m = min(POINTS, key=lambda m: products_along(size, m))
    points = POINTS[m]
    n = m + 2
    # Transposed, the way from values back to coefficients leads from inputs to values: so an algorithm that
    # multiplies polynomials becomes one that correlates.
    inputs = np.linalg.inv(values(points, n)).T
    scale = np.append(inputs[:-1, -2], 1)[:, None]  # moved to the weights, it leaves numbers that bf16 can hold
    rows = tile_by_tile(inputs / scale, m, size)
    weights = values(points, 3) * scale
    outputs = values(points, m).T
    in_two_dimensions = np.kron(weights, weights), np.kron(outputs, outputs)
    return Transforms(m, torch.tensor(rows), *map(torch.tensor, in_two_dimensions))


def convolve(x: Tensor, weight: Tensor, piece: int = 800) -> Tensor:
    """Images (N, S, S, C), weights (O, C, 3, 3) → (N, S, S, O), padded by zeros; `piece` tiles fit the cache."""
    size, channels = x.shape[2:]
    m, rows, weights, outputs = transforms(size)
    n, tiles = m + 2, tiles_along(size, m)
    kernels = weights.to(weight.dtype) @ weight.permute(2, 3, 1, 0).reshape(9, -1)
    kernels = kernels.view(n * n, channels, -1)
    rows, outputs = rows.to(x.dtype), outputs.to(x.dtype)
    images_at_once = max(1, piece // tiles**2)
    images_at_once |= 1  # an odd number, or rows of memory collide in the cache
    found = []
    for images in x.split(images_at_once):
        rounded = kernels.to(x.dtype)  # in the loop, so that the pieces' gradients add up in the weights' precision
        products = torch.bmm(to_values(images, rows, n, tiles), rounded)
        found.append(to_maps(products, outputs, m, tiles, size))
    return torch.cat(found)


def to_values(images: Tensor, rows: Tensor, n: int, tiles: int) -> Tensor:
    """Images (N, S, S, C) → the values of all tiles, (n², N · tiles², C)."""
    count, size, _, channels = images.shape
    down = rows @ images.flatten(2)  # (N, n · tiles, S · C)
    grid = rows @ down.view(-1, n * tiles, size, channels)  # (N, n · tiles, n · tiles, C)
    grid = grid.view(count, n, tiles, n, tiles, channels)
    return grid.permute(1, 3, 0, 2, 4, 5).reshape(n * n, -1, channels)


def to_maps(products: Tensor, outputs: Tensor, m: int, tiles: int, size: int) -> Tensor:
    """The products of all tiles (n², N · tiles², O) → maps (N, S, S, O)."""
    y = outputs @ products.flatten(1)  # (m², N · tiles² · O)
    y = y.view(m, m, -1, tiles, tiles, products.shape[-1]).permute(2, 3, 0, 4, 1, 5)
    y = y.reshape(len(y), tiles * m, tiles * m, -1)
    return y[:, :size, :size]  # the last tiles may reach over the end


class WinogradConv2d(nn.Conv2d):
    """A convolution (3 × 3, padded by 1, no bias) that learns from square maps on a CPU with fewer products.

    Elsewhere, and in evaluation, it is an ordinary one; the difference is rounding, up to 5 % in bf16.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        expected = {"kernel_size": (3, 3), "stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1,
                    "bias": None, "padding_mode": "zeros"}
        for name, value in expected.items():
            found = getattr(self, name)
            if found is value or found == value:
                continue
            shown = "True" if name == "bias" else repr(found)
            wanted = "False" if name == "bias" else repr(value)
            raise ValueError(f"{name}={shown}: WinogradConv2d knows {wanted} only; use nn.Conv2d")

    def forward(self, x: Tensor) -> Tensor:
        square = x.shape[2] == x.shape[3]
        if not self.training or x.device.type != "cpu" or not square:
            return super().forward(x)
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))
        with torch.autocast("cpu", enabled=False):  # it would round the transforms' float32 products
            channels_last = x.permute(0, 2, 3, 1).contiguous()
            return convolve(channels_last, self.weight).permute(0, 3, 1, 2)
