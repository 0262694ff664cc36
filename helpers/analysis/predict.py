"""From a trained model to its answers: logits, and how sure it is of them."""

import torch
from torch import Tensor, nn

from helpers.env import autocast, resolve_precision
from helpers.models.trace import evaluating


def predict_logits(model: nn.Module, batches, *, device: torch.device | None = None,
                   precision: str = "auto", flip: bool = False, shift: int = 0) -> tuple[Tensor, Tensor]:
    """Logits float32 (N, num_classes) and labels int64 (N,), in order, on the CPU.

    Test-time augmentation: with `flip`, logits are averaged with the mirror image's; with `shift`, the image has
    weight one half, its copies moved by so many pixels up and left, and down and right, one quarter each.
    """
    device = device or next(model.parameters()).device
    precision, logits, labels = resolve_precision(precision, device), [], []
    with evaluating(model):
        for images, targets in batches:
            images = images.to(device)
            with autocast(precision, device):
                logits.append(sum(weight * model(view).float() for view, weight in _views(images, flip, shift)).cpu())
            labels.append(targets.cpu())
    return torch.cat(logits), torch.cat(labels)


def _views(images: Tensor, flip: bool, shift: int) -> list[tuple[Tensor, float]]:
    """What a network is shown for each image, and with which weight; the weights sum to 1."""
    views = [(images, 1.0)]
    if shift:
        size, padded = images.shape[-1], nn.functional.pad(images, (shift,) * 4, mode="reflect")
        views = [(images, 0.5), *((padded[:, :, start:start + size, start:start + size], 0.25)
                                  for start in (0, 2 * shift))]
    return [(side, weight / 2) for view, weight in views for side in (view, view.flip(3))] if flip else views


def confidences(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Largest softmax probability (N,) and the class it belongs to (N,)."""
    return torch.as_tensor(logits).softmax(1).max(1)
