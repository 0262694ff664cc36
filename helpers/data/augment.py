"""Augmentation of whole batches at once, as tensor operations on any device."""

import contextlib
import itertools
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

    The cutout square (DeVries & Taylor 2017) lies wholly inside; its fill, the channel means, is zero once
    normalized.
    """

    padding: int = 4  # pixels on each side before the crop; a mirror image without the edge
    flip: bool = True  # horizontally, with probability one half
    alternate: bool = False  # instead: half of the images in one epoch, the others in the next (by the loader)
    cutout: int = 8  # side of the square in pixels; 0 for none

    def __post_init__(self):
        if self.padding < 0 or self.cutout < 0:
            raise ValueError(f"padding={self.padding}, cutout={self.cutout}: pixels cannot be negative")

    def draw(self, count: int, size: int | tuple[int, int], generator: torch.Generator) -> Draws:
        """Random numbers for `count` images of `size` (height, width) in pixels, or of this side if square."""
        height, width = (size, size) if isinstance(size, int) else size
        self._check_fits(height, width)

        def integers(low, high):
            return torch.randint(low, high, (count,), generator=generator, device=generator.device)

        # Recorded runs rest on this order of the draws.
        shift_y = integers(-self.padding, self.padding + 1)
        shift_x = integers(-self.padding, self.padding + 1)
        flip = integers(0, 2).bool() if self.flip else torch.zeros_like(shift_y, dtype=torch.bool)
        hole_y = integers(0, height - self.cutout + 1)
        hole_x = integers(0, width - self.cutout + 1)
        return Draws(shift_y, shift_x, flip, hole_y, hole_x)

    def _check_fits(self, height: int, width: int) -> None:
        shorter = min(height, width)
        if self.cutout > shorter or self.padding >= shorter:  # a mirror image lacks the edge
            raise ValueError(f"cutout={self.cutout}, padding={self.padding}: too large for images of {height} "
                             f"× {width} pixels; choose a cutout up to {shorter} and a padding below it")

    def apply(self, images: Tensor, draws: Draws, fill: Tensor) -> Tensor:
        """Transform uint8 (N, C, H, W) as `draws` says; holes get `fill` (C,), on the scale 0–255."""
        height, width = images.shape[2:]
        source_rows = mirrored_range(draws.shift_y, height)
        source_columns = mirrored_range(draws.shift_x, width)
        source_columns = torch.where(draws.flip[:, None], source_columns.flip(1), source_columns)
        out = pick_pixels(images, source_rows, source_columns)
        if self.cutout:
            out = self._cut_out(out, draws, fill)
        return out

    def _cut_out(self, images: Tensor, draws: Draws, fill: Tensor) -> Tensor:
        """The images with the hole that `draws` gives each of them."""
        height, width = images.shape[2:]
        hole_rows = within(draws.hole_y, self.cutout, height)
        hole_columns = within(draws.hole_x, self.cutout, width)
        hole = hole_rows[:, None, :, None] & hole_columns[:, None, None, :]
        color = fill.round().to(images.dtype).view(1, -1, 1, 1)
        return torch.where(hole, color, images)

    def __call__(self, images: Tensor, generator: torch.Generator, fill: Tensor,
                 flip: Tensor | None = None) -> Tensor:
        """Draw and apply; `flip` (N,), if given, says which images are flipped."""
        height, width = images.shape[2:]
        draws = self.draw(len(images), (height, width), generator)
        if flip is not None:
            draws = draws._replace(flip=flip)
        return self.apply(images, draws, fill)


def mirrored_range(shift: Tensor, length: int) -> Tensor:
    """(N, `length`): shift, shift + 1, …, mirrored at both ends: −1 → 1 and `length` → `length` − 2."""
    last = length - 1
    position = torch.arange(length, device=shift.device) + shift[:, None]
    from_the_end = last - position.abs()  # negative beyond the end
    return last - from_the_end.abs()


def within(start: Tensor, extent: int, length: int) -> Tensor:
    """Bool (N, `length`): which of the positions lie in the `extent` ones from `start` (N,) on."""
    position = torch.arange(length, device=start.device)
    return (position >= start[:, None]) & (position < start[:, None] + extent)


def pick_pixels(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Images (N, C, H, W) that show at (y, x), in image i, its pixel at (`rows`[i, y], `columns`[i, x])."""
    count, channels, height, width = images.shape
    place = rows[:, :, None] * width + columns[:, None, :]  # in an image whose pixels stand in one line
    pixels = images.permute(0, 2, 3, 1).reshape(count, height * width, channels)
    picked = pixels.gather(1, place.view(count, -1, 1).expand(-1, -1, channels))
    return picked.view(count, height, width, channels).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class TransformAugment:
    """A `BatchAugment`, then transforms of ``torchvision.transforms.v2``, which draw once per call."""

    transforms: str  # see V2_TRANSFORMS
    first: BatchAugment = BatchAugment(cutout=0)
    group: int = 8  # images per call, all turned by the same angle: fewer mean more variety, and slower

    def __post_init__(self):
        look_up(V2_TRANSFORMS, self.transforms, "transforms")

    def __call__(self, images: Tensor, generator: torch.Generator, fill: Tensor) -> Tensor:
        """Transform uint8 (N, 3, H, W); all random numbers come from `generator`."""
        from torchvision.transforms import v2

        images = self.first(images, generator, fill)
        steps = V2_TRANSFORMS[self.transforms].items()
        transform = v2.Compose([getattr(v2, name)(**options) for name, options in steps])
        with seeded_by(generator):
            return torch.cat([transform(part) for part in images.split(self.group)])


