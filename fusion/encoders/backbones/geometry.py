"""Which part of a picture a processor shows to its network: measured, not guessed from settings.

Processors resize, crop and pad in many ways. Each is given four pictures of the same size: black, white, a ramp from left to right and
one from top to bottom. Where white differs from black the picture is visible, and there

    (shown ramp - shown black) / (shown white - shown black) = place in [0, 1] of the picture

for any change of brightness and colours; a straight line fitted to it maps the network's square back to the picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Process = Callable[[np.ndarray], Tensor]  # frames (N, H, W, 3) uint8 to what the network reads of each (N, C, h, w)
SMALLEST = 32  # pixels of the shorter side
LONGEST_SHAPE = 16  # the longer side in shorter sides
NEAR_BORDER = 0.1  # share at both ends of a ramp where interpolation bends it


def widen(frames: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Frames (N, H, W, 3) that any processor can take: very thin ones are padded with their border, tiny ones enlarged.

    Returns:
        The frames, and what they cover of the given ones as x0, y0, x1, y1 in [0, 1], beyond it where they were padded.
    """
    h, w = frames.shape[1:3]
    x, y = max(0, -(-h // LONGEST_SHAPE) - w), max(0, -(-w // LONGEST_SHAPE) - h)  # else a strip would be enlarged to gigabytes
    left, top = x // 2, y // 2
    if x or y:
        frames = np.pad(frames, ((0, 0), (top, y - top), (left, x - left), (0, 0)), "edge")
    factor = -(-SMALLEST // min(frames.shape[1:3]))
    if factor > 1:
        frames = frames.repeat(factor, 1).repeat(factor, 2)
    return frames, (-left / w, -top / h, 1 + (x - left) / w, 1 + (y - top) / h)


def measure(process: Process, height: int, width: int, exact: bool = True) -> tuple[float, float, float, float]:
    """The part of a picture of this size that a processor passes on: x0, y0, x1, y1 in [0, 1], beyond it where it pads.

    Args:
        exact: the processor also takes float32; with uint8 the result is accurate to 0.003 only.
    """
    across = ramp(width)[None, :, None].repeat(height, 0).repeat(3, 2)
    down = ramp(height)[:, None, None].repeat(width, 1).repeat(3, 2)
    frames = np.stack([np.zeros_like(across), np.full_like(across, 255), across, down])
    shown = process(frames if exact else frames.round().astype(np.uint8))[:, :3].double().mean(1)  # (4, h, w)
    black, white = shown[0], shown[1]
    visible = (white - black).abs() > 0.5 * (white - black).abs().max()
    span = torch.where(visible, white - black, torch.ones_like(white))
    x0, x1 = line(((shown[2] - black) / span).numpy(), visible.numpy())
    y0, y1 = line(((shown[3] - black) / span).numpy().T, visible.numpy().T)
    return x0, y0, x1, y1


def ramp(length: int) -> np.ndarray:
    """(length,) float32 in [0, 255]: the middle of each pixel."""
    return (255 * (np.arange(length) + 0.5) / length).astype(np.float32)


def line(values: np.ndarray, visible: np.ndarray) -> tuple[float, float]:
    """Ends of the straight line through ramp values (h, w) along w, where they are `visible` and not distorted by a border."""
    columns = visible.any(0)
    mean = np.where(visible, values, 0).sum(0)[columns] / visible.sum(0)[columns]
    place = (np.arange(values.shape[1])[columns] + 0.5) / values.shape[1]
    straight = (mean > NEAR_BORDER) & (mean < 1 - NEAR_BORDER)
    if straight.sum() < 2:
        straight[:] = True
    slope, start = np.polyfit(place[straight], mean[straight], 1) if len(place) > 1 else (1.0, 0.0)
    return float(start), float(start + slope)


def inner(outer: tuple[float, ...], part: tuple[float, ...]) -> tuple[float, float, float, float]:
    """`part` in coordinates of the box `outer`, converted to those of the frame in which `outer` is given."""
    w, h = outer[2] - outer[0], outer[3] - outer[1]
    return outer[0] + part[0] * w, outer[1] + part[1] * h, outer[0] + part[2] * w, outer[1] + part[3] * h


class Window:
    """Applies a processor and returns the extent that it passes on, measured once for every size."""

    def __init__(self, process: Process, exact: bool) -> None:
        self.process = process
        self.exact = exact
        self.known: dict[tuple[int, int], tuple[float, float, float, float]] = {}

    def __call__(self, frames: np.ndarray) -> tuple[Tensor, tuple[float, float, float, float]]:
        """Frames (N, H, W, 3) uint8 to what the network reads of each (N, C, h, w), and its extent in [0, 1] of a frame."""
        if frames.shape[-1] != 3 or frames.ndim != 4:
            raise ValueError(f"frames must be (N, H, W, 3), not {frames.shape}")
        wide, outer = widen(frames)
        _, height, width, _ = wide.shape
        size = (height, width)
        if size not in self.known:
            if len(self.known) > 256:
                self.known.clear()
            self.known[size] = measure(self.process, height, width, self.exact)
        return self.process(wide), inner(outer, self.known[size])
