"""The fast recipe's network and optimizer.

After K. Jordan, *94% on CIFAR-10 in 3.29 Seconds on a Single GPU* (2024), sections 3.1–3.4, and *Muon* (2024).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch norm with a shift only, whose averages follow the last few batches."""
    norm = nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
    norm.weight.requires_grad = False
    return norm


def _conv_group(in_channels: int, out_channels: int) -> nn.Sequential:
    """Two convolutions, the first with pooling; each begins as the identity on the channels it gets."""
    convs = [nn.Conv2d(c, out_channels, 3, padding=1, bias=False) for c in (in_channels, out_channels)]
    for conv in convs:
        nn.init.dirac_(conv.weight.data[:conv.in_channels])
    return nn.Sequential(convs[0], nn.MaxPool2d(2), _batch_norm(out_channels), nn.GELU(),
                         convs[1], _batch_norm(out_channels), nn.GELU())


class WhitenedNet(nn.Module):
    """A small convolutional network whose first layer whitens 2 × 2 patches and is never trained.

    Parameters
    ----------
    num_classes : int
    widths : three ints
        Channels of the three groups.
    """

    def __init__(self, num_classes: int = 10, widths: tuple[int, int, int] = (64, 256, 256)):
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        sizes = [24, *widths]
        self.groups = nn.Sequential(*[_conv_group(a, b) for a, b in zip(sizes, sizes[1:], strict=False)])
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.head = nn.Linear(widths[-1], num_classes, bias=False)
        with torch.no_grad():
            self.head.weight /= self.head.weight.std()

    @torch.no_grad()
    def prepare(self, images: Tensor) -> None:
        """Set the first layer from normalized images (N, 3, H, W): principal axes of their patches, and the negatives.

        Each output then has variance 1 over the patches, and different axes are uncorrelated.
        """
        patches = nn.functional.unfold(images.float(), 2).transpose(1, 2).reshape(-1, 12).double()
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (vectors / (values + 5e-4).sqrt()).T.reshape(12, 3, 2, 2)
        self.whiten.weight.copy_(torch.cat([filters, -filters]))

    def parameter_groups(self, max_lr: float, batch_size: int) -> list[dict]:
        """For `Muon`: filters by its rule, shifts and head by plain SGD. `until`: share of the run that a group learns.

        The logits are divided by the number of channels, so gradients of a mean loss are small and these rates large.
        """
        biases = [p for name, p in self.groups.named_parameters() if p.requires_grad and p.dim() == 1]
        shift = {"lr": 0.053 * batch_size, "momentum": 0.85, "weight_decay": 2e-6 / 0.053, "orthogonal": False}
        head = shift | {"lr": 0.67 * batch_size, "weight_decay": 2e-6 / 0.67}
        return [{"params": [p for p in self.groups.parameters() if p.dim() == 4], "lr": max_lr},
                {"params": [self.whiten.bias], **shift, "until": 3 / 8},
                {"params": biases, **shift}, {"params": [self.head.weight], **head}]

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.groups(nn.functional.gelu(self.whiten(x)))).flatten(1)
        return self.head(x) / x.shape[1]


def orthogonalize(matrix: Tensor, steps: int = 3) -> Tensor:
    """Push all singular values of a matrix (m, n) towards 1, roughly: quintic Newton–Schulz iteration in bf16."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.T if tall else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum whose update is orthogonalized for convolution filters, and plain for all else.

    Parameter groups with ``orthogonal=True`` hold filters: before each step a filter bank of n filters is scaled to
    norm √n, which takes the place of weight decay. Other groups are ordinary SGD with ``weight_decay``.
    """

    def __init__(self, groups):
        super().__init__(groups, {"lr": 0.24, "momentum": 0.6, "weight_decay": 0.0, "orthogonal": True, "until": 1.0})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, p.grad, **{k: group[k] for k in ("lr", "momentum", "weight_decay", "orthogonal")})

    def _update(self, p, grad, *, lr, momentum, weight_decay, orthogonal):
        grad = grad.add(p, alpha=weight_decay)
        buffer = self.state[p].setdefault("momentum_buffer", torch.zeros_like(grad))
        buffer.mul_(momentum).add_(grad)
        update = grad.add(buffer, alpha=momentum)
        if orthogonal:
            p.mul_(len(p) ** 0.5 / p.norm())
            update = orthogonalize(update.flatten(1)).view(p.shape)
        p.add_(update, alpha=-lr)
