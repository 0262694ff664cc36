"""What a network may ask of training beyond what every ``nn.Module`` has."""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Prepared(Protocol):
    """A network with a layer that is computed from images before training, not learned."""

    def prepare(self, images: Tensor) -> None:
        """Set the layer from normalized images (N, 3, H, W)."""


@runtime_checkable
class HasParameterGroups(Protocol):
    """A network whose parameters learn by different rules, which `Muon` asks for."""

    def parameter_groups(self, max_lr: float, batch_size: int) -> list[dict]:
        """Groups as ``torch.optim`` takes them."""
