"""Augmentation image by image, through albumentations: the only file that knows it."""

import contextlib
import warnings
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from helpers.data.augment import BATCH_AUGMENTS, BatchAugment, TransformAugment
from helpers.env import look_up


def make_albumentations(name: str, mean: Tensor, std: Tensor, size: tuple[int, int] = (32, 32)):
    """The same augmentation, image by image, as an ``albumentations.Compose`` on uint8 (H, W, 3) arrays.

    Returns float (3, H, W), normalized with `mean` and `std` (3,), scale 0–1; cutout comes before, filled
    with `mean`.
    `size` is (H, W): what is cropped must be as large as what comes in.
    """
    import albumentations as A
    from albumentations.pytorch import ToTensorV2

    batch = look_up(BATCH_AUGMENTS, name, "augment") or BatchAugment(padding=0, flip=False, cutout=0)
    if isinstance(batch, TransformAugment):
        raise ValueError(f"augment {name!r} is made of torchvision's transforms and has no albumentations form; "
                         "choose one without, such as 'crop_flip_cutout'")
    height, width = size
    steps = []
    with strict_albumentations():
        if batch.padding:
            padded_height, padded_width = height + 2 * batch.padding, width + 2 * batch.padding
            steps.append(A.PadIfNeeded(padded_height, padded_width, border_mode=4))  # 4: BORDER_REFLECT_101
            steps.append(A.RandomCrop(height, width))
        if batch.flip:
            steps.append(A.HorizontalFlip(p=0.5))
        if batch.cutout:
            sides = (batch.cutout, batch.cutout)  # the smallest and the largest
            fill = [float(m) * 255 for m in mean]
            steps.append(A.CoarseDropout((1, 1), sides, sides, fill=fill, p=1.0))
        return A.Compose([*steps, A.Normalize(mean.tolist(), std.tolist()), ToTensorV2()])


@contextlib.contextmanager
def strict_albumentations():
    """Context in which an argument that albumentations does not know raises, where it would only warn."""
    with warnings.catch_warnings():
        ignored = ".*(not valid|will be ignored|deprecated).*"
        warnings.filterwarnings("error", message=ignored, category=UserWarning)
        try:
            yield
        except UserWarning as warning:
            raise ValueError(f"albumentations would ignore this: {warning}. Look up the argument's present "
                             "name in its documentation for the installed version") from warning


class AlbumentationsDataset(torch.utils.data.Dataset):
    """An `ImageSet` seen through an albumentations transform, one ``(image, label)`` at a time.

    The transform is given uint8 (H, W, 3). With one of `make_albumentations`, ``image`` is float32 (3, H, W),
    normalized; ``label`` is an int.
    """

    def __init__(self, data, transform):
        self.images = data.images.permute(0, 2, 3, 1).numpy()  # albumentations wants (N, H, W, C)
        self.labels = data.labels
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        return self.transform(image=self.images[index])["image"], int(self.labels[index])


def seed_worker(worker: int) -> None:
    """``worker_init_fn`` for a `DataLoader` over an `AlbumentationsDataset`, or over parts or unions of such.

    albumentations 2.0 copies its generator into each worker: without torch's seed, workers and epochs repeat
    numbers.

    Raises
    ------
    TypeError
        The loader's data set holds no `AlbumentationsDataset`.
    """
    dataset = torch.utils.data.get_worker_info().dataset
    transforms = find_transforms(dataset)
    if not transforms:
        raise TypeError(f"seed_worker: the loader's {type(dataset).__name__} holds no AlbumentationsDataset, "
                        "neither as .dataset nor among .datasets, so there is no transform to seed; leave out "
                        "worker_init_fn, or wrap the images in an AlbumentationsDataset")
    seed = torch.initial_seed() % 2**32
    transforms[0].set_random_seed(seed)
    for number, transform in enumerate(transforms[1:], 1):  # with one seed they would all draw the same
        own_seed = np.random.SeedSequence([seed, number]).generate_state(1)
        transform.set_random_seed(int(own_seed[0]))


def find_transforms(dataset) -> list:
    """The different transforms of all `AlbumentationsDataset`s in `dataset`, in their order."""
    found = {}
    for part in albumentations_datasets(dataset):
        found[id(part.transform)] = part.transform
    return list(found.values())


def albumentations_datasets(dataset) -> Iterator[AlbumentationsDataset]:
    """Every `AlbumentationsDataset` in a `Subset`, a `ConcatDataset` and the like, at any depth."""
    if isinstance(dataset, AlbumentationsDataset):
        yield dataset
        return
    parts = getattr(dataset, "datasets", ())
    parts = list(parts.values()) if isinstance(parts, dict) else list(parts)  # a StackDataset may hold a dict
    if hasattr(dataset, "dataset"):
        parts.append(dataset.dataset)
    for part in parts:
        yield from albumentations_datasets(part)
