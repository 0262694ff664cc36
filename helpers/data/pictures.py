"""One picture file as a small tensor: what a viewer shows, or an error that names the file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SIDE = 32  # pixels, as in CIFAR
ORIENTATION = 274  # the EXIF tag that says how the camera was held
TURNS = {  # what brings a picture upright, by the value of that tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WHITE_IS_ZERO = 0  # a value of the TIFF tag below
PHOTOMETRIC = 262  # the TIFF tag that says whether 0 means black or white


def readable_endings() -> set[str]:
    """The endings, such as ``".png"``, of the formats that the installed Pillow opens."""
    endings = Image.registered_extensions()
    return {ending for ending, name in endings.items() if name in Image.OPEN}


def read_picture(path: str | Path) -> Tensor:
    """The picture at `path` as uint8 (3, 32, 32): upright, on white where it is transparent.

    The whole picture is squeezed to a square, nothing is cut off. Of an animation, or of several pages, the
    first is read. 16 bits are rounded to 8. A color profile is not applied.

    Raises
    ------
    ValueError
        With the path: the file is damaged, larger than Pillow's limit, or its values have no clear meaning.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                small = _decode(image).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{path}: too large ({error}); save a smaller copy, or, if you trust the file, "
                         "raise PIL.Image.MAX_IMAGE_PIXELS") from error
    except _Unclear as error:
        raise ValueError(f"{path}: {error}; save it with 8 bits per channel, as PNG for instance") from error
    except Exception as error:  # a damaged file makes Pillow raise a dozen kinds, struct.error among them
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path}: not an image that can be read ({reason}); replace or delete it") from error
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


class _Unclear(Exception):
    """The pixels can be read, but nobody can say which value is white."""


def _decode(image: Image.Image) -> Image.Image:
    """The first frame in 8-bit RGB, upright, at its full size."""
    upright = _upright(image)
    if upright.mode.startswith("I") or upright.mode == "F":
        upright = _to_eight_bits(upright, image)
    return _on_white(upright)


def _upright(image: Image.Image) -> Image.Image:
    """The picture as its EXIF orientation says.

    `ImageOps.exif_transpose` writes all of EXIF anew and fails where another part of it is damaged.
    """
    image.load()  # a TIFF turns itself here
    orientation = image.getexif().get(ORIENTATION)
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def _to_eight_bits(deep: Image.Image, opened: Image.Image) -> Image.Image:
    """One channel of 16 or 32 bits, `deep`, as 8-bit gray; `opened` knows the format of the file."""
    values = np.array(deep)
    scale = 255 / _white(values, deep.mode, opened.format)
    gray = (values * scale).round().astype(np.uint8)
    if getattr(opened, "tag_v2", {}).get(PHOTOMETRIC) == WHITE_IS_ZERO:  # Pillow heeds it for 8 bits only
        gray = 255 - gray
    if "transparency" in opened.info:
        gray[values == opened.info["transparency"]] = 255
    return Image.fromarray(gray)


def _white(values: np.ndarray, mode: str, form: str | None) -> int:
    """The value that means white: 65535 for 16 bits; 1 or 255 for floats, by their range.

    Pillow hands out 16 bits as mode I, too: those of PGM files, and in older versions those of PNG files.
    """
    if mode.startswith("I;16") or form in ("PNG", "PPM"):
        return 65535
    low, high = values.min(), values.max()
    if mode == "F" and 0 <= low and high <= 255:  # false for NaN
        return 1 if high <= 1 else 255
    kind = "floats" if mode == "F" else "32-bit integers"
    raise _Unclear(f"{kind} from {low:g} to {high:g}, expected 8 or 16 bits, or floats in 0–1 or 0–255")


def _on_white(image: Image.Image) -> Image.Image:
    """8-bit RGB; where the picture is transparent, white shines through."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.mode == "La":  # premultiplied; Pillow knows only this one way out of it
        image = image.convert("LA")
    picture = image.convert("RGBA")
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture).convert("RGB")
