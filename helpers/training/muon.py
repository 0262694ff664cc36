"""The fast recipe's optimizer: K. Jordan, *Muon* (2024)."""

import torch
from torch import Tensor

TINY = 1e-7  # below this norm there is no direction; a division by 0 would give NaN


def orthogonalize(matrix: Tensor, steps: int = 3) -> Tensor:
    """Push all singular values of a matrix (m, n) towards 1, roughly: quintic Newton–Schulz iteration in bf16."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + TINY)
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
    def step(self, closure=None) -> None:
        """One update of every parameter that has a gradient; a `closure` is not called."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, p.grad, group)

    def _update(self, p: Tensor, grad: Tensor, group: dict) -> None:
        """One parameter's step, by the settings of its group."""
        grad = grad.add(p, alpha=group["weight_decay"])
        buffer = self.state[p].setdefault("momentum_buffer", torch.zeros_like(grad))
        buffer.mul_(group["momentum"])
        buffer.add_(grad)
        update = grad.add(buffer, alpha=group["momentum"])  # Nesterov's: the gradient looks ahead
        if group["orthogonal"]:
            p.mul_(len(p) ** 0.5 / p.norm().clamp_min(TINY))
            update = orthogonalize(update.flatten(1)).view(p.shape)
        p.add_(update, alpha=-group["lr"])
