"""Augmentation: the albumentations pipeline of the series, and the same as batched tensor operations."""

import contextlib
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from helpers.env import look_up


class Draws(NamedTuple):
    """The random numbers of one batch: what each image has done to it. All of shape (N,)."""

    shift_y: Tensor  # int64, pixels, −padding … padding
    shift_x: Tensor
    flip: Tensor  # bool
    hole_y: Tensor  # int64, top-left corner of the cutout square
    hole_x: Tensor


@dataclass(frozen=True)
class BatchAugment:
    """Pad-and-crop, horizontal flip and cutout for a whole batch of uint8 images at once, on any device.

    The cutout square (DeVries & Taylor 2017) lies wholly inside; its fill, the channel means, is zero once normalized.
    """

    padding: int = 4  # pixels on each side before the crop; a mirror image without the edge (BORDER_REFLECT_101)
    flip: bool = True  # horizontally, with probability one half
    alternate: bool = False  # instead: half of the images in one epoch, the other half in the next (the loader knows)
    cutout: int = 8  # side of the square in pixels; 0 for none

    def __post_init__(self):
        if self.padding < 0 or self.cutout < 0:
            raise ValueError(f"padding={self.padding}, cutout={self.cutout}: pixels cannot be negative")

    def draw(self, count: int, size: int, generator: torch.Generator) -> Draws:
        """Random numbers for `count` square images of side `size`."""
        def integers(low, high):
            return torch.randint(low, high, (count,), generator=generator, device=generator.device)

        if self.cutout > size or self.padding >= size:
            raise ValueError(f"cutout={self.cutout}, padding={self.padding}: too large for {size}-pixel images")
        shift_y, shift_x = (integers(-self.padding, self.padding + 1) for _ in range(2))
        flip = integers(0, 2).bool() if self.flip else torch.zeros_like(shift_y, dtype=torch.bool)
        return Draws(shift_y, shift_x, flip, *(integers(0, size - self.cutout + 1) for _ in range(2)))

    def apply(self, images: Tensor, draws: Draws, fill: Tensor) -> Tensor:
        """Transform uint8 (N, 3, S, S) as `draws` says; holes get `fill` (3,), on the scale 0–255."""
        count, channels, size, _ = images.shape
        pixel, last = torch.arange(size, device=images.device), size - 1
        rows, columns = (last - (last - (pixel + shift[:, None]).abs()).abs()  # mirror-wise: −1 → 1, size → size − 2
                         for shift in (draws.shift_y, draws.shift_x))  # (N, S): which ones the output shows
        columns = torch.where(draws.flip[:, None], columns.flip(1), columns)
        index = (rows[:, :, None] * size + columns[:, None, :]).view(count, -1, 1).expand(-1, -1, channels)
        flat = images.permute(0, 2, 3, 1).reshape(count, -1, channels)
        out = flat.gather(1, index).view(count, size, size, channels).permute(0, 3, 1, 2)
        if self.cutout:
            rows, columns = ((pixel >= start[:, None]) & (pixel < start[:, None] + self.cutout)
                             for start in (draws.hole_y, draws.hole_x))  # (N, S): which of them the hole covers
            hole = rows[:, None, :, None] & columns[:, None, None, :]
            out = torch.where(hole, fill.round().to(out.dtype).view(1, -1, 1, 1), out)
        return out

    def __call__(self, images: Tensor, generator: torch.Generator, fill: Tensor, flip: Tensor | None = None) -> Tensor:
        """Draw and apply; `flip` (N,), if given, says which images are flipped."""
        draws = self.draw(len(images), images.shape[-1], generator)
        return self.apply(images, draws if flip is None else draws._replace(flip=flip), fill)


@dataclass(frozen=True)
class TransformAugment:
    """A `BatchAugment`, then transforms of ``torchvision.transforms.v2``, which draw random numbers once a call."""

    transforms: str  # see V2_TRANSFORMS
    first: BatchAugment = BatchAugment(cutout=0)
    group: int = 8  # images a call, all turned by the same angle: fewer mean more variety, and slower

    def __call__(self, images: Tensor, generator: torch.Generator, fill: Tensor) -> Tensor:
        """Transform uint8 (N, 3, S, S); all random numbers come from `generator`."""
        from torchvision.transforms import v2

        images = self.first(images, generator, fill)
        steps = V2_TRANSFORMS[self.transforms].items()
        transform = v2.Compose([getattr(v2, name)(**options) for name, options in steps])
        with _seeded_by(generator):
            return torch.cat([transform(part) for part in images.split(self.group)])


@contextlib.contextmanager
def _seeded_by(generator: torch.Generator):
    """Context in which torch's global generator, which torchvision draws from, continues from `generator`."""
    seed = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    with torch.random.fork_rng(devices=[generator.device] if generator.device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


V2_TRANSFORMS = {  # name → transforms of torchvision.transforms.v2 in their order, with their options
    "erasing": {"RandomErasing": {"p": 0.5}},
    "jitter": {"ColorJitter": {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.02}},
    "rotation": {"RandomRotation": {"degrees": 15}},
    "perspective": {"RandomPerspective": {"distortion_scale": 0.2, "p": 0.5}},
    "randaugment": {"RandAugment": {"num_ops": 2, "magnitude": 9}},
    "geometry_color_erasing": {
        "RandomRotation": {"degrees": 15},
        "ColorJitter": {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1},
        "RandomPerspective": {"distortion_scale": 0.2, "p": 0.5},
        "RandomErasing": {"p": 0.3}},
}

BATCH_AUGMENTS = {
    "none": None,
    "flip": BatchAugment(padding=0, cutout=0),
    "crop_flip": BatchAugment(cutout=0),
    "crop_flip_cutout": BatchAugment(),
    "shift_alternating_flip": BatchAugment(padding=2, alternate=True, cutout=0),
    "crop_alternating_flip_cutout": BatchAugment(alternate=True, cutout=12),
    **{f"crop_flip_{name}": TransformAugment(name)
       for name in ("erasing", "jitter", "rotation", "perspective", "randaugment")},
    "flip_geometry_color_erasing": TransformAugment("geometry_color_erasing", BatchAugment(padding=0, cutout=0)),
}

# Which of torchvision's mixing transforms a batch may go through; one of them is chosen a batch.
MIXES = {"none": (), "mixup": ("MixUp",), "cutmix": ("CutMix",), "mixup_or_cutmix": ("MixUp", "CutMix")}


@dataclass(frozen=True)
class Mix:
    """MixUp (Zhang et al. 2018) or CutMix (Yun et al. 2019) of each image of a batch with the one before it."""

    transforms: tuple[str, ...]
    num_classes: int
    alpha: float = 1.0
    probability: float = 1.0  # that a batch is mixed at all

    def __call__(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Float images (N, 3, S, S) and labels int64 (N,) → images and float labels (N, num_classes), mixed or not."""
        from torchvision.transforms import v2

        with _seeded_by(generator):
            if torch.rand(()).item() >= self.probability:
                return images, torch.nn.functional.one_hot(labels, self.num_classes).float()
            name = self.transforms[torch.randint(len(self.transforms), ()).item()]
            return getattr(v2, name)(alpha=self.alpha, num_classes=self.num_classes)(images, labels)


def make_mix(config, num_classes: int) -> Mix | None:
    """What a `TrainConfig` says about mixing."""
    names = look_up(MIXES, config.mix, "mix")
    return Mix(names, num_classes, config.mix_alpha, config.mix_probability) if names else None


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
