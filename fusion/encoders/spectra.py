"""Base class of the classical features of sound: a frame every 16 ms, a token every 64 ms, one vector of the word at six moments.

    token  = mean of its 4 frames
    vector = mean and standard deviation of the frames around each moment, one after the other
    loud_t = ((level_t - quiet) / (loudest - quiet))^3      time of frame t in the word = sum of loud up to t / sum of all

Moments are evenly spaced in this time, which advances with the loudness of the word and hardly in the pauses around it; the frames around
a moment are weighted by their loudness and distance (a triangle that ends at the next moment). So noise and silence hardly count, and
neither the start of the word nor its tempo matters: a simple substitute for dynamic time warping.

Reference: Sakoe & Chiba 1978 (time warping); Rabiner & Sambur 1975, Determining the Endpoints of Isolated Utterances (level above quiet).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.audio_cnn import HOP, RATE, STRIDE, WINDOW, loudest
from fusion.encoders.base import Prepared
from fusion.encoders.fixed import FixedEncoder
from fusion.encoders.unread import sound_note
from fusion.types import Audio, Layout

MOMENTS = 6
DEEPEST = 35.0  # dB below the loudest frame: nothing is quieter than that
SMOOTH = 5  # frames over which the level is averaged


def moments(samples: np.ndarray, count: int) -> np.ndarray:
    """Weight of each of `count` frames of a sound at 8 kHz in each moment of the word, (count, 6); a moment's weights sum to 1."""
    padded = np.pad(samples.astype(np.float64), WINDOW // 2)  # frames are centred on multiples of the hop
    power = np.array([np.square(padded[i * HOP : i * HOP + WINDOW]).mean() for i in range(count)])
    level = np.pad(10 * np.log10(power + 1e-10), SMOOTH // 2, mode="edge")
    level = np.convolve(level, np.full(SMOOTH, 1 / SMOOTH), "valid")
    top = level.max()
    quiet = max(np.quantile(level, 0.1), top - DEEPEST)
    loud = (np.maximum(level - quiet, 0) / max(top - quiet, 1e-3)) ** 3 + 1e-4
    time = (np.cumsum(loud) - loud / 2) / loud.sum()  # 0 to 1, of each frame's middle
    near = 1 - np.abs(time[:, None] - np.linspace(0, 1, MOMENTS)) * (MOMENTS - 1)
    weights: np.ndarray = np.maximum(near, 0) * loud[:, None] + 1e-9
    normalised: np.ndarray = weights / weights.sum(0)
    return normalised


class SpectralEncoder(FixedEncoder[Audio]):
    """Sound of any rate and length (the loudest 2.56 s of it) to one token per 64 ms. Subclasses define `frames`."""

    modality = "audio"

    def __init__(self, embed_dim: int, bands: int) -> None:
        super().__init__(embed_dim, bands, 2 * MOMENTS * bands)

    def frames(self, samples: np.ndarray) -> np.ndarray:
        """Sound (N,) at 8 kHz, its peak at 1, N at least 1280, to frames (1 + N // 128, bands), one every 16 ms."""
        raise NotImplementedError

    def prepare(self, medium: Audio) -> Prepared:
        samples, start = loudest(medium)
        notes = sound_note(start, start + len(samples) / RATE, medium.seconds)
        samples = np.pad(samples, (0, max(0, 10 * HOP - len(samples)))).astype(np.float32)
        samples = samples / max(float(np.abs(samples).max()), 1e-4)
        frames = self.frames(samples)
        count = len(frames) // STRIDE * STRIDE
        values = np.concatenate([moments(samples, count), frames[:count]], 1).astype(np.float32)
        step = STRIDE * HOP / RATE
        begin = start - HOP / RATE / 2 + np.arange(count // STRIDE) * step  # frames are centred on hops
        layout = Layout("seconds", np.column_stack([begin, begin + step]).astype(np.float32))
        return Prepared(torch.from_numpy(values), layout, (start, start + count * HOP / RATE), notes)

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        weights = values[..., :MOMENTS].double()
        frames = values[..., MOMENTS:].double()  # double, because a variance is a difference of squares
        mean = torch.einsum("bnm,bnf->bmf", weights, frames)
        spread = (torch.einsum("bnm,bnf->bmf", weights, frames.square()) - mean.square()).clamp_min(0).sqrt()
        B, N, bands = frames.shape
        tokens = frames.reshape(B, N // STRIDE, STRIDE, bands).mean(2)
        share = weights.mean(2).reshape(B, N // STRIDE, STRIDE).sum(2)
        vector = torch.cat([mean, spread], 2).flatten(1)
        return tokens.float(), mask[:, ::STRIDE], vector.float(), share.float()

    def picture(self, values: Tensor) -> np.ndarray:
        return values[:, MOMENTS:].numpy().T
