"""3 × 3 convolutions with fewer products: A. Lavin, S. Gray, *Fast Algorithms for Convolutional Networks* (2016).

In one dimension m outputs of 3 weights take 3m products, or only n = m + 2: so many values determine a polynomial, and
values (at the points below and at infinity) are multiplied one by one. In two dimensions the gain is squared. The price
is paid in additions, which are matrix products here, and in rounding.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

# For tiles of m × m outputs; chosen for small errors in bf16.
POINTS = {2: (0, 1, -1), 3: (0, 0.75, -0.75, 2), 4: (0, 0.75, -0.75, 1.5, -1.5), 5: (0, 0.5, -0.5, 1, -1, 3)}


@cache
def transforms(size: int) -> tuple[int, Tensor, Tensor, Tensor]:
    """The m with the fewest products for maps of `size` × `size`; and three matrices in float64.

    They lead from a column of the map to all its tiles (n · tiles, size), from 9 weights to a tile (n², 9), and from
    the products of a tile to its outputs (m², n²).
    """
    m = min(POINTS, key=lambda m: -(-size // m) * (m + 2))
    n, tiles = m + 2, -(-size // m)

    def values(k: int) -> np.ndarray:  # of a polynomial with k coefficients
        return np.vstack([np.vander(POINTS[m], k, increasing=True), np.eye(k)[-1]])

    solve = np.linalg.inv(values(n)).T
    scale = np.append(solve[:-1, -2], 1)[:, None]  # leaves numbers that bf16 can hold
    rows = np.stack([np.pad(solve / scale, ((0, 0), (t * m, (tiles - 1 - t) * m))) for t in range(tiles)], 1)
    rows = rows.reshape(n * tiles, -1)[:, 1:size + 1]  # the rest would meet the zeros around the map
    weights, outputs = values(3) * scale, values(m).T
    return m, *map(torch.tensor, (rows, np.kron(weights, weights), np.kron(outputs, outputs)))


def convolve(x: Tensor, weight: Tensor, piece: int = 800) -> Tensor:
    """Images (N, S, S, C), weights (O, C, 3, 3) → (N, S, S, O), padded by zeros; `piece` tiles fit the cache."""
    size, channels = x.shape[2:]
    m, *matrices = transforms(size)
    n, tiles, found = m + 2, -(-size // m), []
    rows, to_outputs = matrices[0].to(x.dtype), matrices[2].to(x.dtype)
    kernels = matrices[1].to(weight.dtype) @ weight.permute(2, 3, 1, 0).reshape(9, -1)
    for images in x.split(max(1, piece // tiles**2) | 1):  # an odd number, or rows of memory collide in the cache
        grid = rows @ (rows @ images.flatten(2)).view(-1, n * tiles, size, channels)
        grid = grid.view(-1, n, tiles, n, tiles, channels).permute(1, 3, 0, 2, 4, 5).reshape(n * n, -1, channels)
        products = torch.bmm(grid, kernels.view(n * n, channels, -1).to(x.dtype))
        y = (to_outputs @ products.flatten(1)).view(m, m, len(images), tiles, tiles, -1).permute(2, 3, 0, 4, 1, 5)
        found.append(y.reshape(len(images), tiles * m, tiles * m, -1)[:, :size, :size])
    return torch.cat(found)


class WinogradConv2d(nn.Conv2d):
    """A convolution (3 × 3, padded by 1, without bias) that learns from square maps on a CPU with fewer products.

    Elsewhere, and in evaluation, it is an ordinary one; the difference is rounding, up to 5 % in bf16.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        expected = {"kernel_size": (3, 3), "stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1,
                    "bias": None, "padding_mode": "zeros"}
        for name, value in expected.items():
            if (found := getattr(self, name)) is not value and found != value:
                shown = "True" if name == "bias" else repr(found)
                wanted = "False" if name == "bias" else repr(value)
                raise ValueError(f"{name}={shown}: WinogradConv2d knows {wanted} only; use nn.Conv2d")

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.device.type != "cpu" or x.shape[2] != x.shape[3]:
            return super().forward(x)
        x = x.to(torch.get_autocast_dtype("cpu")) if torch.is_autocast_enabled("cpu") else x
        with torch.autocast("cpu", enabled=False):
            return convolve(x.permute(0, 2, 3, 1).contiguous(), self.weight).permute(0, 3, 1, 2)
