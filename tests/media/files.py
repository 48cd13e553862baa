"""Files for tests, made at test time: sounds and clips encoded by PyAV, pictures by Pillow, each with content known by construction."""

from __future__ import annotations

import io
import os
import struct
import zlib
from fractions import Fraction

import av
import numpy as np
from PIL import Image


def tone(rate: int, seconds: float, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    """A sine (N,) float32."""
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def sound_file(container: str, codec: str, rate: int, samples: np.ndarray, layout: str = "mono") -> bytes:
    """Encode samples (N,), the same in every channel, or (N, C)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        options = {"strict": "experimental"} if codec == "vorbis" else {}  # the only Vorbis encoder that PyAV brings
        stream = out.add_stream(codec, rate=rate, layout=layout, options=options)
        _encode_sound(out, stream, rate, samples)
    return buffer.getvalue()


def _encode_sound(out: av.container.OutputContainer, stream: av.AudioStream, rate: int, samples: np.ndarray) -> None:
    channels = stream.codec_context.layout.nb_channels
    columns = np.broadcast_to(samples.reshape(len(samples), -1), (len(samples), channels))
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(columns, np.float32).reshape(1, -1), "flt", stream.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    context = stream.codec_context
    if not context.is_open:
        context.open()
    resampler = av.AudioResampler(context.format.name, stream.layout.name, context.rate, context.frame_size or None)
    for ready in [*resampler.resample(frame), *resampler.resample(None)]:
        out.mux(stream.encode(ready))
    out.mux(stream.encode(None))


def clip_file(
    container: str,
    codec: str,
    frames: np.ndarray,
    rate: int = 10,
    pixels: str = "yuv420p",
    times: list[int] | None = None,
    turn: tuple | None = None,
    sound: tuple | None = None,
    tags: dict | None = None,
    options: dict | None = None,
) -> bytes:
    """Encode frames (T, H, W, 3) uint8.

    Args:
        times: of the frames in milliseconds, where they are not even.
        turn: arguments of `set_display_rotation` (degrees counter-clockwise, hflip, vflip).
        sound: (codec, rate, samples).
        tags: attributes of the codec context, such as `color_trc`.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for key, value in (tags or {}).items():
            setattr(stream.codec_context, key, value)
        if turn is not None:
            stream.set_display_rotation(*turn)
        voice = out.add_stream(sound[0], rate=sound[1], layout="mono") if sound else None
        for i, pixels_rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels_rgb, "rgb24")
            frame.pts = i if times is None else times[i]
            frame.time_base = Fraction(1, rate if times is None else 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if voice:
            _encode_sound(out, voice, sound[1], sound[2])
    if codec == "libsvtav1":
        _leave_realtime()
    return buffer.getvalue()


def _leave_realtime() -> None:
    """As root, SVT-AV1's encoder gives the calling thread the highest real-time priority, which starves everything else on the machine."""
    if hasattr(os, "sched_setscheduler"):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def ramp(count: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames (T, H, W, 3) whose brightness rises evenly from 20 to 235."""
    levels = np.linspace(20, 235, count).round().astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3)).copy()


def quarters(height: int = 48, width: int = 64) -> np.ndarray:
    """A picture (H, W, 3): red top left, green top right, blue bottom left, white bottom right."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, : width // 2] = (0, 0, 255)
    picture[height // 2 :, width // 2 :] = (255, 255, 255)
    return picture


def corners(picture: np.ndarray) -> str:
    """The colours of the four quarters of (H, W, 3), row by row, as letters of r g b w."""
    H, W = picture.shape[:2]
    places = [(y, x) for y in (H // 4, 3 * H // 4) for x in (W // 4, 3 * W // 4)]
    letters = {(True, False, False): "r", (False, True, False): "g", (False, False, True): "b", (True, True, True): "w"}
    return "".join(letters.get(tuple(picture[place] > 127), "?") for place in places)


def picture_file(picture: np.ndarray | Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def wav_header(rate: int, channels: int, bits: int, data: bytes, code: int = 1) -> bytes:
    """A WAV file by hand; code 1 integers, 3 floats."""
    block = channels * bits // 8
    body = b"WAVEfmt " + struct.pack("<IHHIIHH", 16, code, channels, rate, rate * block, block, bits) + b"data"
    return b"RIFF" + struct.pack("<I", 28 + 8 + len(data)) + body + struct.pack("<I", len(data)) + data


def tiff(shape: tuple[int, int, int], bits: int, data: bytes) -> bytes:
    """An uncompressed TIFF (H, W, C) by hand, with any number of channels."""
    H, W, C = shape
    tags = [(256, 3, 1, W), (257, 3, 1, H), (259, 3, 1, 1), (262, 3, 1, 2 if C == 3 else 1), (273, 4, 1, 0), (277, 3, 1, C), (278, 3, 1, H)]
    tags.append((279, 4, 1, len(data)))
    end = 8 + 2 + 12 * (len(tags) + 1) + 4
    tags.append((258, 3, C, bits if C == 1 else end))
    start = end + (0 if C == 1 else 2 * C)
    body = struct.pack("<H", len(tags))
    for tag, kind, count, value in sorted(tags):
        body += struct.pack("<HHII", tag, kind, count, start if tag == 273 else value)
    extra = b"" if C == 1 else struct.pack(f"<{C}H", *[bits] * C)
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", 0) + extra + data


def png_file(
    pixels: np.ndarray, bits: int, colour: int, before: list[tuple[bytes, bytes]] = (), raw: bytes | None = None, interlaced: bool = False
) -> bytes:
    """A PNG by hand: (H, W, C) integers of 1 to 16 bits, chunks before the pixels, or compressed rows made elsewhere."""
    H, W, _ = pixels.shape
    if raw is None:
        flat = pixels.reshape(H, -1)
        if bits == 16:
            rows = [row.astype(">u2").tobytes() for row in flat]
        else:
            rows = [np.packbits(np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - bits :]).tobytes() for row in flat]
        raw = zlib.compress(b"".join(b"\0" + row for row in rows))
    head = struct.pack(">IIBBBBB", W, H, bits, colour, 0, 0, int(interlaced))
    parts = [(b"IHDR", head), *before, (b"IDAT", raw), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
