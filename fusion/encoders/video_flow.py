"""Optical flow between sampled frames, counted by direction where something changed: what moves where, and when.

    weight(x) = max(0, |change of grey| - 0.15)      strength(x) = |v| / (|v| + 1 pixel)
    h[cell, direction] = sum weight strength         h[cell, still] = sum weight (1 - strength)
    token = sqrt(h of one pair of frames)            vector = sqrt(h summed in five parts of the clip with as much change each)

Cells are 3x3 over the box in which the clip changes. Flow is sought from the later frame back to the earlier one and turned round: ink that
appears is only in the later one. Ink does not move, it grows, so flow at its tip is a fair guess of the pen's way and no more than that;
where the picture stays as it is, flow is not counted.

Reference: Kroeger 2016, Fast Optical Flow using Dense Inverse Search; Laptev 2008, Learning Realistic Human Actions from Movies (HOF).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Prepared
from fusion.encoders.fixed import FixedEncoder
from fusion.encoders.image_cnn import letterbox
from fusion.encoders.ink import covered, lift, shares
from fusion.encoders.video_tcn import sample_times
from fusion.types import Clip, Layout, Panel

SIZE = 48  # pixels along one side of a frame
FRAMES = 16
GRID = 3  # cells along one side
PARTS = 5  # of the clip
ARROWS = 12  # along one side, in the view
DIRECTIONS = ("→", "↘", "↓", "↙", "←", "↖", "↑", "↗")
BINS = GRID * GRID * (len(DIRECTIONS) + 1)
LEAST = 0.15  # change of grey, as a share of the clip's range, below which it may be noise


def stretch(frames: np.ndarray) -> np.ndarray:
    """Frames (T, S, S) to uint8 with bright strokes and the full range of grey; noise in a nearly flat clip is not amplified."""
    bright = lift(frames)
    low, high = np.percentile(bright, [1, 99.5])
    scaled: np.ndarray = (bright - low) / max(high - low, 24.0) * 255
    return scaled.clip(0, 255).astype(np.uint8)


def flow_between(frames: np.ndarray) -> np.ndarray:
    """Motion from each frame of (T, S, S) uint8 to the next: (T - 1, S, S, 2) pixels to the right and down; zero where nothing changed."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setVariationalRefinementIterations(0)
    flow = np.zeros((len(frames) - 1, *frames.shape[1:], 2), np.float32)
    for t, (before, after) in enumerate(zip(frames, frames[1:], strict=False)):
        if (before != after).any():
            flow[t] = -search.calc(after, before, None)  # type: ignore[call-overload]  # None: no initial flow
    return flow


def span(mass: np.ndarray) -> tuple[int, int]:
    """First index and last index + 1 of the middle 96 % of `mass` (S,); all indices where it is zero."""
    if not mass.sum():
        return 0, len(mass)
    share = mass.cumsum() / mass.sum()
    return int(np.searchsorted(share, 0.02)), int(np.searchsorted(share, 0.98)) + 1


