"""Augmentation image by image, through albumentations: the only file that knows it."""

import contextlib
import warnings

import torch
from torch import Tensor

from helpers.data.augment import BATCH_AUGMENTS, BatchAugment, TransformAugment
from helpers.env import look_up


def make_albumentations(name: str, mean: Tensor, std: Tensor):
    """The same augmentation, image by image, as an ``albumentations.Compose`` on uint8 (H, W, 3) arrays.

    Returns float (3, H, W), normalized with `mean` and `std` (3,), scale 0–1; cutout comes before, filled with `mean`.
    """
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    batch = look_up(BATCH_AUGMENTS, name, "augment") or BatchAugment(padding=0, flip=False, cutout=0)
    if isinstance(batch, TransformAugment):
        raise ValueError(f"augment {name!r} is made of torchvision's transforms and has no albumentations form")
    side, hole, steps = 32 + 2 * batch.padding, (batch.cutout, batch.cutout), []
    with strict_albumentations():
        if batch.padding:
            steps += [A.PadIfNeeded(side, side, border_mode=4), A.RandomCrop(32, 32)]  # 4: BORDER_REFLECT_101
        if batch.flip:
            steps.append(A.HorizontalFlip(p=0.5))
        if batch.cutout:
            steps.append(A.CoarseDropout((1, 1), hole, hole, fill=[float(m) * 255 for m in mean], p=1.0))
        return A.Compose([*steps, A.Normalize(mean.tolist(), std.tolist()), ToTensorV2()])


@contextlib.contextmanager
def strict_albumentations():
    """Context in which an argument that albumentations does not know raises, where it would only warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*(not valid|will be ignored|deprecated).*", category=UserWarning)
        try:
            yield
        except UserWarning as warning:
            raise ValueError(f"albumentations would ignore this: {warning}. Look up the argument's present name "
                             "in its documentation for the installed version") from warning


class AlbumentationsDataset(torch.utils.data.Dataset):
    """An `ImageSet` seen through an albumentations transform, one ``(image, label)`` at a time."""

    def __init__(self, data, transform):
        self.images, self.labels, self.transform = data.images.permute(0, 2, 3, 1).numpy(), data.labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        return self.transform(image=self.images[index])["image"], int(self.labels[index])


def seed_worker(worker: int) -> None:
    """``worker_init_fn`` for a `DataLoader` over an `AlbumentationsDataset`.

    albumentations 2.0 copies its generator into each worker: without torch's seed, workers and epochs repeat numbers.
    """
    torch.utils.data.get_worker_info().dataset.transform.set_random_seed(torch.initial_seed() % 2**32)
