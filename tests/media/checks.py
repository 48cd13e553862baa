"""What must hold for whatever media.load returns or refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from fusion import media
from fusion.types import Audio, Clip


def peak_hertz(audio: Audio) -> float:
    spectrum = np.abs(np.fft.rfft(audio.samples * np.hanning(len(audio.samples))))
    return float(spectrum.argmax() * audio.rate / len(audio.samples))


def check_image(loaded: media.Loaded) -> np.ndarray:
    image = loaded.medium
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.flags["C_CONTIGUOUS"]
    assert image.flags["WRITEABLE"]
    check_notes(loaded)
    return image


def check_audio(loaded: media.Loaded) -> Audio:
    audio = loaded.medium
    assert audio.samples.dtype == np.float32
    assert audio.samples.ndim == 1
    assert 0 < len(audio.samples) <= 30 * audio.rate
    assert audio.rate <= 48_000
    assert np.isfinite(audio.samples).all()
    assert np.abs(audio.samples).max() <= 1
    check_notes(loaded)
    return audio


def check_clip(loaded: media.Loaded) -> Clip:
    clip = loaded.medium
    assert clip.frames.dtype == np.uint8
    assert clip.frames.ndim == 4
    assert clip.frames.shape[3] == 3
    assert 1 <= len(clip.frames) == len(clip.times) <= 256
    assert max(clip.frames.shape[1:3]) <= 320
    assert clip.frames.flags["C_CONTIGUOUS"]
    assert clip.times.dtype == np.float32
    assert clip.times[0] == 0
    assert (np.diff(clip.times) > 0).all()
    assert clip.times[-1] < 30
    if clip.audio is not None:
        check_audio(media.Loaded(clip.audio))
    check_notes(loaded)
    return clip


def check_notes(loaded: media.Loaded) -> None:
    for note in loaded.notes:
        check_sentence(note)


def check_sentence(text: str) -> None:
    assert re.fullmatch(r"[^\n]*[^.\s]\.", text), text
    assert not re.search(r"[.!?] [A-Z]", text), f"more than one sentence: {text}"


def refused(modality: str, source: object, name: str | None = None) -> str:
    """The message of the error, which must be one sentence that names the file and no folder."""
    with pytest.raises(media.MediaError) as caught:
        media.load(modality, source)
    message = str(caught.value)
    check_sentence(message)
    if isinstance(source, Path) or name:
        assert message.startswith(name or source.name)
    assert "/" not in message.replace(name or "", "")
    return message


@contextmanager
def peak_growth() -> Iterator[Callable[[], float]]:
    """Gives a function that says by how many bytes this process has grown at most since; only Linux counts that."""
    reset, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")

    def value(field: str) -> float:
        return 1024.0 * int(re.search(rf"{field}:\s+(\d+)", status.read_text())[1])

    try:
        reset.write_text("5")
    except OSError:
        pytest.skip("the peak of memory cannot be reset here")
    before = value("VmRSS")
    yield lambda: value("VmHWM") - before
