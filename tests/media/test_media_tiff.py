"""TIFF in every number type, order of bytes, arrangement and compression: the right picture, or one sentence that names the format."""

from __future__ import annotations

import io
import itertools

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from fusion import media
from fusion.media.image_decode import decode_apart
from tests.media.checks import check_image, check_sentence, refused
from tests.media.files import corners, picture_file, quarters, tiff

H, W = 32, 48
RAMP = np.tile(np.linspace(0, 1, W), (H, 1))
COLOUR = np.stack([RAMP, 1 - RAMP, RAMP[:, ::-1] * 0.5], 2)
ORDERS = ("<", ">")
PACKINGS = (None, "zlib")


def stored(values: np.ndarray, kind: str) -> np.ndarray:
    """0 to 1 as numbers of a type: all of its positive range."""
    return values.astype(kind) if kind[0] == "f" else np.rint(values * np.iinfo(kind).max).astype(kind)


def write(values: np.ndarray, order: str = "<", packing: str | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, byteorder=order, compression=packing, metadata=None, **options)
    return buffer.getvalue()


def read(data: bytes) -> np.ndarray:
    """As a child process would, without its start."""
    return decode_apart(io.BytesIO(data), "a.tif")[0].astype(int)


def check(data: bytes, want: np.ndarray, about: object = "", within: float = 1.0) -> None:
    want = 255 * (want[..., None] if want.ndim == 2 else want)
    assert np.abs(read(data) - want).max() <= within, about


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_grey(kind, photometric):
    values = stored(RAMP if photometric == "minisblack" else 1 - RAMP, kind)
    for order, packing, tile in itertools.product(ORDERS, PACKINGS, (None, (16, 16))):
        options = {"tile": tile} if tile else {"rowsperstrip": 5}
        check(
            write(values, order, packing, photometric=photometric, **options), RAMP, (order, packing, tile), within=2 if kind == "i1" else 1
        )


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f2", "f4", "f8"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_colour(kind, planes):
    values = stored(COLOUR, kind)
    values = np.ascontiguousarray(np.moveaxis(values, 2, 0)) if planes == "separate" else values
    for order, packing, tile in itertools.product(ORDERS, PACKINGS, (None, (16, 16))):
        check(write(values, order, packing, photometric="rgb", planarconfig=planes, tile=tile), COLOUR, (order, packing, tile))


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_cmyk(kind):
    inks = np.concatenate([1 - COLOUR, np.zeros((H, W, 1))], 2)
    for order, packing in itertools.product(ORDERS, PACKINGS):
        check(write(stored(inks, kind), order, packing, photometric="separated"), COLOUR)


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha", "unspecified"])
def test_alpha(kind, alpha):
    cover = np.where(np.arange(W) < W // 2, 1.0, 0.5) * np.ones((H, 1))
    if alpha == "unspecified":
        cover[:] = 0.3  # says nothing
    share = 1.0 if alpha == "unspecified" else cover[..., None]
    for colour, photometric in ((COLOUR * 0.8, "rgb"), (RAMP[..., None] * 0.8, "minisblack")):
        given = colour * (cover[..., None] if alpha == "assocalpha" else 1)
        data = write(
            stored(np.concatenate([given, cover[..., None]], 2), kind), photometric=photometric, planarconfig="contig", extrasamples=[alpha]
        )
        want = 255 * (colour * share + (1 - share))
        assert np.abs(read(data) - want).max() <= 2, photometric


def test_alpha_in_another_plane():
    values = np.moveaxis(np.concatenate([COLOUR, np.ones((H, W, 1))], 2), 2, 0)
    check(write(stored(values, "u2"), photometric="rgb", planarconfig="separate", extrasamples=["unassalpha"]), COLOUR)


@pytest.mark.parametrize(
    "code", [cv2.IMWRITE_TIFF_COMPRESSION_NONE, 5, 8, 32773]
)  # none, LZW, Deflate, PackBits, with differences of neighbours
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_files_of_opencv(code, kind):
    for values in (RAMP, COLOUR):
        written, data = cv2.imencode(
            ".tif", stored(values[..., ::-1] if values.ndim == 3 else values, kind), [cv2.IMWRITE_TIFF_COMPRESSION, code]
        )
        assert written
        check(data.tobytes(), values)


def test_64_bit_offsets():
    for kind in ("u1", "u2", "f4"):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, stored(COLOUR, kind), photometric="rgb", bigtiff=True, metadata=None)
        check(buffer.getvalue(), COLOUR, kind)


