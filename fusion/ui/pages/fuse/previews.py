"""Small copies of the media, for the inputs column: what is looked at and played there is what the models were given."""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from fusion.types import Audio, Clip

SIDE, FRAME_SIDE, FRAMES, PEAKS, PREVIEW_RATE = 320, 96, 32, 96, 16000
LARGEST_PNG = 60_000  # characters; drawings are far below, photos above


def data_url(pixels: np.ndarray, side: int, kind: str) -> str:
    """(H, W, 3) uint8 as a data URL no larger than `side`; small pictures stay as they are."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=85, compress_level=1)  # of a PNG: four times as fast as the default, a tenth larger
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def picture(pixels: np.ndarray) -> dict[str, Any]:
    """Exact where it is shown in its own size and that is small; a photo as JPEG."""
    size = {"width": pixels.shape[1], "height": pixels.shape[0]}
    exact = data_url(pixels, SIDE, "PNG") if max(pixels.shape[:2]) <= SIDE else None
    return {"url": exact if exact and len(exact) <= LARGEST_PNG else data_url(pixels, SIDE, "JPEG")} | size


def sound(audio: Audio) -> dict[str, Any]:
    """16-bit WAV for the player and the largest amplitude of each of `PEAKS` stretches, in [0, 1] of the loudest."""
    step = max(1, round(audio.rate / PREVIEW_RATE))  # half a minute at 48 kHz would be four megabytes of page
    samples = np.nan_to_num(np.asarray(audio.samples, np.float32))
    samples = samples[: len(samples) // step * step].reshape(-1, step).mean(1)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(round(audio.rate / step))
        file.writeframes((samples.clip(-1, 1) * 32767).astype("<i2").tobytes())
    stretches = np.array_split(np.abs(samples), min(PEAKS, max(1, len(samples))))
    peaks = np.array([s.max(initial=0.0) for s in stretches])
    peaks = peaks / max(float(peaks.max(initial=0.0)), 1e-6)
    return {"wav": base64.b64encode(buffer.getvalue()).decode(), "peaks": peaks.round(3).tolist(), "seconds": round(audio.seconds, 2)}


def film(clip: Clip) -> dict[str, Any]:
    """At most `FRAMES` small pictures with their times in seconds."""
    index = np.unique(np.linspace(0, len(clip.frames) - 1, min(FRAMES, len(clip.frames))).round().astype(int))
    frames = [data_url(clip.frames[i], FRAME_SIDE, "JPEG") for i in index]
    return {"frames": frames, "times": [round(float(clip.times[i]), 3) for i in index], "sound": clip.audio is not None,
            "width": clip.frames.shape[2], "height": clip.frames.shape[1]}  # fmt: skip


PREVIEWS: dict[str, Callable[[Any], Any]] = {"image": picture, "text": str, "audio": sound, "video": film}


def preview(modality: str, medium: Any) -> Any:
    """What the browser needs to show and play a medium."""
    return PREVIEWS[modality](medium)