def count_directions(flow: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Flow (T, S, S, 2) pixels and weight (T, S, S) to weights per direction and "still": (T, 9, S, S), which sum to the weight."""
    length = np.hypot(flow[..., 0], flow[..., 1])
    turn = np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi) * len(DIRECTIONS)
    apart = np.abs((turn[:, None] - np.arange(8)[:, None, None] + 4) % 8 - 4)  # (T, 8, S, S) in eighths of a turn
    moving = weight * length / (length + 1)
    return np.concatenate([moving[:, None] * np.maximum(0, 1 - apart), (weight - moving)[:, None]], 1)


class VideoFlow(FixedEncoder[Clip]):
    """Optical flow (DIS) between frames as histograms of directions: one token per pair of frames, five parts of the video as the vector.

    Clip of any length and size to raw tokens (T, 81), T at most 15, 8 directions and stillness in 3x3 cells, and a raw vector (405): square
    roots of shares in [0, 1].
    """

    modality = "video"
    title = "Optical flow, direction histograms"
    paper = "Kroeger et al. 2016; Laptev et al. 2008"

    def __init__(self, embed_dim: int = 96) -> None:
        super().__init__(embed_dim, BINS, PARTS * BINS)

    def read(self, medium: Clip) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, ...]]:
        """Flow (T, S, S, 2) in pixels, weight of each pixel (T, S, S), times (T + 1,) of the frames, what the square covers of a frame.

        T is at least 1: a single frame is followed by itself.
        """
        index = np.unique(sample_times(medium.times, FRAMES))
        index = index if len(index) > 1 else np.repeat(index, 2)
        boxed = [letterbox(medium.frames[i], SIZE) for i in index]
        frames = stretch(np.stack([square for square, _ in boxed]))
        extent = boxed[0][1]
        change = np.abs(np.diff(frames.astype(np.float32), axis=0)) / 255
        x0, y0, x1, y1 = covered(extent, SIZE)
        weight = np.zeros_like(change)
        weight[:, y0:y1, x0:x1] = np.maximum(change[:, y0:y1, x0:x1] - LEAST, 0)
        return flow_between(frames), weight, medium.times[index], extent

    def prepare(self, medium: Clip) -> Prepared:
        """Values (T, 82): 81 shares of the histogram of the clip, and the time: the share of all change before it, in [0, 1]."""
        flow, weight, times, extent = self.read(medium)
        y0, y1 = span(weight.sum((0, 2)))
        x0, x1 = span(weight.sum((0, 1)))
        rows = shares(y0, y1, GRID, SIZE)
        cols = shares(x0, x1, GRID, SIZE)
        counts = (rows @ count_directions(flow, weight) @ cols.T).reshape(len(flow), -1)  # (T, 81)
        amount = counts.sum(1)
        even = (np.arange(len(flow)) + 0.5) / len(flow)
        when = (amount.cumsum() - amount / 2) / amount.sum() if amount.any() else even
        values = np.column_stack([counts / max(amount.sum(), 1e-6), when]).astype(np.float32)
        between = (times[1:] + times[:-1]) / 2  # a token stands for the change from one frame to the next
        places = np.column_stack([between, np.tile([0, 0, 1, 1], (len(flow), 1))]).astype(np.float32)
        return Prepared(torch.from_numpy(values), Layout("frames", places), extent)

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        counts = values[..., :BINS]  # zero where padded
        when = values[..., BINS]
        centres = torch.arange(PARTS, device=values.device) + 0.5
        part = (1 - (when[..., None] * PARTS - centres).abs()).clamp_min(0)  # (B, T, 5), linear between centres
        summed = torch.einsum("btp,btf->bpf", part, counts).flatten(1)
        summed = summed / summed.sum(1, keepdim=True).clamp_min(1e-6)
        amount = counts.sum(-1)
        share = torch.where(amount.sum(1, keepdim=True) > 0, amount, mask.to(amount.dtype))
        return counts.sqrt(), mask, summed.sqrt(), share / share.sum(1, keepdim=True)

    def panels(self, medium: Clip, prepared: Prepared) -> list[Panel]:
        flow, _, times, extent = self.read(medium)
        cells = flow.reshape(len(flow), ARROWS, SIZE // ARROWS, ARROWS, SIZE // ARROWS, 2).mean((2, 4))
        seconds = np.maximum(np.diff(times), 1e-3)[:, None, None, None]
        totals = prepared.values[:, :BINS].reshape(len(flow), len(DIRECTIONS) + 1, -1).sum((0, 2)).numpy()
        return [
            Panel("arrows", "flow.arrows", (cells / SIZE / seconds).astype(np.float32), extent, times=tuple(map(float, times[1:]))),
            Panel("bars", "flow.directions", totals, names=(*DIRECTIONS, "·")),
        ]
