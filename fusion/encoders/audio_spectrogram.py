"""The spectrogram: how strong each frequency is at each moment, in decibels.

    X(f, t) = sum_n w(n) x(n + t) exp(-2 pi i f n)        S(f, t) = 10 log10 |X(f, t)|^2

Windows of 32 ms every 16 ms, neighbouring frequencies summed to bands of 125 Hz: even steps in Hz, so the picture a phonetician reads,
unlike the mel scale's steps (which grow) and those of the constant-Q transform (which are semitones).

Reference: Koenig, Dunn & Lacy 1946, The Sound Spectrograph; Allen 1977 (short-time Fourier transform).
"""

from __future__ import annotations

import functools

import numpy as np
import torch
import torchaudio

from fusion.encoders.audio_cnn import FLOOR_DB, HOP, RATE, WINDOW
from fusion.encoders.base import Prepared
from fusion.encoders.spectra import MOMENTS, SpectralEncoder
from fusion.types import Audio, Panel

BANDS = 32
WIDTH = RATE / 2 / BANDS  # Hz


@functools.cache
def fourier() -> torchaudio.transforms.Spectrogram:
    """Power of the short-time Fourier transform, built once; torchaudio, because it needs no compilation at the start."""
    return torchaudio.transforms.Spectrogram(WINDOW, hop_length=HOP, power=2.0)


def spectrogram(samples: np.ndarray) -> np.ndarray:
    """Sound at 8 kHz to (32, N) decibels below the strongest band, at least -70; row i is i * 125 to (i + 1) * 125 Hz."""
    power: torch.Tensor = fourier()(torch.from_numpy(samples))[1:]  # (128, N) without 0 Hz, which is inaudible
    bands: np.ndarray = power.reshape(BANDS, -1, power.shape[1]).sum(1).numpy()
    decibels: np.ndarray = 10 * np.log10(np.maximum(bands, 1e-10) / max(float(bands.max()), 1e-6))
    return decibels.clip(FLOOR_DB)


class AudioSpectrogram(SpectralEncoder):
    """Audio to its short-time Fourier spectrogram in 32 bands of 125 Hz, in decibels, every 64 ms.

    Sound of any rate and length to raw tokens (T, 32), decibels below the strongest band in [-70, 0], and a raw vector (384): mean and
    deviation of each band at six moments of the word.
    """

    title = "Spectrogram"
    paper = "Koenig, Dunn & Lacy 1946"

    def __init__(self, embed_dim: int = 96) -> None:
        super().__init__(embed_dim, BANDS)

    def frames(self, samples: np.ndarray) -> np.ndarray:
        return spectrogram(samples).T

    def panels(self, medium: Audio, prepared: Prepared) -> list[Panel]:
        rows = prepared.values[:, MOMENTS:].numpy().T - FLOOR_DB  # from the floor up, so that it is never negative
        names = tuple(f"{(i + 0.5) * WIDTH / 1000:.2f} kHz" for i in range(BANDS))
        return [Panel("series", "spectrogram.decibels", rows, prepared.extent, names)]
