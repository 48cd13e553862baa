"""Downmixing to mono: the mean of the channels, leaving out broken ones and avoiding cancellation."""

from __future__ import annotations

import numpy as np

from fusion.messages import Message, message

MAX_CHANNELS = 16  # those behind are not read
BROKEN_SHARE = 0.01  # of values that are not finite
CLIPPED_SHARE = 0.05  # of samples at full scale, in clipped noise; a sine has 0.03
INTACT_SHARE = 0.005  # of samples at full scale, in a channel that is not clipped
TOO_LOUD = 4.0  # times full scale
STEADY = 0.1  # root mean square around the mean, as a share of the mean: a channel below that holds a constant voltage and no sound
CANCELLED = 0.5  # the mean of independent channels has 1 / C of their power; below half of that, they work against each other
OPPOSED = -0.3  # correlation with the strongest channel
FAINT = 0.01  # power as a share of the strongest channel's


def mix(samples: np.ndarray, missing: np.ndarray, name: str) -> tuple[np.ndarray, list[Message], bool]:
    """Downmix to one channel.

    Args:
        samples: (N, C) float32, finite, N > 0.
        missing: (C,) share of the samples that were not finite, in [0, 1].
        name: what the notes call the sound.

    Returns:
        (N,) float32, the notes, and whether broken channels were left out.
    """
    channels = samples.shape[1]
    if channels == 1:
        return samples[:, 0], [], False
    mean, covariance = _moments(samples)
    power = np.diag(covariance)
    notes: list[Message] = []
    broken = _broken(samples, missing, mean, power)
    usable = np.flatnonzero(~broken) if power[~broken].any() else np.arange(channels)
    left_out = len(usable) < channels
    if left_out:
        notes.append(
            message(
                "{name} has no usable sound in some channels, which were left out: {channels}.",
                name=name,
                channels=_list(np.flatnonzero(broken)),
            )
        )
    if _cancel(covariance[np.ix_(usable, usable)]):
        usable = _agreeing(covariance, usable)
        notes.append(
            message("{name} has channels that cancel each other, so only some were used: {channels}.", name=name, channels=_list(usable))
        )
    elif channels > 2 and not notes:
        notes.append(message("{name} has {count} channels, which were averaged.", name=name, count=channels))
    chosen = samples if len(usable) == channels else samples[:, usable]
    return chosen.mean(axis=1, dtype=np.float32), notes, left_out


def _moments(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (C,) and covariance (C, C), float64, computed in blocks that need little memory."""
    mean: np.ndarray = samples.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((samples.shape[1], samples.shape[1]))
    for start in range(0, len(samples), 1 << 16):
        piece = samples[start : start + (1 << 16)] - mean
        covariance += piece.T @ piece
    return mean, covariance / len(samples)


def _broken(samples: np.ndarray, missing: np.ndarray, mean: np.ndarray, power: np.ndarray) -> np.ndarray:
    """(C,) bool: channels that would corrupt the mean."""
    peak = np.array([np.abs(channel).max() for channel in samples.T])
    at_top = [(np.abs(channel) >= 0.999 * top).mean() for channel, top in zip(samples.T, peak, strict=True)]
    clipped = np.where(peak >= 0.98, at_top, 0.0)
    broken: np.ndarray = (missing > BROKEN_SHARE) | (np.sqrt(power) < STEADY * np.abs(mean)) & (np.abs(mean) > 0.01)
    if clipped[~broken].min(initial=1.0) <= INTACT_SHARE:
        broken |= clipped >= CLIPPED_SHARE
    if peak[~broken].min(initial=np.inf) <= 1.1:
        broken |= peak > TOO_LOUD
    return broken


def _cancel(covariance: np.ndarray) -> bool:
    """Whether the mean of these channels has much less power than that of uncorrelated channels."""
    count = len(covariance)
    return count > 1 and bool(covariance.sum() / count < CANCELLED * np.trace(covariance) / count)


def _agreeing(covariance: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """The strongest channel and those with sound that are not negatively correlated with it."""
    power = np.diag(covariance)
    first = usable[power[usable].argmax()]
    audible = usable[power[usable] >= FAINT * power[first]]
    correlation = covariance[first, audible] / np.sqrt(power[first] * power[audible])
    agreeing: np.ndarray = audible[correlation > OPPOSED]
    return agreeing


def _list(channels: np.ndarray) -> str:
    """Their numbers, counted from 1."""
    return ", ".join(str(channel + 1) for channel in channels)
