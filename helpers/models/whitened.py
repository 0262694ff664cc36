"""The fast recipe's network.

After K. Jordan, *94% on CIFAR-10 in 3.29 Seconds on a Single GPU* (2024), sections 3.1–3.4.
"""

import torch
from torch import Tensor, nn

from helpers.distributed import sum_over_processes
from helpers.models.winograd import WinogradConv2d


def device_with_float64(device: torch.device) -> torch.device:
    """Where to compute in double precision: the device itself, but the CPU for MPS, which has none."""
    return torch.device("cpu") if device.type == "mps" else device


class ConvGroup(nn.Module):
    """A convolution with pooling, then `depth` − 1 at the smaller size; around more than one of these goes a skip.

    Convolutions begin as the identity, batch norm only shifts. With `winograd` they take fewer products on a CPU.
    """

    def __init__(self, in_channels: int, out_channels: int, depth: int, norm_momentum: float, winograd: bool = False):
        super().__init__()

        def conv(inputs: int, *pool: nn.Module) -> list[nn.Module]:
            layer = (WinogradConv2d if winograd else nn.Conv2d)(inputs, out_channels, 3, padding=1, bias=False)
            nn.init.dirac_(layer.weight.data[:inputs])
            norm = nn.BatchNorm2d(out_channels, eps=1e-12, momentum=norm_momentum)
            norm.weight.requires_grad = False
            return [layer, *pool, norm, nn.GELU()]

        self.first = nn.Sequential(*conv(in_channels, nn.MaxPool2d(2)))
        self.rest = nn.Sequential(*[layer for _ in range(depth - 1) for layer in conv(out_channels)][:-1])
        self.skip = depth > 2

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return nn.functional.gelu(self.rest(x) + x if self.skip else self.rest(x))


class WhitenedNet(nn.Module):
    """A small convolutional network whose first layer whitens 2 × 2 patches and is never trained.

    `widths` are the channels of its three groups, `depth` the convolutions of each (at least 2); `winograd` is for
    those of 64 channels or more, where it pays. `norm_momentum` is batch norm's: 0.4 for passes of 2,000 images; 0.12
    lets it average over as many in passes of 500.
    """

    def __init__(self, num_classes: int = 10, widths: tuple[int, int, int] = (64, 256, 256), depth: int = 2,
                 norm_momentum: float = 0.4, winograd: bool = False):
        super().__init__()
        if depth < 2 or min(widths) < 1:
            raise ValueError(f"depth={depth}, widths={widths}: at least 2 convolutions per group, and 1 channel")
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        self.groups = nn.Sequential(*[ConvGroup(*pair, depth, norm_momentum, winograd and pair[0] >= 64)
                                      for pair in zip((24, *widths), widths, strict=False)])
        self.pool = nn.AdaptiveMaxPool2d(1)
        self.head = nn.Linear(widths[-1], num_classes, bias=False)
        with torch.no_grad():
            self.head.weight /= self.head.weight.std()

    @torch.no_grad()
    def prepare(self, images: Tensor) -> None:
        """Set the first layer from normalized images (N, 3, H, W): principal axes of their patches, and the negatives.

        Each output then has variance 1 over the patches, and different axes are uncorrelated.
        """
        patches = nn.functional.unfold(images.float(), 2).transpose(1, 2).reshape(-1, 12)
        patches = patches.to(device_with_float64(images.device)).double()
        gram = sum_over_processes(patches.T @ patches)
        count = sum_over_processes(patches.new_tensor(len(patches)))
        values, vectors = torch.linalg.eigh(gram / count)
        filters = (vectors / (values + 5e-4).sqrt()).T.reshape(12, 3, 2, 2)
        self.whiten.weight.copy_(torch.cat([filters, -filters]))

    def parameter_groups(self, max_lr: float, batch_size: int) -> list[dict]:
        """For `Muon`: filters by its rule, shifts and head by plain SGD; ``until`` as in `freeze_finished`.

        The logits are divided by the number of channels, so gradients of a mean loss are small and these rates large.
        """
        biases = [p for name, p in self.groups.named_parameters() if p.requires_grad and p.dim() == 1]
        shift = {"lr": 0.053 * batch_size, "momentum": 0.85, "weight_decay": 2e-6 / 0.053, "orthogonal": False}
        head = shift | {"lr": 0.67 * batch_size, "weight_decay": 2e-6 / 0.67}
        return [{"params": [p for p in self.groups.parameters() if p.dim() == 4], "lr": max_lr},
                {"params": [self.whiten.bias], **shift, "until": 3 / 8},
                {"params": biases, **shift}, {"params": [self.head.weight], **head}]

    def forward(self, x: Tensor) -> Tensor:
        if min(x.shape[2:]) < 9:  # three poolings of a map that is one pixel smaller
            raise ValueError(f"images of {x.shape[2]} × {x.shape[3]} pixels are too small for WhitenedNet: "
                             "9 × 9 at least; raise image_sizes")
        x = self.pool(self.groups(nn.functional.gelu(self.whiten(x)))).flatten(1)
        return self.head(x) / x.shape[1]
