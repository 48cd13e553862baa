"""Resampling at a bounded cost for any pair of rates; every encoder that needs a fixed rate calls this."""

from __future__ import annotations

import math

import numpy as np
import soxr
import torch
import torchaudio

MAX_KERNEL = 300_000  # phases x steps of the filter bank; 44.1 kHz to 16 kHz needs 160 x 441, 11.025 kHz to 16 kHz 640 x 441


def resample(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Convert sound to another sample rate.

    The encoders were trained with torchaudio's windowed sinc. Its filter bank holds rate x wanted / gcd^2 weights, which is small for all
    rates in use; for the others (47,999 Hz to 16 kHz would take 6 GB) soxr does the work, whose cost does not depend on the pair.

    Args:
        samples: (N,) or (..., N) float32.
        rate: of the samples in Hz, a whole number above 0.
        wanted: the rate to return in Hz, a whole number above 0.

    Returns:
        (M,) or (..., M) float32 with M = ceil(N * wanted / rate).
    """
    samples = np.ascontiguousarray(samples, np.float32)
    if rate == wanted or not samples.size:
        return samples
    common = math.gcd(rate, wanted)
    if (rate // common) * (wanted // common) <= MAX_KERNEL:
        resampled: torch.Tensor = torchaudio.functional.resample(torch.from_numpy(samples), rate, wanted)
        return resampled.numpy()
    length = -(-samples.shape[-1] * wanted // rate)
    rows = samples.reshape(-1, samples.shape[-1])
    changed = np.zeros((len(rows), length), np.float32)
    for row, target in zip(rows, changed, strict=True):
        sound = soxr.resample(row, rate, wanted, quality="HQ")[:length]
        target[: len(sound)] = sound
    return changed.reshape(*samples.shape[:-1], length)
