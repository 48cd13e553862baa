"""Media as a browser hands them over: a picture as PNG, a sound as WAV, a clip as its camera's WebM."""

from __future__ import annotations

import io
import wave

import av
import numpy as np
from PIL import Image

from fusion.types import Audio, Clip, Medium

PICTURE, CAMERA, RATE = (1024, 1024), (640, 480), 25  # pixels; pixels; frames per second


def recorded(medium: Medium) -> bytes | str:
    """The file of a medium, scaled to what screens and cameras give; a text stays what was typed."""
    if isinstance(medium, str):
        return medium
    if isinstance(medium, Audio):
        return record_sound(medium)
    return record_clip(medium) if isinstance(medium, Clip) else record_picture(medium)


def record_picture(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).resize(PICTURE).save(file, "PNG")
    return file.getvalue()


def record_sound(sound: Audio) -> bytes:
    """Sixteen bits, one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, sound.rate, 0, "NONE", ""))
        out.writeframes((sound.samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def record_clip(clip: Clip) -> bytes:
    """VP8, every step of the camera's clock the latest frame that had come."""
    file = io.BytesIO()
    ticks = np.arange(round((clip.times[-1] - clip.times[0]) * RATE) + 1) / RATE + clip.times[0]
    with av.open(file, "w", format="webm") as out:
        stream = out.add_stream("libvpx", rate=RATE, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width, stream.height = CAMERA
        stream.pix_fmt = "yuv420p"
        for i in np.searchsorted(clip.times, ticks + 1e-6, side="right") - 1:
            frame = av.VideoFrame.from_image(  # type: ignore[no-untyped-call]  # PyAV leaves it untyped
                Image.fromarray(clip.frames[i]).resize(CAMERA)
            )
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()
