"""No picture costs more than 10 seconds or 500 MB: judged by its header, or ended on the way, with one sentence."""

from __future__ import annotations

import contextlib
import io
import resource
import struct
import sys
import threading
import time
import zlib

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image, features

from fusion import media
from fusion.media import image
from fusion.media.image_cost import MOST_BYTES
from fusion.media.image_tags import has_heavy_tags
from tests.media.checks import check_image, refused
from tests.media.files import picture_file, png_chunk, png_file

APART = "decoded in a process of its own"


@pytest.fixture
def apart(monkeypatch):
    """The list of names that were decoded in a process of their own, which is replaced by this one."""
    names = []

    def run(function, *arguments, name, seconds):
        names.append(name)
        return function(*arguments)

    monkeypatch.setattr(image, "run_bounded", run)
    return names


class Cost:
    """Seconds of processor time and bytes of memory that a block takes, child processes included."""

    def __enter__(self):
        self.peak, self.done = 0, threading.Event()
        self.before = self._memory()
        self.begin = self._time()
        self.watch = threading.Thread(target=self._watch)
        self.watch.start()
        return self

    def __exit__(self, *error):
        self.done.set()
        self.watch.join()
        self.seconds = self._time() - self.begin

    def _time(self):
        return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])

    def _memory(self):
        own = psutil.Process()
        total = own.memory_info().rss
        for child in own.children():
            with contextlib.suppress(psutil.Error):
                started = child.cmdline() != own.cmdline()  # before its exec, a child's memory is this process's own, counted twice
                total += child.memory_info().rss if started else 0
        return total

    def _watch(self):
        while not self.done.wait(0.005):
            self.peak = max(self.peak, self._memory() - self.before)


def assert_cheap(source: object) -> str:
    """The message for a picture that must not be decoded, or the notes of one that may; within the budget."""
    with Cost() as cost:
        try:
            said = " ".join(media.load("image", source).notes)
        except media.MediaError as error:
            said = str(error)
    assert cost.seconds < 10
    assert cost.peak < 500e6
    return said