@contextlib.contextmanager
def seeded_by(generator: torch.Generator):
    """Context in which torch's global generator, which torchvision draws from, continues from `generator`."""
    bound = 2**31 - 1 if generator.device.type == "mps" else 2**62  # MPS draws int32 whatever it is asked for
    seed = torch.randint(bound, (), generator=generator, device=generator.device).item()
    with restored_generators(generator.device):
        torch.manual_seed(seed)
        yield


def restored_generators(device: torch.device):
    """Context that puts torch's global generators back: the CPU's and that of `device`.

    ``torch.manual_seed`` reseeds Apple's GPU wherever there is one, even if `device` is the CPU.
    """
    if device.type == "cuda":
        return torch.random.fork_rng(devices=[device], device_type="cuda")
    if device.type == "mps" or torch.backends.mps.is_available():
        return torch.random.fork_rng(devices=["mps"], device_type="mps")
    return torch.random.fork_rng(devices=[])


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

PARTS = ("crop", "flip", "cutout", "jitter")


def combine(*parts: str) -> BatchAugment | TransformAugment:
    """The augmentation that has these of `PARTS` and no others."""
    if unknown := [part for part in parts if part not in PARTS]:
        raise ValueError(f"unknown parts {unknown}: choose from {', '.join(PARTS)}")
    first = BatchAugment(
        padding=4 if "crop" in parts else 0,
        flip="flip" in parts,
        cutout=8 if "cutout" in parts else 0)
    return TransformAugment("jitter", first) if "jitter" in parts else first


BATCH_AUGMENTS = {
    "none": None,
    # Every choice of the parts, in their order: "crop", "crop_flip_cutout", "flip_jitter" and so on.
    **{"_".join(parts): combine(*parts)
       for count in range(1, len(PARTS) + 1) for parts in itertools.combinations(PARTS, count)},
    "shift_alternating_flip": BatchAugment(padding=2, alternate=True, cutout=0),
    "crop_alternating_flip_cutout": BatchAugment(alternate=True, cutout=12),
    **{f"crop_flip_{name}": TransformAugment(name)
       for name in ("erasing", "rotation", "perspective", "randaugment")},
    "flip_geometry_color_erasing": TransformAugment("geometry_color_erasing",
                                                    BatchAugment(padding=0, cutout=0)),
}
