"""Speech of eSpeak NG with the time at which each word begins, through its C library. For training material only."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from typing import Any

import numpy as np

from fusion.types import FusionError

SYNCHRONOUS, RETURNED, CHARACTERS, UTF8 = 2, 0, 1, 1  # of speak_lib.h
RATE_PARAMETER, PITCH_PARAMETER = 1, 3
LIST_END, WORD = 0, 1  # kinds of events


class _Event(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@cache
def _library() -> tuple[Any, int]:
    """The library and its sampling rate."""
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        raise FusionError("eSpeak NG is not installed; it makes the training voices.")
    library = ctypes.CDLL(name)
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, None, 0)
    if rate <= 0:
        raise FusionError("eSpeak NG cannot be started.")
    return library, rate


def speak_words(text: str, voice: str, speed: int, pitch: int) -> tuple[int, np.ndarray, list[int]]:
    """A sentence of plain words.

    Args:
        voice: such as "en-us+f3"; speed: words a minute, 80-450; pitch: 0-99.

    Returns:
        Sampling rate, samples (N,) float32 in [-1, 1], and the sample at which each word begins.

    Raises:
        FusionError: eSpeak NG or the voice is not installed.
    """
    library, rate = _library()
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise FusionError("eSpeak NG has no voice {voice}.", voice=voice)
    library.espeak_SetParameter(RATE_PARAMETER, speed, 0)
    library.espeak_SetParameter(PITCH_PARAMETER, pitch, 0)
    parts: list[np.ndarray] = []
    starts: list[int] = []

    def take(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].kind != LIST_END:
            if events[index].kind == WORD:
                starts.append(events[index].sample)
            index += 1
        return 0

    callback = _Callback(take)
    library.espeak_SetSynthCallback(callback)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, CHARACTERS, 0, UTF8, None, None)
    library.espeak_Synchronize()
    samples = np.concatenate(parts).astype(np.float32) / 32768.0 if parts else np.zeros(0, np.float32)
    return rate, samples, starts
