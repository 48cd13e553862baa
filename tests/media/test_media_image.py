"""Pictures of every format, written here, come back as what was put in."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from fusion import media
from tests.media.checks import check_image, refused
from tests.media.files import corners, picture_file, quarters, tiff


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {"quality": 95}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("PPM", {}),
        ("JPEG2000", {}),
        ("TGA", {}),
        ("ICO", {"sizes": [(64, 48)]}),
    ],
)
def test_picture_formats(tmp_path, kind, options):
    path = tmp_path / "picture.jpg"  # whatever the name says, content decides
    path.write_bytes(picture_file(quarters(), kind, **options))
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        image = check_image(media.load("image", source))
        assert image.shape == (48, 64, 3)
        assert corners(image) == "rgbw"


TURNED = list(enumerate(("rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"), start=1))


@pytest.mark.parametrize(("orientation", "expected"), TURNED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation(kind, orientation, expected):
    upright = Image.fromarray(quarters())
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = check_image(media.load("image", picture_file(upright, kind, exif=exif)))
    assert image.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))
    assert corners(image) == expected


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_note_gives_the_size_as_a_person_sees_it(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    wide = Image.new("RGB", (2400, 1200))
    options = {"AVIF": {"speed": 10}, "PNG": {"compress_level": 1}, "WEBP": {"method": 0}}.get(kind, {})
    loaded = media.load("image", picture_file(wide, kind, exif=exif, **options))
    size = (1200, 600) if orientation < 5 else (600, 1200)
    assert check_image(loaded).shape == (*size[::-1], 3)
    assert loaded.notes == (f"The image file was scaled to {size[0]} x {size[1]} pixels.",)


def test_layers_of_a_psd_are_not_several_pictures():
    """The first picture of a PSD is all of its layers together."""
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 2, 2, 8, 3) + bytes(8)
    layer = struct.pack(">IIIIH", 0, 0, 2, 2, 3) + b"".join(struct.pack(">hI", i, 6) for i in range(3))
    layer += b"8BIMnorm" + bytes((255, 0, 0, 0)) + struct.pack(">I", 12) + bytes(12)
    layers = struct.pack(">h", 2) + layer * 2 + bytes(2 * 3 * 6)
    layers = struct.pack(">I", len(layers)) + layers
    data = head + struct.pack(">I", len(layers)) + layers + b"\0\0" + bytes([200] * 4 + [30] * 4 + [40] * 4)
    loaded = media.load("image", data)
    assert (check_image(loaded) == (200, 30, 40)).all()
    assert loaded.notes == ()


def test_broken_exif_is_ignored():
    data = picture_file(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert corners(check_image(media.load("image", data))) == "rgbw"


def test_transparent_is_white_behind_dark_ink_and_black_behind_light():
    for ink, ground, word in ((0, 255, "white"), (255, 0, "black"), (250, 0, "black"), (120, 255, "white")):
        picture = np.full((40, 40, 4), ink, np.uint8)
        picture[..., 3] = 0
        picture[10:30, 10:30, 3] = 255
        loaded = media.load("image", picture_file(picture, "PNG"))
        image = check_image(loaded)
        assert (image[0, 0] == ground).all()
        assert (image[20, 20] == ink).all()
        assert len(loaded.notes) == 1
        assert word in loaded.notes[0]
        np.testing.assert_array_equal(media.load("image", picture).medium, image)
        grey = Image.merge("LA", [Image.fromarray(picture[..., 0]), Image.fromarray(picture[..., 3])])
        np.testing.assert_array_equal(media.load("image", picture_file(grey, "PNG")).medium, image)


def test_half_transparent_is_mixed():
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[..., 3] = 128
    assert (np.abs(media.load("image", picture_file(picture, "PNG")).medium.astype(int) - 127) <= 1).all()


def test_opaque_alpha_needs_no_note():
    picture = np.dstack([quarters(), np.full((48, 64), 255, np.uint8)])
    loaded = media.load("image", picture_file(picture, "PNG"))
    assert loaded.notes == ()
    np.testing.assert_array_equal(loaded.medium, quarters())


def test_palettes():
    flat = Image.fromarray(quarters()).quantize(4)
    assert corners(check_image(media.load("image", picture_file(flat, "PNG")))) == "rgbw"
    transparent = flat.getpixel((2, 2))  # the red quarter
    loaded = media.load("image", picture_file(flat, "PNG", transparency=transparent))
    assert corners(check_image(loaded)) == "wgbw"
    assert len(loaded.notes) == 1
    as_bytes = bytes(0 if i == transparent else 255 for i in range(4))  # Pillow warns of this kind
    assert corners(media.load("image", picture_file(flat, "PNG", transparency=as_bytes)).medium) == "wgbw"
    assert corners(media.load("image", picture_file(flat, "GIF", transparency=transparent)).medium) == "wgbw"


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind):
    data = picture_file(Image.fromarray(quarters()).convert("CMYK"), kind)
    if kind == "JPEG":  # Pillow writes what Adobe writes: inverted, with the marker that says so
        assert b"Adobe" in data
    assert corners(check_image(media.load("image", data))) == "rgbw"


def test_grey_depths(tmp_path):
    """Every depth of the same ramp from black to white comes back as the same 8-bit ramp."""
    ramp8 = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    wide = ramp8.astype(np.uint16) * 257
    twelve = (ramp8.astype(np.uint32) * 4095 + 127) // 255
    row12 = b"".join(bytes((a >> 4, (a & 15) << 4 | b >> 8, b & 255)) for a, b in twelve.reshape(-1, 2).tolist())
    files = {
        "8 png": picture_file(ramp8, "PNG"),
        "16 png": picture_file(wide, "PNG"),
        "16 tiff": picture_file(wide, "TIFF"),
        "12 tiff": tiff((4, 256, 1), 12, row12),
        "16 pgm": b"P5 256 4 65535\n" + wide.astype(">u2").tobytes(),
        "10 pgm": b"P5 256 4 1023\n" + ((ramp8.astype(np.uint32) * 1023 + 127) // 255).astype(">u2").tobytes(),
        "float tiff": picture_file(Image.fromarray(ramp8.astype(np.float32) / 255), "TIFF"),
    }
    for name, data in files.items():
        image = check_image(media.load("image", data))
        assert np.abs(image.astype(int) - ramp8[..., None]).max() <= 1, name


def test_float_tiff_of_any_range_keeps_its_order():
    values = np.linspace(-5, 2000, 100, dtype=np.float32).reshape(10, 10)
    values[0, 0] = np.nan
    loaded = media.load("image", picture_file(Image.fromarray(values), "TIFF"))
    image = check_image(loaded)
    assert (np.diff(image[..., 0].ravel()[1:].astype(int)) >= 0).all()
    assert image.max() == 255
    assert len(loaded.notes) == 2


def test_one_bit():
    dark = Image.fromarray(np.repeat([[False, True]], 4, 0).repeat(4, 1)).convert("1")
    for kind in ("PNG", "TIFF"):
        image = check_image(media.load("image", picture_file(dark, kind)))
        assert image[0, 0, 0] == 0
        assert image[0, -1, 0] == 255


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animation_gives_its_first_picture(kind):
    pages = [Image.fromarray(np.full((20, 30, 3), level, np.uint8)) for level in (0, 128, 255)]
    loaded = media.load("image", picture_file(pages[0], kind, save_all=True, append_images=pages[1:]))
    assert check_image(loaded).max() == 0
    assert len(loaded.notes) == 1
    assert "first" in loaded.notes[0]


def test_many_channels():
    rgb = tiff((6, 5, 3), 8, np.tile(np.uint8([255, 0, 0]), 30).tobytes())
    assert (check_image(media.load("image", rgb)) == (255, 0, 0)).all()
    assert "8 channels" in refused("image", tiff((6, 5, 8), 8, bytes(6 * 5 * 8)))


def test_pixel_limit():
    """A 48-megapixel JPEG is scaled while it is decoded, by a power of two; a PNG after it, by any whole number."""
    wide = Image.new("L", (8000, 6000))
    wide.paste(255, (4000, 0, 8000, 6000))
    loaded = media.load("image", picture_file(wide, "JPEG"))
    assert check_image(loaded).shape == (750, 1000, 3)
    assert loaded.medium[10, 10, 0] < 5
    assert loaded.medium[10, -10, 0] > 250
    assert loaded.notes == ("The image file was scaled to 1000 x 750 pixels.",)
    bits = picture_file(wide.convert("1"), "PNG")
    assert check_image(media.load("image", bits)).shape == (1200, 1600, 3)
    plain = np.zeros((1000, 1500, 3), np.uint8)
    assert check_image(media.load("image", plain)).shape == plain.shape, "what fits stays as it is"


def test_bombs_are_refused_before_they_are_decoded():
    def png(width, height):
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        chunk = b"IHDR" + header
        crc = struct.pack(">I", zlib.crc32(chunk))
        return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + crc + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", 0x35AF061E)

    tracemalloc.start()
    for size in ((11_000, 10_000), (14_000, 14_000), (60_000, 60_000)):
        assert "megapixels" in refused("image", png(*size))
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_tiny_pictures():
    assert check_image(media.load("image", picture_file(np.uint8([[[9, 8, 7]]]), "PNG"))).tolist() == [[[9, 8, 7]]]
    assert check_image(media.load("image", np.uint8([[5]]))).tolist() == [[[5, 5, 5]]]


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a,
        lambda a: a[..., None],
        lambda a: np.repeat(a[..., None], 3, 2),
        lambda a: np.dstack([a, a, a, np.full_like(a, 255)]),
        lambda a: a.astype(np.float32) / 255,
        lambda a: a.astype(np.float64) / 255,
        lambda a: a.astype(np.float32),
        lambda a: a.astype(np.uint16) * 257,
        lambda a: a.astype(np.int64),
        lambda a: Image.fromarray(a),
        lambda a: Image.fromarray(a).convert("RGBA"),
        lambda a: np.asfortranarray(a),
    ],
)
def test_picture_arrays(make):
    grey = np.arange(256, dtype=np.uint8).reshape(8, 32)
    image = check_image(media.load("image", make(grey)))
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, 2))


def test_bool_picture():
    assert media.load("image", np.array([[True, False]])).medium[0, :, 0].tolist() == [255, 0]
