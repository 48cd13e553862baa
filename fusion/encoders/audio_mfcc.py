"""Mel-frequency cepstral coefficients: the shape of the log spectrum in few numbers, and how it changes.

    c_k(t) = sqrt(2 / M) sum_m log-mel_m(t) cos(pi k (m + 1/2) / M)        delta_k(t) = sum_n n c_k(t + n) / sum_n n^2,  n = -2 .. 2

Low k are the broad outline of the spectrum, thus the vocal tract; high k, left out, are the pitch. With slopes (delta) and slopes of
slopes they are what speech recognition listened to for thirty years.

Reference: Davis & Mermelstein 1980, Comparison of Parametric Representations; Furui 1986 (deltas).
"""

from __future__ import annotations

import functools

import numpy as np
import torch
import torchaudio
from torch import Tensor

from fusion.encoders.audio_cnn import MELS, log_mel
from fusion.encoders.base import Prepared
from fusion.encoders.spectra import MOMENTS, SpectralEncoder
from fusion.types import Audio, Panel

COEFFICIENTS = 16


@functools.cache
def cosines() -> Tensor:
    """Orthonormal DCT-II, (48, 16)."""
    matrix: Tensor = torchaudio.functional.create_dct(COEFFICIENTS, MELS, "ortho")
    return matrix


def cepstra(samples: np.ndarray) -> np.ndarray:
    """Sound at 8 kHz to its MFCC (16, N), one column every 16 ms; of torchaudio, which compiles nothing, and equal to librosa's."""
    return (torch.from_numpy(log_mel(samples).astype(np.float32)) @ cosines()).T.numpy()


def slope(series: np.ndarray) -> np.ndarray:
    """Change per frame of each row of (F, N), by least squares over five frames."""
    deltas: Tensor = torchaudio.functional.compute_deltas(torch.from_numpy(series))
    return deltas.numpy()


class AudioMFCC(SpectralEncoder):
    """Audio to mel-frequency cepstral coefficients with their slopes (MFCC, deltas): the outline of its spectrum, every 64 ms.

    Sound of any rate and length to raw tokens (T, 48), 16 coefficients of decibels, their slopes and slopes of slopes per 16 ms, and a raw
    vector (576): mean and deviation of each at six moments of the word.
    """

    title = "MFCC"
    paper = "Davis & Mermelstein 1980"

    def __init__(self, embed_dim: int = 96) -> None:
        super().__init__(embed_dim, 3 * COEFFICIENTS)

    def frames(self, samples: np.ndarray) -> np.ndarray:
        series = cepstra(samples)
        return np.concatenate([series, slope(series), slope(slope(series))]).T

    def panels(self, medium: Audio, prepared: Prepared) -> list[Panel]:
        rows = prepared.values[:, MOMENTS:].numpy().T
        static = rows[1:COEFFICIENTS]  # without c0, the loudness, which is much larger than the rest
        delta = rows[COEFFICIENTS + 1 : 2 * COEFFICIENTS]
        names = tuple(f"c{k}" for k in range(1, COEFFICIENTS))
        return [
            Panel("series", "mfcc.coefficients", static, prepared.extent, names, signed=True),
            Panel("series", "mfcc.deltas", delta, prepared.extent, tuple(f"Δ{n}" for n in names), signed=True),
        ]
