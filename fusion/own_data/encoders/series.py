"""Series of measurements (time x channels): how each channel moves in eight windows, and its spectrum.

    token of a window   mean, log deviation, log mean step of each channel, and its power in 4 bands
    vector              the first three of all windows, and the power of each channel in 8 bands over the whole series

Reference: Hudgins 1993 (time-domain features of muscle signals); Phinyomark 2012 (which of them are redundant).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Prepared
from fusion.own_data.encoders.base import OwnEncoder, Raw
from fusion.types import FusionError, Layout

WINDOWS = 8
BANDS = 8
WINDOW_BANDS = 4
LONGEST = 1 << 20  # steps; longer series are thinned out
SMALL = 1e-3  # added before logarithms, in deviations of the channel


def band_powers(x: np.ndarray, bands: int) -> np.ndarray:
    """(bands, C) log power of a series (T, C) between frequencies that grow evenly in their logarithm."""
    power = np.abs(np.fft.rfft(x - x.mean(0), axis=0)) ** 2 / len(x)
    edges = np.round(np.geomspace(1, max(len(power), 2), bands + 1)).astype(int)
    parts = [power[a : max(b, a + 1)] for a, b in zip(edges, edges[1:], strict=False)]
    return np.log(np.stack([p.mean(0) if len(p) else np.zeros(x.shape[1]) for p in parts]) + SMALL**2)


def window_statistics(x: np.ndarray) -> np.ndarray:
    """(3, C) of a window (T, C)."""
    step = np.abs(np.diff(x, axis=0)).mean(0) if len(x) > 1 else np.zeros(x.shape[1])
    return np.stack([x.mean(0), np.log(x.std(0) + SMALL), np.log(step + SMALL)])


class SeriesStatistics(OwnEncoder[np.ndarray]):
    """Statistics and spectra of windows of a series.

    Series (T, C) of any length to eight tokens, one per window.
    """

    title = "Statistics and spectra of windows"
    paper = "Hudgins et al. 1993"
    modality = "series"
    scale: Tensor

    def __init__(self, embed_dim: int, channels: int) -> None:
        super().__init__(embed_dim, (3 + WINDOW_BANDS) * channels, (3 * WINDOWS + BANDS) * channels)
        self.channels = channels
        self.register_buffer("scale", torch.ones(channels))

    def learn(self, media: Any) -> None:
        """The deviation of each channel, so that small numbers are not lost in the logarithm."""
        found = [np.asarray(x, np.float64).reshape(len(x), -1) for x in media if x is not None]
        found = [x for x in found if x.shape[1] == self.channels]
        deviation = np.sqrt(np.mean([np.nanvar(x, axis=0) for x in found], axis=0)) if found else np.ones(self.channels)
        self.scale.copy_(torch.from_numpy(np.where(deviation > 1e-12, deviation, 1.0)))

    def prepare(self, medium: np.ndarray) -> Prepared:
        x = np.asarray(medium, np.float32).reshape(len(medium), -1)
        if x.shape[1] != self.channels:
            raise FusionError("A series has {count} channels instead of {wanted}.", count=x.shape[1], wanted=self.channels)
        x = np.nan_to_num(x[:: 1 + len(x) // LONGEST], posinf=0.0, neginf=0.0) / self.scale.numpy()
        windows = [w if len(w) else x[-1:] for w in np.array_split(x, WINDOWS)]
        statistics = np.stack([window_statistics(w) for w in windows])  # (8, 3, C)
        spectra = np.stack([band_powers(w, WINDOW_BANDS) for w in windows])  # (8, 4, C)
        whole = np.broadcast_to(band_powers(x, BANDS).ravel() / WINDOWS, (WINDOWS, BANDS * self.channels))
        values = np.concatenate([statistics.reshape(WINDOWS, -1), spectra.reshape(WINDOWS, -1), whole], 1)
        edges = np.linspace(0, 1, WINDOWS + 1)
        return Prepared(
            torch.from_numpy(values.astype(np.float32)), Layout("seconds", np.column_stack([edges[:-1], edges[1:]])), (0.0, 1.0)
        )

    def read(self, values: Tensor, mask: Tensor) -> Raw:
        """Values (B, 8, F): statistics and spectrum of each window, and an eighth of the spectrum of the whole."""
        own = (3 + WINDOW_BANDS) * self.channels
        statistics = values[..., : 3 * self.channels].flatten(1)
        return Raw(values[..., :own], mask, torch.cat([statistics, values[..., own:].sum(1)], 1), [])

    def options(self) -> dict[str, Any]:
        return {"channels": self.channels}

    def raw_options(self) -> Any:
        return {"channels": self.channels, "scale": [f"{s:.6g}" for s in self.scale.tolist()]}
