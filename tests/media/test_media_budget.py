"""Clips and sounds made to cost much: what does not fit into the budget is one sentence, or its first seconds with a note."""

from __future__ import annotations

import io
import struct
import time
import zlib

import av
import numpy as np
import pytest
from PIL import Image

from fusion import media
from fusion.media import budget, container
from fusion.media.clip import PictureTaker
from tests.media.checks import check_audio, check_clip, check_sentence, peak_growth, refused
from tests.media.files import clip_file, picture_file, ramp, sound_file, tone, wav_header


def many_times(data: bytes, count: int) -> bytes:
    """A GIF that repeats its second frame."""
    first = data.index(b"\x21\xf9\x04")
    second = data.index(b"\x21\xf9\x04", first + 8)
    return data[:second] + data[second:-1] * count + b";"


def gif(side: int, count: int) -> bytes:
    images = [Image.new("P", (side, side), i) for i in range(2)]
    for image in images:
        image.putpalette([0, 0, 0, 255, 255, 255])
    return many_times(picture_file(images[0], "GIF", save_all=True, append_images=images[1:], duration=40, optimize=False), count)


def apng(side: int, count: int, depth: int = 8) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(1)
    row = bytes(1 + side * depth // 2)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, 6, 0, 0, 0))
    parts = [b"\x89PNG\r\n\x1a\n", header, chunk(b"acTL", struct.pack(">II", count, 0))]
    number = 0
    for i in range(count):
        parts.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, side, side, 0, 0, 1, 25, 0, 0)))
        number += 1 if i == 0 else 2
        parts.append(chunk(b"IDAT", data) if i == 0 else chunk(b"fdAT", struct.pack(">I", number - 1) + data))
    return b"".join([*parts, chunk(b"IEND", b"")])


def webp(side: int, count: int) -> bytes:
    """An animated WebP whose every frame is the same picture, stored again."""
    still = picture_file(Image.new("RGB", (side, side), (9, 99, 199)), "WEBP", lossless=True)[12:]
    size = struct.pack("<I", side - 1)[:3]
    frame = bytes(6) + size + size + struct.pack("<I", 40)[:3] + b"\0" + still
    body = b"VP8X" + struct.pack("<I", 10) + bytes([2, 0, 0, 0]) + size + size + b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += (b"ANMF" + struct.pack("<I", len(frame)) + frame) * count
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


@pytest.mark.parametrize("make", [lambda: gif(6000, 1000), lambda: apng(6000, 3), lambda: webp(6000, 1000), lambda: webp(9000, 3)])
def test_frames_that_are_too_large_are_refused_by_their_header(make):
    data = make()
    start = time.process_time()
    with peak_growth() as grown:
        message = refused("video", data)
    assert message == "The video file is too large to decode."
    assert time.process_time() - start < 2
    assert grown() < 250e6


@pytest.fixture
def _short_budget(monkeypatch):
    monkeypatch.setattr(container, "Budget", lambda: budget.Budget(0.3))


@pytest.mark.usefixtures("_short_budget")
@pytest.mark.parametrize(
    "make",
    [
        lambda: gif(2000, 1000),
        lambda: apng(1500, 250),
        lambda: webp(1500, 400),
        lambda: clip_file("h264", "libx264", np.zeros((40, 1080, 1920, 3), np.uint8), options={"preset": "ultrafast"}) * 30,
        lambda: clip_file("mjpeg", "mjpeg", np.zeros((12, 1080, 1920, 3), np.uint8), pixels="yuvj420p") * 30,
    ],
)
def test_decoding_stops_at_the_budget(make):
    data = make()
    if data[:2] == b"\xff\xd8":  # a bare stream of pictures is no clip here
        refused("video", data)
        return
    start = time.process_time()
    loaded = media.load("video", data)
    assert time.process_time() - start < 1.5
    assert 1 <= len(check_clip(loaded).frames) <= 256
    assert any("too large to decode whole" in note for note in loaded.notes)


