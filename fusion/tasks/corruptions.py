"""Corruptions of severity 0-5, one per modality, applied to the medium itself: the same for training, tests and the page's sliders.

Severity 0 changes nothing; 3 is meant to cost a single modality a good part of its accuracy; 5 leaves little.
Hendrycks 2019 (Benchmarking Neural Network Robustness to Common Corruptions) is the model for the five steps.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from scipy import fft

from fusion.types import Audio, Clip, FusionError, Medium

LARGE, SMOOTH = 1024, 4.0  # pixels: a side above which a blur is made on a smaller copy, and how wide it is there at least
SEVERITIES = (0, 1, 2, 3, 4, 5)
SNR_DB = (None, 14.0, 8.0, 3.0, -2.0, -8.0)  # speech against noise
NEIGHBOURS = {a: b for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for a, b in zip(row, row[1:] + row[-2], strict=True)}


def corrupt_image(picture: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Noise, blur and occluding blocks together, in shares of the picture's size; (H, W, 3) uint8 in and out."""
    h, w = picture.shape[:2]
    side = max(h, w)
    x = _blur(picture, side * 0.0065 * severity).astype(np.float32)
    for _ in range(severity):
        bh, bw = (rng.uniform(0.12, 0.18 + 0.03 * severity, 2) * side).astype(int) + 1
        top, left = int(rng.uniform(-bh / 2, h - bh / 2)), int(rng.uniform(-bw / 2, w - bw / 2))
        x[max(top, 0) : top + bh, max(left, 0) : left + bw] = rng.uniform(0, 255)
    return _add_noise(x, 18.0 * severity, rng, side)


def corrupt_video(clip: Clip, severity: int, rng: np.random.Generator) -> Clip:
    """Noise, blur, blocks that stay in place, and dropped frames (the last good one is held, as players do)."""
    T, h, w = clip.frames.shape[:3]
    side = max(h, w)
    blocks = []
    for _ in range(severity):
        bh, bw = (rng.uniform(0.12, 0.18 + 0.03 * severity, 2) * side).astype(int) + 1
        top, left = int(rng.uniform(-bh / 2, h - bh / 2)), int(rng.uniform(-bw / 2, w - bw / 2))
        blocks.append((slice(max(top, 0), top + bh), slice(max(left, 0), left + bw), rng.uniform(0, 255)))
    dropped = rng.random(T) < 0.13 * severity
    end = T - int(rng.uniform(0, 0.09 * severity) * T)  # the clip may break off before its end
    kept = np.maximum.accumulate(np.where(dropped, 0, np.arange(T)))
    kept = np.minimum(kept, max(end - 1, 0))
    shown, kept = np.unique(kept, return_inverse=True)  # what is dropped need not be blurred
    frames = np.stack([_blur(f, side * 0.007 * severity) for f in clip.frames[shown]])
    for rows, columns, level in blocks:
        frames[:, rows, columns] = level
    frames = frames[kept]
    noisy = [_add_noise(f.astype(np.float32), 18.0 * severity, rng, side) for f in frames]
    return Clip(np.stack(noisy), clip.times, clip.audio)


def _blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (H, W, 3) uint8. A large picture is blurred on a smaller copy: the cost of a blur grows with its width."""
    h, w = picture.shape[:2]
    factor = int(sigma // SMOOTH)
    if max(h, w) <= LARGE or factor < 2:
        return cv2.GaussianBlur(picture, (0, 0), sigma)
    small = cv2.resize(picture, (-(-w // factor), -(-h // factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / factor), (w, h), interpolation=cv2.INTER_LINEAR)


def _add_noise(x: np.ndarray, sigma: float, rng: np.random.Generator, side: int) -> np.ndarray:
    """Noise whose grain is about 1/64 of the picture, so that scaling a big picture down does not average it away."""
    h, w = x.shape[:2]
    grain = max(1, side // 64)
    noise = rng.standard_normal((-(-h // grain), -(-w // grain)), dtype=np.float32) * sigma
    if grain > 1:
        noise = cv2.resize(noise, (w, h), interpolation=cv2.INTER_NEAREST)
    return np.clip(x + noise[..., None], 0, 255).astype(np.uint8)


def corrupt_audio(audio: Audio, severity: int, rng: np.random.Generator) -> Audio:
    """Coloured noise at a signal-to-noise ratio against the sound's loud parts, and gaps of silence."""
    samples = audio.samples.astype(np.float32)
    n = len(samples)
    gaps = rng.integers(0, severity + 1) if severity > 1 else 0
    loud = np.flatnonzero(np.abs(samples) > 0.1 * np.abs(samples).max(initial=0)) if n else np.zeros(0, int)
    samples = samples.copy()
    level = float(np.sqrt(np.mean(samples[loud] ** 2))) if len(loud) else 0.0
    for _ in range(gaps):
        length = int(rng.uniform(0.03, 0.04 + 0.02 * severity) * audio.rate)
        start = int(rng.choice(loud)) - length // 2 if len(loud) else 0
        samples[max(start, 0) : start + length] = 0
    spectrum = fft.rfft(rng.standard_normal(fft.next_fast_len(n, True), dtype=np.float32))
    tilt = rng.uniform(0, 1.0)  # 0 white, 1 pink
    spectrum /= np.maximum(np.arange(len(spectrum)), len(spectrum) * 0.01) ** (tilt / 2)
    noise = fft.irfft(spectrum, fft.next_fast_len(n, True))[:n]
    noise *= max(level, 1e-3) * 10 ** (-SNR_DB[severity] / 20) / max(float(noise.std()), 1e-9)
    samples = samples + noise
    return Audio(audio.rate, (samples / max(1.0, float(np.abs(samples).max(initial=0)))).astype(np.float32))


def corrupt_text(text: str, severity: int, rng: np.random.Generator) -> str:
    """Characters dropped, swapped with the next, replaced by a keyboard neighbour or masked with `_`."""
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c.isspace() or rng.random() >= 0.095 * severity:
            out.append(c)
        else:
            kind = rng.random()
            if kind < 0.3:
                pass
            elif kind < 0.5 and i + 1 < len(text):
                out += [text[i + 1], c]
                i += 1
            elif kind < 0.7 and c.lower() in NEIGHBOURS:
                out.append(NEIGHBOURS[c.lower()])
            else:
                out.append("_")
        i += 1
    return "".join(out) or "_"


CORRUPTIONS: dict[str, Callable[..., Medium]] = {
    "image": corrupt_image,
    "text": corrupt_text,
    "audio": corrupt_audio,
    "video": corrupt_video,
}


def corrupt(modality: str, medium: Medium, severity: int, rng: np.random.Generator) -> Medium:
    """The medium at a severity of 0 (unchanged) to 5; the same generator state gives the same result."""
    if severity not in SEVERITIES:
        raise FusionError("Severity is a whole number from 0 to 5, not {severity!r}.", severity=severity)
    return medium if severity == 0 else CORRUPTIONS[modality](medium, severity, rng)
