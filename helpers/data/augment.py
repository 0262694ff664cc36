"""Augmentation of whole batches at once, as tensor operations on any device."""

import contextlib
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


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
        with seeded_by(generator):
            return torch.cat([transform(part) for part in images.split(self.group)])


@contextlib.contextmanager
def seeded_by(generator: torch.Generator):
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
