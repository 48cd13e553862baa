"""Corruptions of a clip: frames (T, H, W, 3) uint8 in and out, severity 1 to 5. Times and sound are not changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fusion.media.corruptions import image
from fusion.types import Clip

BLUR_STEP = 0.007  # sigma of the blur per severity, as a share of the longer side
DROP_STEP = 0.13  # share of dropped frames per severity
BREAK_STEP = 0.09  # largest share of the clip that is missing at its end, per severity
FREEZE = (0.2, 0.35, 0.5, 0.65, 0.8)  # share of the clip that stands still


def mix(clip: Clip, severity: int, rng: np.random.Generator) -> Clip:
    """Noise, blur, blocks that stay in place, and dropped frames; the clip may break off before its end."""
    height, width = clip.frames.shape[1:3]
    blocks = [image.block(height, width, severity, rng) for _ in range(severity)]
    kept = _kept(len(clip.frames), severity, rng)
    shown, kept = np.unique(kept, return_inverse=True)  # what is dropped need not be blurred
    frames = _blurred(clip.frames[shown], severity)
    for rows, columns, level in blocks:
        frames[:, rows, columns] = level
    return _noisy(replace(clip, frames=frames[kept]), severity, rng)


def noise(clip: Clip, severity: int, rng: np.random.Generator) -> Clip:
    """Noise that is new in every frame."""
    return _noisy(clip, severity, rng)


def blur(clip: Clip, severity: int, rng: np.random.Generator) -> Clip:
    """Gaussian blur of every frame."""
    return replace(clip, frames=_blurred(clip.frames, severity))


def occlusion(clip: Clip, severity: int, rng: np.random.Generator) -> Clip:
    """Blocks that stay in place."""
    frames = clip.frames.copy()
    height, width = frames.shape[1:3]
    for _ in range(severity):
        rows, columns, level = image.block(height, width, severity, rng)
        frames[:, rows, columns] = level
    return replace(clip, frames=frames)


def frame_drop(clip: Clip, severity: int, rng: np.random.Generator) -> Clip:
    """Dropped frames, in whose place the last good one is shown, as players do; the clip may break off before its end."""
    return replace(clip, frames=clip.frames[_kept(len(clip.frames), severity, rng)])


def freeze(clip: Clip, severity: int, rng: np.random.Generator) -> Clip:
    """One frame is repeated for a long part of the clip."""
    count = len(clip.frames)
    length = max(1, round(FREEZE[severity - 1] * count))
    start = int(rng.integers(0, count - length + 1))
    shown = np.arange(count)
    shown[start : start + length] = start
    return replace(clip, frames=clip.frames[shown])


def _kept(count: int, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Which frame is shown in the place of each (T,)."""
    dropped = rng.random(count) < DROP_STEP * severity
    end = count - int(rng.uniform(0, BREAK_STEP * severity) * count)
    kept = np.maximum.accumulate(np.where(dropped, 0, np.arange(count)))
    return np.minimum(kept, max(end - 1, 0))


def _blurred(frames: np.ndarray, severity: int) -> np.ndarray:
    sigma = max(frames.shape[1:3]) * BLUR_STEP * severity
    return np.stack([image.smooth(frame, sigma) for frame in frames])


def _noisy(clip: Clip, severity: int, rng: np.random.Generator) -> Clip:
    noisy = [image.add_noise(frame.astype(np.float32), image.NOISE_STEP * severity, rng) for frame in clip.frames]
    return replace(clip, frames=np.stack(noisy))
