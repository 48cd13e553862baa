"""Colours come out as a screen shows them: profiles, gamma, CMYK, L*a*b*, against the definitions of the colour spaces."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from fusion import media
from tests.media.checks import check_image
from tests.media.files import corners, picture_file, png_file, quarters
from tests.media.profiles import ADOBE_RGB, DISPLAY_P3, SRGB, cmyk_profile, grey_profile, lab_to_xyz, on_screen, rgb_profile

COLOURS = np.uint8(
    [[200, 30, 40], [60, 180, 70], [50, 60, 190], [128, 128, 128], [255, 255, 255], [0, 0, 0], [230, 200, 40], [90, 20, 120]]
)
SPACES = {"Display P3": (DISPLAY_P3, 2.2), "Adobe RGB": (ADOBE_RGB, 2.19921875), "swapped": (SRGB[:, [2, 0, 1]], 1.8)}


def patches(colours: np.ndarray = COLOURS) -> np.ndarray:
    """(16, 16 N, C): squares that no block of a codec mixes."""
    return np.repeat(np.repeat(colours[None], 16, 0), 16, 1)


def middles(image: np.ndarray) -> np.ndarray:
    return image[8, 8::16].astype(float)


def expected(space: str) -> np.ndarray:
    primaries, gamma = SPACES[space]
    return on_screen((COLOURS / 255) ** gamma @ primaries.T)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_a_profile_is_applied(kind, space):
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}
    data = picture_file(patches(), kind, icc_profile=rgb_profile(*SPACES[space]), **options.get(kind, {}))
    got = middles(check_image(media.load("image", data)))
    plain = middles(check_image(media.load("image", picture_file(patches(), kind, **options.get(kind, {})))))
    exact = 2.0 if kind in ("PNG", "TIFF", "WEBP") else 5.0  # the codec's own error, widened by the profile
    assert np.abs(got - expected(space)).max() <= exact
    assert np.abs(plain - expected(space)).max() > 10


def test_a_profile_is_applied_to_a_pillow_image_and_leaves_it_as_it_was():
    image = Image.fromarray(patches())
    image.info["icc_profile"] = rgb_profile(*SPACES["Adobe RGB"])
    assert np.abs(middles(media.load("image", image).medium) - expected("Adobe RGB")).max() <= 2
    np.testing.assert_array_equal(np.asarray(image), patches())


def test_srgb_under_another_name_changes_nothing():
    for profile in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"", b"broken", b"\0" * 5000):
        loaded = media.load("image", picture_file(patches(), "PNG", icc_profile=profile))
        np.testing.assert_array_equal(loaded.medium, patches())
        assert loaded.notes == ()


@pytest.mark.parametrize("at", [0, 16, 36, 128, 132, 200, 300])
def test_a_broken_profile_is_ignored(at):
    profile = bytearray(rgb_profile(*SPACES["swapped"]))
    profile[at : at + 40] = b"\xff" * len(profile[at : at + 40])
    image = check_image(media.load("image", picture_file(patches(), "JPEG", quality=95, icc_profile=bytes(profile))))
    assert image.shape == patches().shape


def test_a_profile_of_another_kind_of_colour_is_ignored():
    corner = np.broadcast_to(np.array([50.0, 0, 0]), (2, 2, 2, 2, 3))
    for profile in (grey_profile(1.0), cmyk_profile(corner)):
        np.testing.assert_array_equal(media.load("image", picture_file(patches(), "PNG", icc_profile=profile)).medium, patches())


@pytest.mark.parametrize("gamma", [1.0, 1.8])
def test_grey_profiles(gamma):
    ramp = np.arange(256, dtype=np.uint8)
    want = on_screen(np.outer((ramp / 255) ** gamma, [0.9642, 1.0, 0.8249]))
    grey = np.tile(ramp, (4, 1))
    files = {
        "8": picture_file(grey, "PNG", icc_profile=grey_profile(gamma)),
        "16": picture_file(grey.astype(np.uint16) * 257, "PNG", icc_profile=grey_profile(gamma)),
        "tiff": picture_file(grey, "TIFF", icc_profile=grey_profile(gamma)),
        "alpha": picture_file(
            Image.merge("LA", [Image.fromarray(grey), Image.new("L", (256, 4), 255)]), "PNG", icc_profile=grey_profile(gamma)
        ),
    }
    for name, data in files.items():
        assert np.abs(media.load("image", data).medium[0].astype(float)[8:] - want[8:]).max() <= 2, name


def test_transparency_survives_a_profile():
    picture = np.dstack([patches(), np.full(patches().shape[:2], 255, np.uint8)])
    picture[:, :16, 3] = 0
    image = media.load("image", picture_file(picture, "PNG", icc_profile=rgb_profile(*SPACES["Adobe RGB"]))).medium
    assert (image[8, 8] == 255).all()
    assert np.abs(middles(image)[1:] - expected("Adobe RGB")[1:]).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_profiles(kind):
    corners_ = np.zeros((2, 2, 2, 2, 3))
    corners_[0, 0, 0, 0] = (100, 0, 0)
    inks = {(255, 0, 0, 0): (60, 20, 30), (0, 255, 0, 0): (40, 25, -20), (0, 0, 255, 0): (75, -20, 10)}
    for ink, lab in inks.items():
        corners_[tuple(np.array(ink) // 255)] = lab
    ink = np.uint8([(0, 0, 0, 0), *inks, (0, 0, 0, 255)])
    picture = Image.frombytes("CMYK", (16 * len(ink), 16), patches(ink).tobytes())
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    got = middles(media.load("image", picture_file(picture, kind, icc_profile=cmyk_profile(corners_), **options)).medium)
    want = on_screen(lab_to_xyz(np.array([(100, 0, 0), *inks.values(), (0, 0, 0)], float)))
    assert np.abs(got - want).max() <= 3


def test_cmyk_without_adobes_marker_is_read_as_adobe_stores_it():
    data = picture_file(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    assert (media.load("image", data).medium[8, 8] == (255, 0, 0)).all()
    start = data.index(b"\xff\xee")
    end = start + 2 + struct.unpack(">H", data[start + 2 : start + 4])[0]
    assert (media.load("image", data[:start] + data[end:]).medium[8, 8] == (255, 0, 0)).all()


def test_lab_tiff():
    for lab in ((60, 20, 30), (40, 25, -20), (75, -20, 10), (0, 0, 0), (100, 0, 0)):
        stored = bytes((round(lab[0] * 2.55), lab[1] & 255, lab[2] & 255))
        picture = Image.frombytes("LAB", (8, 8), stored * 64)
        got = media.load("image", picture_file(picture, "TIFF")).medium[4, 4]
        assert np.abs(got - on_screen(lab_to_xyz(np.array(lab, float)))).max() <= 3, lab


def test_gamma_of_a_png():
    light = np.linspace(0, 1, 256)
    want = on_screen(np.outer(light, [0.9642, 1.0, 0.8249]))
    linear = png_file(np.rint(255 * light)[None, :, None], 8, 0, before=[(b"gAMA", struct.pack(">I", 100_000))])
    loaded = media.load("image", linear)
    assert np.abs(check_image(loaded)[0] - want).max() <= 1
    assert loaded.notes == ("The image file stores brightness with gamma 1.00, which was converted to that of a screen.",)
    usual = [(b"gAMA", struct.pack(">I", 45_455))]
    for before in (usual, [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000))], [(b"gAMA", bytes(4))]):
        plain = media.load("image", png_file(np.arange(256)[None, :, None], 8, 0, before=before))
        np.testing.assert_array_equal(plain.medium[0, :, 0], np.arange(256))
        assert plain.notes == ()


def test_16_bit_pngs():
    ramp = np.tile(np.arange(256) * 257, (2, 1))
    full = np.full_like(ramp, 65535)
    for colour, planes in {0: [ramp], 2: [ramp, 65535 - ramp, ramp], 4: [ramp, full], 6: [ramp, ramp, ramp, full]}.items():
        image = check_image(media.load("image", png_file(np.stack(planes, 2), 16, colour)))
        np.testing.assert_array_equal(image[..., 0], ramp // 257)
        if colour == 2:
            np.testing.assert_array_equal(image[..., 1], 255 - ramp // 257)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_grey_value_of_every_depth(bits):
    most = 2**bits - 1
    values = np.unique(np.rint(np.linspace(0, most, 16))).astype(int)
    for clear in {0, int(values[len(values) // 2]), most}:
        data = png_file(values[None, :, None], bits, 0, before=[(b"tRNS", struct.pack(">H", clear))])
        image = check_image(media.load("image", data))
        want = np.rint(values * 255 / most)
        ground = 0 if bits == 1 and clear == 0 else 255  # white on white would not be seen
        want[values == clear] = ground
        assert np.abs(image[0, :, 0] - want).max() <= 1, clear


@pytest.mark.parametrize("bits", [8, 16])
def test_a_transparent_colour(bits):
    unit = 257 if bits == 16 else 1
    colours = np.array([[[10, 20, 30], [200, 10, 10], [0, 0, 0]]]) * unit
    data = png_file(colours, bits, 2, before=[(b"tRNS", struct.pack(">HHH", *colours[0, 0]))])
    assert media.load("image", data).medium[0].tolist() == [[255, 255, 255], [200, 10, 10], [0, 0, 0]]


def test_interlaced_png():
    """Adam7 by hand: eight rows and columns in seven passes."""
    picture = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]  # y, x, steps
    rows = b"".join(b"\0" + row.tobytes() for y, x, dy, dx in passes for row in picture[y::dy, x::dx])
    np.testing.assert_array_equal(
        media.load("image", png_file(picture[..., None], 8, 0, raw=zlib.compress(rows), interlaced=True)).medium[..., 0], picture
    )


def test_ycck_jpeg():
    """CMYK as Photoshop stores it: like YCbCr with black beside it, marked by Adobe's transform 2."""
    ycbcr = Image.fromarray(255 - quarters()).convert("YCbCr")  # of the inks
    planes = [*ycbcr.split(), Image.new("L", ycbcr.size, 255)]
    data = bytearray(picture_file(Image.merge("CMYK", planes).point(lambda v: 255 - v), "JPEG", quality=100, subsampling=0))
    data[data.index(b"Adobe") + 11] = 2
    assert corners(check_image(media.load("image", bytes(data)))) == "rgbw"
