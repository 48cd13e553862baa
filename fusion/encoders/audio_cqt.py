"""The constant-Q transform: a spectrogram whose rows are semitones, each window as many periods long as every other.

    f_k = f_0 2^(k / 12)        window length of row k = Q / f_k seconds,  Q = 1 / (2^(1/12) - 1), about 17 periods

Low notes are told apart finely and slowly, high ones coarsely and fast. A melody an octave up is the same picture 12 rows higher: what
Fourier's even steps in Hz cannot show.

Reference: Brown 1991, Calculation of a Constant Q Spectral Transform; Schörkhuber & Klapuri 2010 (the way librosa computes it).
"""

from __future__ import annotations

import functools

import numpy as np

from fusion.encoders.audio_cnn import FLOOR_DB, HOP, RATE
from fusion.encoders.base import Prepared
from fusion.encoders.spectra import MOMENTS, SpectralEncoder
from fusion.types import Audio, Panel

LOWEST = 36  # MIDI number of C2, 65 Hz
NOTES = 70  # up to A#7, 3.7 kHz
LONGEST = 4096  # samples, the window of the lowest note and more: shorter sounds are padded


def semitones(samples: np.ndarray) -> np.ndarray:
    """Sound at 8 kHz to (70, 1 + N // 128) decibels below the strongest note, at least -70; row i is i semitones above C2."""
    import librosa

    count = 1 + len(samples) // HOP
    padded = np.pad(samples, (0, max(0, LONGEST - len(samples))))
    lowest = librosa.midi_to_hz(LOWEST)
    transform = librosa.cqt(padded, sr=RATE, hop_length=HOP, fmin=lowest, n_bins=NOTES, bins_per_octave=12)
    magnitude: np.ndarray = np.abs(transform)[:, :count]
    decibels: np.ndarray = 20 * np.log10(np.maximum(magnitude, 1e-6) / max(float(magnitude.max()), 1e-4))
    return decibels.clip(FLOOR_DB)


@functools.cache
def note_names() -> tuple[str, ...]:
    """C2, C#2, ... of the rows."""
    import librosa

    return tuple(librosa.midi_to_note(range(LOWEST, LOWEST + NOTES), unicode=False))


class AudioCQT(SpectralEncoder):
    """Audio to its constant-Q transform: 70 semitones from C2 to A#7, in decibels, every 64 ms.

    Sound of any rate and length to raw tokens (T, 70), decibels above the floor in [0, 70], and a raw vector (840): mean and deviation of
    each semitone at six moments of the word.
    """

    title = "Constant-Q transform"
    paper = "Brown 1991"

    def __init__(self, embed_dim: int = 96) -> None:
        super().__init__(embed_dim, NOTES)

    def frames(self, samples: np.ndarray) -> np.ndarray:
        return semitones(samples).T

    def panels(self, medium: Audio, prepared: Prepared) -> list[Panel]:
        rows = prepared.values[:, MOMENTS:].numpy().T - FLOOR_DB  # from the floor up, so that it is never negative
        return [Panel("series", "cqt.decibels", rows, prepared.extent, note_names())]