def test_signed_numbers_below_zero_are_stretched():
    values = np.rint(RAMP * 65535 - 32768).astype(np.int16)
    pixels, notes = decode_apart(io.BytesIO(write(values)), "a.tif")
    assert np.abs(pixels - 255 * RAMP[..., None]).max() <= 1
    assert notes == ["a.tif has values from -32768 to 32767, which were stretched to black and white."]


def test_12_bits_and_bilevel():
    ramp = np.rint(np.linspace(0, 4095, 256)).astype(int)
    row = b"".join(bytes((a >> 4, (a & 15) << 4 | b >> 8, b & 255)) for a, b in ramp.reshape(-1, 2).tolist())
    assert np.abs(media.load("image", tiff((2, 256, 1), 12, row * 2)).medium[0, :, 0] - np.arange(256.0)).max() <= 1
    bits = picture_file(Image.fromarray(np.eye(16, dtype=bool)), "TIFF", compression="group4")
    np.testing.assert_array_equal(media.load("image", bits).medium[..., 0], 255 * np.eye(16))


@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits(bits):
    levels = np.arange(2**bits)
    packed = np.packbits(np.unpackbits(levels.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]).tobytes()
    image = media.load("image", tiff((1, len(levels), 1), bits, packed)).medium
    np.testing.assert_array_equal(image[0, :, 0], levels * 255 // levels[-1])


def test_pages_palette_and_jpeg():
    pages = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (40, 200)]
    loaded = media.load("image", picture_file(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert (loaded.medium == 40).all()
    assert "first" in loaded.notes[0]
    assert corners(media.load("image", picture_file(Image.fromarray(quarters()).quantize(4), "TIFF")).medium) == "rgbw"
    assert corners(media.load("image", picture_file(quarters(), "TIFF", compression="jpeg")).medium) == "rgbw"


def test_turned_16_bit_planes():
    values = np.moveaxis(stored(COLOUR, "u2"), 2, 0)
    data = write(values, photometric="rgb", planarconfig="separate", extratags=[(274, 3, 1, 6, True)])
    assert np.abs(read(data) - 255 * np.rot90(COLOUR, -1)).max() <= 1


def test_a_large_one_is_scaled():
    values = np.zeros((3, 1500, 2000), np.uint16)
    values[0, :, 1000:] = 65535
    pixels, notes = decode_apart(io.BytesIO(write(values, photometric="rgb", planarconfig="separate")), "a.tif")
    assert pixels.shape == (750, 1000, 3)
    assert (pixels[5, -5] == (255, 0, 0)).all()
    assert not pixels[5, 5].any()
    assert notes == ["a.tif was scaled to 1000 x 750 pixels."]


def test_what_cannot_be_read_is_named():
    wide = write(np.zeros((8, 8, 3), np.uint16), photometric=9)  # L*a*b* in 16 bits
    assert "16-bit Lab" in refused("image", wide)
    planes = bytearray(write(np.zeros((3, 8, 8), np.uint16), photometric="rgb", planarconfig="separate"))
    place = planes.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00")  # tag 259, compression: none
    planes[place + 8] = 5
    assert "16-bit RGB, planar" in refused("image", bytes(planes))
    assert "complex" in refused("image", write(np.zeros((8, 8), np.complex64)))


def test_through_the_door(tmp_path):
    """One of each kind by way of a process of its own."""
    path = tmp_path / "white is zero.tif"
    path.write_bytes(write(stored(1 - RAMP, "u2"), photometric="miniswhite"))
    for source in (path, path.read_bytes()):
        loaded = media.load("image", source)
        assert np.abs(check_image(loaded) - 255 * RAMP[..., None]).max() <= 1
    path.write_bytes(path.read_bytes()[:200])
    check_sentence(refused("image", path))
