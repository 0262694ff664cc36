"""One picture file: colors known beforehand, copies in 8 bits, and Pillow's own plain route."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from helpers.data.pictures import read_picture, readable_endings

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)
RAMP = np.tile(np.linspace(0, 65535, 64).round(), (64, 1)).astype(np.uint16)  # 0 left, 65535 right


def save(path, picture, **options):
    """`picture`, an array or an image, in a file."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    picture.save(path, **options)
    return path


def color_at(path, row, column):
    return tuple(read_picture(path)[:, row, column].tolist())


def near(found, expected, tolerance=3):
    return np.allclose(np.asarray(found, float), np.asarray(expected, float), atol=tolerance)


# --- what has always been read stays as it was -------------------------------------------------------------

@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
@pytest.mark.parametrize("size", [(57, 40), (32, 32), (20, 90)])
def test_ordinary_pictures_are_those_of_pillow(tmp_path, mode, size):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    path = save(tmp_path / "x.png", Image.fromarray(noise).convert(mode))
    plain = Image.open(path).convert("RGB").resize((32, 32), Image.Resampling.LANCZOS)
    assert np.array_equal(read_picture(path).permute(1, 2, 0), np.array(plain))


def test_a_wide_picture_is_squeezed_and_nothing_cut_off(tmp_path):
    wide = np.zeros((40, 160, 3), np.uint8)
    wide[:, :20], wide[:, -20:] = RED, BLUE
    path = save(tmp_path / "wide.png", wide)
    assert read_picture(path).shape == (3, 32, 32)
    assert near(color_at(path, 16, 0), RED) and near(color_at(path, 16, 31), BLUE)


# --- depth: as the copy in 8 bits --------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.jp2", "x.pgm"])
def test_sixteen_bits_are_read_like_their_copy_in_eight(tmp_path, name):
    copy = save(tmp_path / "copy.png", (RAMP / 257).round().astype(np.uint8))
    deep = save(tmp_path / name, RAMP)
    assert near(read_picture(deep), read_picture(copy), 1)


def test_a_dim_picture_of_sixteen_bits_stays_dim(tmp_path):
    assert color_at(save(tmp_path / "x.png", np.full((40, 40), 4096, np.uint16)), 9, 9) == (16, 16, 16)


@pytest.mark.parametrize("white", [1, 255])
def test_floats_within_a_usual_range(tmp_path, white):
    copy = save(tmp_path / "copy.png", (RAMP / 257).round().astype(np.uint8))
    floats = save(tmp_path / "x.tif", (RAMP / 65535 * white).astype(np.float32))
    assert near(read_picture(floats), read_picture(copy), 1)


@pytest.mark.parametrize("array, range_", [
    (np.array([[-1, 1]], np.float32), "floats from -1 to 1"),
    (np.array([[0, 300]], np.float32), "floats from 0 to 300"),
    (np.array([[0, np.nan]], np.float32), "floats from nan to nan"),
    (np.array([[0, np.inf]], np.float32), "floats from 0 to inf"),
    (np.array([[0, 200]], np.int32), "32-bit integers from 0 to 200"),
    (np.array([[7, 99_999]], np.int32), "32-bit integers from 7 to 99999")])
def test_values_without_a_clear_meaning_are_refused(tmp_path, array, range_):
    path = save(tmp_path / "odd.tif", np.tile(array, (40, 20)))
    with pytest.raises(ValueError, match=f"odd.tif: {range_}, expected.*save it with 8 bits"):
        read_picture(path)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_tiff_in_which_zero_means_white(tmp_path, depth):
    """Written by hand, as Pillow cannot: one strip, uncompressed, PhotometricInterpretation 0."""
    pixels = np.zeros((32, 32), depth)
    pixels[:, 16:] = np.iinfo(depth).max
    bits = pixels.itemsize * 8
    entries = [(256, 32), (257, 32), (258, bits), (259, 1), (262, 0), (273, 200), (277, 1), (278, 32),
               (279, pixels.nbytes)]
    tags = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(entries)) + tags + bytes(4)
    path = tmp_path / "x.tif"
    path.write_bytes(head.ljust(200, b"\0") + pixels.astype(f"<u{pixels.itemsize}").tobytes())
    assert color_at(path, 9, 2) == WHITE and color_at(path, 9, 29) == BLACK


# --- transparency: on white --------------------------------------------------------------------------------

def transparent(mode):
    """A black square on a transparent ground of hidden red, and what else it takes to save it."""
    inside = np.zeros((40, 40), bool)
    inside[10:30, 10:30] = True
    alpha = Image.fromarray((inside * 255).astype(np.uint8))
    if mode in ("RGBA", "LA"):
        picture = Image.new(mode, (40, 40), (255, 0, 0, 0) if mode == "RGBA" else (90, 0))
        picture.paste(Image.new(mode, (40, 40), (0, 0, 0, 255) if mode == "RGBA" else (0, 255)), mask=alpha)
        return picture, {}
    if mode == "I;16":
        return Image.fromarray(np.where(inside, 0, 5000).astype(np.uint16)), {"transparency": 5000}
    ground, color, key = {"P": (3, 0, 3), "L": (90, 0, 90), "RGB": (RED, BLACK, RED)}[mode]
    picture = Image.new(mode, (40, 40), ground)
    if mode == "P":
        picture.putpalette([0, 0, 0] * 3 + [255, 0, 0])
    picture.paste(color, (10, 10, 30, 30))
    return picture, {"transparency": key}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB", "I;16"])