def png_header(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")


def with_size(data: bytes, place: int, layout: str, *size: int) -> bytes:
    """A header that claims another size."""
    return data[:place] + struct.pack(layout, *size) + data[place + struct.calcsize(layout) :]


SMALL = Image.new("RGB", (16, 16))


def huge_tiff(kind: np.dtype, samples: int, planar: bool = False) -> bytes:
    """99 megapixels of one number, in a few kB."""
    H, W = 9000, 11_000
    shape = ((samples, H, W) if planar else (H, W, samples)) if samples > 1 else (H, W)
    page = np.broadcast_to(np.zeros((), kind), shape)
    buffer = io.BytesIO()
    options = {"photometric": "rgb", "planarconfig": "separate" if planar else "contig"} if samples > 1 else {"photometric": "minisblack"}
    small = np.zeros(tuple(8 if side > 10 else side for side in page.shape), kind)
    tifffile.imwrite(buffer, small, metadata=None, **options)
    data = bytearray(buffer.getvalue())
    for tag, value in ((256, W), (257, H), (278, H)):  # width, height, rows in a strip
        place = data.index(struct.pack("<HH", tag, 4) if tag != 278 else struct.pack("<H", tag))
        data[place : place + 12] = struct.pack("<HHII", tag, 4, 1, value)
    return bytes(data)


HUGE = {
    "rgb.png": png_header(11_000, 9000),
    "rgba16.png": png_header(11_000, 9000, 16, 6),
    "grey16.png": png_header(14_000, 12_700, 16, 0),
    "canvas.gif": with_size(picture_file(SMALL, "GIF"), 6, "<HH", 65_535, 65_535),
    "a.bmp": with_size(picture_file(SMALL, "BMP"), 18, "<ii", 11_000, 9000),
    "a.tga": with_size(picture_file(SMALL, "TGA"), 12, "<HH", 11_000, 9000),
    "a.qoi": with_size(picture_file(SMALL, "QOI"), 4, ">II", 11_000, 9000),
    "a.pcx": with_size(picture_file(SMALL, "PCX"), 8, "<HH", 10_999, 8999),
    "a.sgi": with_size(picture_file(SMALL, "SGI"), 6, ">HH", 11_000, 9000),
    "a.dds": with_size(picture_file(SMALL, "DDS"), 12, "<II", 9000, 11_000),
    "a.ppm": b"P6 11000 9000 255\n" + bytes(1000),
    "grey16.pgm": b"P5 11000 9000 65535\n" + bytes(1000),
    "a.psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9000, 11_000, 8, 3) + bytes(12) + b"\0\0" + bytes(1000),
    "rgb16 planar.tif": huge_tiff(np.uint16, 3, planar=True),
    "float.tif": huge_tiff(np.float32, 1),
    "float rgb.tif": huge_tiff(np.float32, 3),
    "rgb.tif": huge_tiff(np.uint8, 3),
}


@pytest.mark.parametrize("name", HUGE)
def test_too_large_a_size_is_refused_by_the_header(apart, name):
    with Cost() as cost:
        said = refused("image", HUGE[name])
    assert "megapixels" in said
    assert cost.seconds < 1
    assert cost.peak < 40e6


def test_sizes_of_coded_formats_are_refused_by_the_header(apart):
    big = {"JPEG2000": (5200, 5000), "WEBP": (11_000, 9000)} | ({"AVIF": (9000, 8000)} if features.check("avif") else {})
    for kind, size in big.items():
        options = {"JPEG2000": {"num_resolutions": 1, "quality_mode": "rates", "quality_layers": [1000]}, "AVIF": {"speed": 10}}
        data = picture_file(Image.new("RGB", (64, 64)), kind, **options.get(kind, {"lossless": True}))
        if kind == "WEBP":  # 14 bits each of width - 1 and height - 1
            place = data.index(b"VP8L") + 9
            (bits,) = struct.unpack("<I", data[place : place + 4])
            data = with_size(data, place, "<I", bits >> 28 << 28 | size[1] - 1 << 14 | size[0] - 1)
        if kind == "AVIF":
            data = with_size(data, data.index(b"ispe") + 8, ">II", *size)
        if kind == "JPEG2000":
            data = with_size(data, data.index(b"ihdr") + 4, ">II", *size[::-1])
            siz = data.index(b"\xff\x51")
            data = with_size(data, siz + 6, ">II", *size)
            data = with_size(data, siz + 22, ">II", *size)
        said = refused("image", data)
        assert "megapixels" in said or kind == "AVIF", (kind, said)  # libavif compares the size with the picture's first


def progressive(width: int, height: int, scans: int = 0) -> bytes:
    """A JPEG of several scans, the last one repeated."""
    data = picture_file(Image.new("L", (width, height)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def test_a_progressive_jpeg_is_judged_by_its_coefficients(apart):
    data = picture_file(Image.new("RGB", (64, 64)), "JPEG", progressive=True, subsampling=0)
    wide = with_size(data, data.index(b"\xff\xc2") + 5, ">HH", 12_000, 14_000)
    assert "168 megapixels" in refused("image", wide)
    assert "progressive JPEG" in refused("image", wide)
    phone = with_size(data, data.index(b"\xff\xc2") + 5, ">HH", 6144, 8192)
    assert check_image(media.load("image", phone)).shape == (768, 1024, 3), "50 megapixels are not too many"


def test_scans_without_end_are_stopped(monkeypatch):
    monkeypatch.setattr(image, "APART_SECONDS", 1.0)
    assert assert_cheap(progressive(1000, 1000, scans=60_000)) == "The image file needs more than 1 seconds to decode, which is too long."


def test_some_scans_are_read_here(apart):
    check_image(media.load("image", progressive(200, 100, scans=5)))
    assert apart == []


def test_an_animation_costs_what_its_first_picture_costs(apart):
    frames = [Image.new("RGB", (64, 64), (i % 256, 0, 0)) for i in range(300)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        loaded = media.load("image", picture_file(frames[0], kind, save_all=True, append_images=frames[1:]))
        assert "first" in loaded.notes[0]
        assert not check_image(loaded).any()
    assert apart == []


CHUNKS = {
    "profile": [(b"iCCP", b"x\0\0" + zlib.compress(bytes(50_000_000)))],
    "words": [(b"zTXt", b"k%d\0\0" % i + zlib.compress(bytes(1_000_000))) for i in range(150)],
    "one word": [(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(100_000_000)))],
    "many": [(b"tEXt", b"a\0b")] * 20_000,
}


@pytest.mark.parametrize("name", CHUNKS)
def test_chunks_of_a_png(name):
    with Cost() as cost, contextlib.suppress(media.MediaError):
        media.load("image", png_file(np.zeros((4, 4, 3), int), 8, 2, before=CHUNKS[name]))
    assert cost.seconds < 3
    assert cost.peak < 250e6


def exif_bomb(entries: int, size: int) -> bytes:
    """Tags that all claim the same bytes."""
    tags = b"".join(struct.pack(">HHII", i, 7, size, 8) for i in range(entries))
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", entries) + tags + bytes(max(0, size - 12 * entries))


def test_exif_tags_that_claim_the_same_bytes(apart):
    bomb = exif_bomb(2000, 60_000)
    exif = Image.Exif()
    exif[0x0112] = 6
    for data, heavy in (
        (b"RIFF...." + bomb, True),
        (b"RIFF...." + exif_bomb(100, 60_000), False),
        (picture_file(SMALL, "JPEG", exif=exif), False),
        (picture_file(SMALL, "PNG", exif=exif), False),
        (b"\xff\xd8" + b"\xff\xe1\xff\xff" + exif_bomb(5000, 60_000)[:65_533].ljust(65_533) + b"\xff\xda\0\2", True),
        (b"\xff\xd8" + b"\xff\xfe\0\2" * 6000 + b"\xff\xda\0\2", True),
        (b"\xff\xd8" + (b"\xff\xfe\xff\xff" + bytes(65_533)) * 5 + b"\xff\xda\0\2", False),
    ):
        assert has_heavy_tags(io.BytesIO(data)) == heavy, data[:20]
    media.load("image", png_file(np.zeros((4, 4, 3), int), 8, 2, before=[(b"eXIf", bomb)]))
    assert len(apart) == 1, "2,000 copies of 60 kB are made in a process that can be ended"


def test_exif_tags_are_stopped():
    bomb = exif_bomb(60_000, 700_000)
    said = assert_cheap(png_file(np.zeros((4, 4, 3), int), 8, 2, before=[(b"eXIf", bomb)]))
    assert said == "The image file needs more than 500 MB of memory to decode, which is too much."


def icon(inner: bytes) -> bytes:
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(inner), 22) + inner


def test_icons_are_read_where_they_can_be_stopped(apart):
    """The header of an icon says nothing of the size of the picture inside."""
    loaded = media.load("image", icon(picture_file(Image.new("RGB", (3000, 2000), "red"), "PNG")))
    assert (check_image(loaded)[0, 0] == (255, 0, 0)).all()
    refused("image", icon(png_header(12_000, 10_000)))
    refused("image", icon(png_header(30_000, 30_000)))
    assert len(apart) == 3


def test_a_tile_may_be_larger_than_the_picture(apart):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((64, 64), np.uint8), tile=(64, 64), metadata=None)
    data = bytearray(buffer.getvalue())
    for tag in (322, 323):
        place = next(i for i in range(8, len(data)) if data[i : i + 2] == struct.pack("<H", tag))
        data[place : place + 12] = struct.pack("<HHII", tag, 4, 1, 30_000)
    refused("image", bytes(data))


def test_tags_of_a_tiff_that_claim_the_same_bytes():
    tags = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (278, 4, 1, 8), (279, 4, 1, 64)]
    tags += [(1000 + i, 7, 1_000_000, 8) for i in range(20_000)]
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    said = assert_cheap(b"II*\0\x08\0\0\0" + table + bytes(1_000_000))
    assert said.endswith(("which is too much.", "damaged or cut short."))