@pytest.mark.usefixtures("_short_budget")
def test_reading_stops_at_the_budget():
    """A source that is slow to read, as junk of which a demuxer makes no packets."""

    class Slow(io.BytesIO):
        def read(self, size: int = -1) -> bytes:
            end = time.process_time() + 0.05
            while time.process_time() < end:
                pass
            return super().read(size)

    file = Slow(clip_file("matroska", "mpeg4", np.random.default_rng(0).integers(0, 255, (40, 480, 640, 3), np.uint8)))
    spent = budget.Budget(0.3)
    source = container._Nameless(file, spent)
    with pytest.raises(budget.OverBudget):
        while source.read(1000):
            pass
    assert spent.spent < 0.6


def test_a_raw_stream_of_very_many_frames_ends_with_the_clip():
    """Raw H.264 has no times; frames behind the thirtieth second are not decoded to find that out."""
    data = clip_file("h264", "libx264", ramp(250, 16, 16), options={"preset": "ultrafast"}) * 100
    start = time.process_time()
    loaded = media.load("video", data)
    assert time.process_time() - start < 3
    clip = check_clip(loaded)
    assert clip.times[-1] > 29
    assert "trimmed" in loaded.notes[0]


def test_frames_that_are_not_kept_are_not_converted(monkeypatch):
    converted = []
    convert = PictureTaker._convert
    monkeypatch.setattr(PictureTaker, "_convert", lambda self, *arguments: converted.append(1) or convert(self, *arguments))
    clip = check_clip(media.load("video", clip_file("mp4", "libx264", ramp(900, 16, 16), rate=30)))
    assert 200 <= len(clip.frames) <= len(converted) <= 260


@pytest.mark.parametrize(("pixels", "codec"), [("yuv444p10le", "libx264"), ("yuv420p10le", "libx264")])
def test_clips_of_8k_stay_below_the_budget_of_memory(pixels, codec):
    frames = np.zeros((1, 4320, 7680, 3), np.uint8)
    data = clip_file("matroska", codec, frames, pixels=pixels, options={"preset": "ultrafast"})
    del frames
    with peak_growth() as grown:
        try:
            check_clip(media.load("video", data))
        except media.MediaError as error:
            check_sentence(str(error))
            assert "too large to decode" in str(error)
    assert grown() < 450e6


@pytest.mark.parametrize("count", [50, 900])
def test_very_many_tracks(count):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        streams = [out.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(count)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 8000, 0
            out.mux(stream.encode(frame))
    start = time.process_time()
    try:
        check_audio(media.load("audio", buffer.getvalue()))
    except media.MediaError as error:
        check_sentence(str(error))
    assert time.process_time() - start < 2


def test_long_silence_costs_half_a_minute():
    data = sound_file("flac", "flac", 8000, np.zeros(8000 * 600, np.float32))
    start = time.process_time()
    with peak_growth() as grown:
        loaded = media.load("audio", data)
    assert check_audio(loaded).seconds == 30
    assert time.process_time() - start < 1
    assert grown() < 50e6


@pytest.mark.parametrize("channels", [9, 32, 200])
def test_very_many_channels(channels):
    samples = np.tile((tone(16_000, 0.5) * 32767).astype("<i2")[:, None], (1, channels))
    try:
        check_audio(media.load("audio", wav_header(16_000, channels, 16, samples.tobytes())))
    except media.MediaError as error:
        check_sentence(str(error))


@pytest.mark.parametrize("jump", [3, 100, 10**6, -50])
def test_broken_times_are_survived(jump):
    """The clock jumps in the middle; the pictures before it are read, and nothing waits for the time to come."""
    times = [0, 100, 200, 300, 400 + 1000 * jump, 500 + 1000 * jump]
    if jump > 0:
        loaded = media.load("video", clip_file("matroska", "mpeg4", ramp(6), times=times))
        assert len(check_clip(loaded).frames) >= 3
    data = sound_file("ogg", "flac", 16_000, tone(16_000, 1.0)) + sound_file("ogg", "flac", 16_000, tone(16_000, 1.0))
    audio = check_audio(media.load("audio", data))
    assert audio.seconds < 3
