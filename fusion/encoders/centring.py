"""The offset between tokens and the stimuli they respond to, measured with spots, bursts and flashes at known places.

    shift = mean over stimuli of ( sum_t |d token_t|^2 middle_t / sum_t |d token_t|^2  -  place of the stimulus )

The architecture does not determine it. Output i of a convolution of kernel 3, stride 2 and padding 1 is centred on input 2i, not on
2i + 1/2, so a stack of them should be late by almost half a cell; but trained filters are asymmetric and compensate for part of it, or
for all. So each encoder is measured with its weights: shipped ones once, the result saved beside their weights (`EncoderConfig.shift`),
pretrained backbones on loading. The layout is moved back by the shift; what the network computes stays the same.

Reference: Luo 2016, Understanding the Effective Receptive Field in Deep Convolutional Neural Networks (it is not the theoretical one).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Encoder, Prepared, collate
from fusion.types import Audio, Clip, Medium

M = TypeVar("M", bound=Medium)
Prepare = Callable[[M], Prepared]
Tokens = Callable[[Tensor, Tensor], Tensor]  # padded values and mask to tokens (B, T, F)
SIDE = 240  # pixels of the pictures
SPOT = 10  # pixels of the spot on them
RATE = 16000  # Hz, of the sounds
SECONDS = 2.0  # of the sounds
BURST = 320  # samples
PITCHES = (700.0, 2500.0)  # Hz: tokens are compared between two bursts, so that loudness does not count
FRAMES = 48  # of the clips
RATE_OF_FRAMES = 24  # per second
FLASH = 4  # frames
AT_ONCE = 16  # media in a batch: pictures of large networks would fill the memory


def measure_shift(encoder: Encoder, count: int = 64) -> tuple[float, ...]:
    """The shift of an encoder in eval mode, from `count` stimuli as below; empty where its layout has none."""
    if not encoder.shifts:
        return ()
    device = encoder.device
    before = encoder.shift
    encoder.shift = ()
    try:
        found = MEASURES[encoder.modality](encoder.prepare, lambda values, mask: encoder(values.to(device), mask.to(device)).tokens, count)
    finally:
        encoder.shift = before
    return tuple(round(value, 3) for value in found)


def picture_shift(prepare: Prepare[np.ndarray], tokens: Tokens, count: int = 16) -> tuple[float, ...]:
    """Shift to the right and down, in cells: `count` dark spots on a light picture, and as many light ones on a dark one."""
    found = []
    starts = spots(count)
    for light in (False, True):
        base = corners(light)
        places, change = _changes(prepare, tokens, [base, *(spotted(base, x, y, light) for x, y in starts)])
        middle = (places[:, :2] + places[:, 2:]) / 2
        size = places[0, 2:] - places[0, :2]
        found.append((change @ middle - (starts + SPOT / 2) / SIDE) / size)
    return _mean(np.concatenate(found))


def sound_shift(prepare: Prepare[Audio], tokens: Tokens, count: int = 40) -> tuple[float, ...]:
    """Seconds by which the strongest token is late: short bursts of one pitch or another in faint noise."""
    noise = np.random.default_rng(0).normal(0, 0.01, int(RATE * SECONDS)).astype(np.float32)
    starts = (RATE * SECONDS * (0.25 + 0.5 * (np.arange(count) + 0.5) / count)).astype(int)
    prepared = [prepare(Audio(RATE, burst(noise, start, pitch))) for pitch in PITCHES for start in starts]
    places = np.asarray(prepared[0].layout.places, np.float64)
    low, high = _tokens_of(prepared, tokens).reshape(len(PITCHES), count, len(places), -1)
    change = np.abs(high - low).sum(2)  # (N, T)
    strongest = np.where(change.any(1), places.mean(1)[change.argmax(1)], np.nan)
    return _mean((strongest - (starts + BURST / 2) / RATE)[:, None])


def clip_shift(prepare: Prepare[Clip], tokens: Tokens, count: int = 12) -> tuple[float, ...]:
    """Later in time, in steps from one token to the next; to the right and down, in cells: spots that flash for a twelfth of the clip.

    In time the strongest response counts: a network that reads changes responds to the end of a flash, too, but less. A flash that falls
    between the frames that are read does not count.
    """
    base = corners(False)
    times = np.arange(FRAMES) / RATE_OF_FRAMES
    starts = spots(count)
    still = Clip(np.repeat(base[None], FRAMES, 0), times)
    moments = np.unique(prepare(still).layout.places[:, 0])
    step = float(np.diff(moments).mean())
    firsts = flashes(count, step * RATE_OF_FRAMES)
    clips = [still]
    for (x, y), first in zip(starts, firsts, strict=True):
        frames = still.frames.copy()
        frames[first : first + FLASH] = spotted(base, x, y, False)
        clips.append(Clip(frames, times))
    places, change = _changes(prepare, tokens, clips)
    strongest = moments[np.stack([change[:, places[:, 0] == moment].sum(1) for moment in moments], 1).argmax(1)]
    late = (strongest - (firsts + (FLASH - 1) / 2) / RATE_OF_FRAMES) / step
    middle = (places[:, 1:3] + places[:, 3:]) / 2
    size = places[0, 3:] - places[0, 1:3]
    aside = (change @ middle - (starts + SPOT / 2) / SIDE) / size
    return _mean(np.column_stack([late, aside]))


def flashes(count: int, step: float) -> np.ndarray:
    """First frames (count,) of flashes, evenly over about the middle half of a clip: a whole number of tokens, `step` frames apart.

    So all positions within a token are equally frequent.
    """
    span = max(1, round(FRAMES / 2 / step)) * step
    return np.round((FRAMES - FLASH - span) / 2 + span * (np.arange(count) + 0.5) / count).astype(int)


def spots(count: int) -> np.ndarray:
    """Left and upper ends (count, 2) of spots in the middle half of the picture: evenly along it and along its height, in another order.

    So all positions within a cell are covered for any grid, and no side is preferred.
    """
    ends = np.round(SIDE / 4 + (SIDE / 2 - SPOT) * (np.arange(count) + 0.5) / count).astype(int)
    return np.stack([ends, np.random.default_rng(0).permutation(ends)], 1)


MEASURES: dict[str, Callable[..., tuple[float, ...]]] = {"image": picture_shift, "audio": sound_shift, "video": clip_shift}


def corners(light: bool) -> np.ndarray:
    """A plain picture with a mark in each corner, which fixes the bounding box that some encoders compute."""
    picture = np.full((SIDE, SIDE, 3), 0 if light else 255, np.uint8)
    for y in (0, SIDE - SPOT):
        for x in (0, SIDE - SPOT):
            picture = spotted(picture, x, y, light)
    return picture


def spotted(picture: np.ndarray, x: int, y: int, light: bool) -> np.ndarray:
    found = picture.copy()
    found[y : y + SPOT, x : x + SPOT] = 255 if light else 0
    return found


def burst(noise: np.ndarray, start: int, pitch: float) -> np.ndarray:
    found = noise.copy()
    found[start : start + BURST] += 0.5 * np.sin(2 * np.pi * pitch * np.arange(BURST) / RATE).astype(np.float32)
    return found


def _changes(prepare: Prepare[M], tokens: Tokens, media: Sequence[M]) -> tuple[np.ndarray, np.ndarray]:
    """Places (T, k) of the first medium's tokens, and each other medium's shares (N, T) of the squared change from the first.

    Shares are not a number where nothing changed: such a medium does not count.
    """
    prepared = [prepare(medium) for medium in media]
    found = _tokens_of(prepared, tokens)
    change = np.square(found[1:] - found[0]).sum(2)
    total = change.sum(1, keepdims=True)
    return np.asarray(prepared[0].layout.places, np.float64), np.divide(change, total, out=np.full_like(change, np.nan), where=total > 0)


def _tokens_of(prepared: list[Prepared], tokens: Tokens) -> np.ndarray:
    """Tokens (N, T, F) of media that have as many of them as the first; networks see a few at a time."""
    with torch.inference_mode():
        found = torch.cat([tokens(*collate(prepared[i : i + AT_ONCE])) for i in range(0, len(prepared), AT_ONCE)])
    return found[:, : len(prepared[0].layout.places)].double().cpu().numpy()


def _mean(found: np.ndarray) -> tuple[float, ...]:
    """The mean (k,) of the rows (N, k) that are numbers; zero where none is."""
    kept = found[np.isfinite(found).all(1)]
    return tuple(map(float, kept.mean(0))) if len(kept) else (0.0,) * found.shape[1]
