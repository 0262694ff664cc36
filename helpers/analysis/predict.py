"""From a trained model to its answers: logits, and how sure it is of them."""

import numpy as np
import torch
from torch import Tensor, nn

from helpers.analysis.inputs import as_logits, as_whole_numbers
from helpers.env import autocast, resolve_precision
from helpers.models.trace import evaluating


def predict_logits(model: nn.Module, batches, *, device: torch.device | None = None,
                   precision: str = "auto", flip: bool = False, shift: int = 0) -> tuple[Tensor, Tensor]:
    """Logits float32 (N, num_classes) and labels int64 (N,), in order, on the CPU.

    Mixed labels come back as they are, (N, num_classes).

    Test-time augmentation: with `flip`, logits are averaged with the mirror image's; with `shift`, the image has
    weight one half, its copies moved by so many pixels up and left, and down and right, one quarter each.
    """
    if device is None:
        device = next(model.parameters()).device
    precision = resolve_precision(precision, device)
    logits, labels = [], []
    with evaluating(model):
        for images, targets in batches:
            views = _views(_normalized(images).to(device), flip, shift)
            with autocast(precision, device):
                answer = sum(weight * model(view).float() for view, weight in views)
            logits.append(answer.cpu())
            labels.append(_batch_labels(targets, len(images)))
    if not logits:
        raise ValueError("batches is empty: no images to predict (a generator can be gone through only once)")
    return torch.cat(logits), torch.cat(labels)


def _normalized(images) -> Tensor:
    images = torch.as_tensor(images)
    if not images.is_floating_point():
        raise ValueError(f"images of type {images.dtype}: a network takes normalized floats; "
                         "give a loader, which yields these")
    return images


def _batch_labels(targets, count: int) -> Tensor:
    """Labels of a batch: whole numbers (n,) of any type as int64, mixed ones (n, num_classes) as they are."""
    numbers = np.asarray(targets.cpu() if isinstance(targets, Tensor) else targets)
    if numbers.ndim not in (1, 2) or len(numbers) != count:
        raise ValueError(f"labels of shape {numbers.shape} for {count} images: expected one per image, ({count},)")
    if numbers.ndim == 2:
        return torch.from_numpy(numbers)
    return torch.from_numpy(as_whole_numbers(numbers))


def _views(images: Tensor, flip: bool, shift: int) -> list[tuple[Tensor, float]]:
    """What a network is shown for each image, and with which weight; the weights sum to 1."""
    views = [(images, 1.0)]
    if shift:
        up_left, down_right = _moved(images, shift)
        views = [(images, 0.5), (up_left, 0.25), (down_right, 0.25)]
    if flip:
        views = [(side, weight / 2) for view, weight in views for side in (view, view.flip(3))]
    return views


def _moved(images: Tensor, shift: int) -> list[Tensor]:
    """The images with their content moved by `shift` pixels, and what is missing at the border mirrored."""
    height, width = images.shape[-2:]
    if not 0 < shift < min(height, width):
        raise ValueError(f"shift={shift}: from 0 to {min(height, width) - 1} pixels in images of {height} × {width}")
    padded = nn.functional.pad(images, (shift,) * 4, mode="reflect")
    return [padded[:, :, start:start + height, start:start + width] for start in (0, 2 * shift)]


def confidences(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Largest softmax probability (N,) and the class it belongs to (N,); logits that are not finite are refused."""
    confidence, predicted = as_logits(logits).softmax(1).max(1)
    return confidence, predicted