PHONE = {
    "12 megapixels": ((4032, 3024), {}),
    "50 megapixels": ((8192, 6144), {}),
}


@pytest.mark.parametrize("name", PHONE)
def test_a_phone_photo_is_decoded_here(apart, name):
    size, options = PHONE[name]
    photo = picture_file(Image.new("RGB", size, (10, 200, 30)), "JPEG", quality=85, **options)
    assert np.abs(check_image(media.load("image", photo))[3, 3].astype(int) - (10, 200, 30)).max() <= 2
    assert apart == []


def test_small_pictures_of_every_usual_format_are_decoded_here(apart):
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "PPM", "JPEG2000", "TGA", "QOI", "PCX", "SGI", "DDS"):
        check_image(media.load("image", picture_file(Image.new("RGB", (500, 500)), kind)))
    assert apart == []


@pytest.mark.skipif(sys.platform != "linux", reason="measures resident memory")
def test_just_under_the_limit_keeps_to_it():
    """The largest RGB PNG that is decoded at all."""
    pixels = int(MOST_BYTES / 4.4)
    rows = zlib.compressobj(1)
    width, height = 9000, pixels // 9000
    raw = b"".join([*(rows.compress(bytes(1 + 3 * width)) for _ in range(height)), rows.flush()])
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in ((b"IHDR", head), (b"IDAT", raw), (b"IEND", b"")))
    assert "was scaled to" in assert_cheap(data)