def test_transparent_means_white(tmp_path, mode):
    picture, options = transparent(mode)
    path = save(tmp_path / "x.png", picture, **options)
    assert color_at(path, 2, 2) == WHITE and color_at(path, 16, 16) == BLACK


def test_half_transparent_black_is_gray(tmp_path):
    path = save(tmp_path / "x.webp", Image.new("RGBA", (40, 40), (0, 0, 0, 128)), lossless=True)
    assert near(color_at(path, 9, 9), (127, 127, 127), 1)


def test_a_palette_with_degrees_of_transparency(tmp_path):
    picture = Image.new("P", (40, 40), 1)
    picture.putpalette([0, 0, 0, 0, 0, 255])
    path = save(tmp_path / "x.png", picture, transparency=bytes([255, 51]))  # a fifth of blue
    assert near(color_at(path, 9, 9), (204, 204, 255), 1)


# --- CMYK, orientation, first frames -----------------------------------------------------------------------

@pytest.mark.parametrize("name", ["x.jpg", "x.tif"])
def test_printers_colors(tmp_path, name):
    path = save(tmp_path / name, Image.new("CMYK", (40, 40), (0, 255, 255, 0)))
    assert near(color_at(path, 9, 9), RED)


CORNERS = {1: "rgbw", 2: "grwb", 3: "wbgr", 4: "bwrg", 5: "rbgw", 6: "brwg", 7: "wgbr", 8: "gwrb"}


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_camera(tmp_path, orientation, ending):
    """`CORNERS`, from the EXIF standard: top left, top right, bottom left, bottom right, as shown."""
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20, :20], pixels[:20, 20:], pixels[20:, :20], pixels[20:, 20:] = RED, GREEN, BLUE, WHITE
    exif = Image.Exif()
    exif[274] = orientation
    options = {"jpg": {"quality": 95, "subsampling": 0}, "webp": {"lossless": True}}.get(ending, {})
    path = save(tmp_path / f"x.{ending}", pixels, exif=exif, **options)
    letters = {"r": RED, "g": GREEN, "b": BLUE, "w": WHITE}
    shown = [color_at(path, row, column) for row in (6, 25) for column in (6, 25)]
    assert near(shown, [letters[letter] for letter in CORNERS[orientation]], 12)


def test_damage_elsewhere_in_the_metadata_does_not_hide_the_picture(tmp_path):
    """Upside down, beside a resolution of the wrong type, over which `ImageOps.exif_transpose` stumbles."""
    turned = struct.pack("<HHIHH", 274, 3, 1, 3, 0)
    damaged = struct.pack("<HHI4s", 282, 2, 4, b"abcd")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + turned + damaged + bytes(4)
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[20:] = WHITE
    path = save(tmp_path / "x.jpg", pixels, exif=exif)
    assert near(color_at(path, 6, 16), WHITE) and near(color_at(path, 25, 16), BLACK)


@pytest.mark.parametrize("ending", ["gif", "webp", "apng", "tif"])
def test_the_first_frame_of_several(tmp_path, ending):
    frames = [Image.new("RGB", (40, 40), color) for color in (RED, GREEN, BLUE)]
    path = save(tmp_path / f"x.{ending}", frames[0], save_all=True, append_images=frames[1:])
    assert Image.open(path).n_frames == 3 and near(color_at(path, 9, 9), RED)


# --- what cannot be read is named --------------------------------------------------------------------------

@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "bmp", "tif", "jp2", "tga", "qoi", "ico"])
def test_a_truncated_file_is_named(tmp_path, ending):
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    path = save(tmp_path / f"cut.{ending}", noise)
    path.write_bytes(path.read_bytes()[:path.stat().st_size * 2 // 3])
    with pytest.raises(ValueError, match=f"cut.{ending}: not an image that can be read.*replace or delete"):
        read_picture(path)


@pytest.mark.parametrize("content", [b"", b"no image", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "text.png").write_bytes(content)
    with pytest.raises(ValueError, match="text.png: not an image"):
        read_picture(tmp_path / "text.png")


def blank_png(side):
    """A PNG of one bit per pixel, `side` squared, made by hand: small as a file, large in memory."""
    def chunk(kind, content):
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes((side // 8 + 1) * side), 9))
    return b"\x89PNG\r\n\x1a\n" + header + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [160, 120])  # to Pillow an error, and a warning
def test_a_picture_beyond_the_limit_is_named(tmp_path, side, monkeypatch):
    path = tmp_path / "plan.png"
    path.write_bytes(blank_png(side))
    assert color_at(path, 9, 9) == BLACK
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(ValueError, match="plan.png: too large.*MAX_IMAGE_PIXELS"):
        read_picture(path)


def test_endings_are_those_that_this_pillow_opens():
    found = readable_endings()
    assert {".png", ".jpg", ".jpeg", ".jfif", ".gif", ".webp", ".tif", ".bmp", ".tga", ".jp2"} <= found
    assert not {".pdf", ".txt", ".svg", ".mp4", ""} & found  # Pillow writes PDF, but does not read it
