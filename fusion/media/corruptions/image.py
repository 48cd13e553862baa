"""Corruptions of a picture, (H, W, 3) uint8 in and out, severity 1 to 5; lengths are shares of the picture's longer side."""

from __future__ import annotations

import cv2
import numpy as np

LARGE = 1024  # pixels: pictures with a longer side are blurred on a smaller copy
SMOOTH = 4.0  # pixels: the least sigma of the blur on that copy
NOISE_STEP = 18.0  # grey levels of noise per severity
BLUR_STEP = 0.0065  # sigma of the blur per severity, as a share of the longer side
BRIGHTER = (25, 50, 80, 110, 140)  # grey levels
CONTRAST = (0.6, 0.45, 0.3, 0.2, 0.1)  # of the difference from the mean
JPEG_QUALITY = (30, 20, 12, 7, 3)
MOTION = (0.03, 0.05, 0.08, 0.12, 0.17)  # length of the movement, as a share of the longer side


def mix(picture: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Blur, occluding blocks and noise together."""
    x = blur(picture, severity, rng).astype(np.float32)
    cover(x, severity, rng)
    return add_noise(x, NOISE_STEP * severity, rng)


def gaussian_noise(picture: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Noise whose grain is about 1/64 of the picture."""
    return add_noise(picture.astype(np.float32), NOISE_STEP * severity, rng)


def blur(picture: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur."""
    return smooth(picture, max(picture.shape[:2]) * BLUR_STEP * severity)


def motion_blur(picture: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """The mean over a straight movement in a random direction."""
    length = max(3, round(MOTION[severity - 1] * max(picture.shape[:2])) | 1)
    angle = rng.uniform(0, np.pi)
    reach = length // 2
    kernel = np.zeros((length, length), np.float32)
    step = np.array([np.cos(angle), np.sin(angle)]) * reach
    start, end = (np.round(reach + sign * step).astype(int).tolist() for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(picture, -1, kernel / kernel.sum())


def occlusion(picture: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Blocks of random grey levels, as many as the severity."""
    covered = picture.copy()
    cover(covered, severity, rng)
    return covered


def brightness(picture: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Overexposed: a constant is added."""
    return np.clip(picture.astype(np.int16) + BRIGHTER[severity - 1], 0, 255).astype(np.uint8)


def contrast(picture: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Closer to the mean colour of the picture."""
    mean = picture.mean((0, 1), dtype=np.float64).astype(np.float32)
    reduced: np.ndarray = mean + (picture - mean) * CONTRAST[severity - 1]
    return reduced.clip(0, 255).astype(np.uint8)


def jpeg(picture: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Compressed with JPEG at a low quality."""
    _, packed = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY[severity - 1]])
    decoded = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    assert decoded is not None, "it was just encoded"
    return np.ascontiguousarray(decoded[..., ::-1])


def smooth(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of (H, W, 3) uint8. A large picture is blurred on a smaller copy: the cost of a blur grows with its width."""
    h, w = picture.shape[:2]
    factor = int(sigma // SMOOTH)
    if max(h, w) <= LARGE or factor < 2:
        return cv2.GaussianBlur(picture, (0, 0), sigma)
    small = cv2.resize(picture, (-(-w // factor), -(-h // factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / factor), (w, h), interpolation=cv2.INTER_LINEAR)


def block(h: int, w: int, severity: int, rng: np.random.Generator) -> tuple[slice, slice, float]:
    """Rows, columns and grey level of an occluding block in a picture of (h, w) pixels; it may reach over an edge."""
    side = max(h, w)
    bh, bw = (rng.uniform(0.12, 0.18 + 0.03 * severity, 2) * side).astype(int) + 1
    top = int(rng.uniform(-bh / 2, h - bh / 2))
    left = int(rng.uniform(-bw / 2, w - bw / 2))
    return slice(max(top, 0), top + bh), slice(max(left, 0), left + bw), rng.uniform(0, 255)


def cover(x: np.ndarray, severity: int, rng: np.random.Generator) -> None:
    """Draws `severity` blocks into x (H, W, 3)."""
    for _ in range(severity):
        rows, columns, level = block(x.shape[0], x.shape[1], severity, rng)
        x[rows, columns] = level


def add_noise(x: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Noise on x (H, W, 3) float32 whose grain is about 1/64 of the picture, so that scaling it down does not average it away."""
    h, w = x.shape[:2]
    grain = max(1, max(h, w) // 64)
    noise: np.ndarray = rng.standard_normal((-(-h // grain), -(-w // grain)), dtype=np.float32) * sigma
    if grain > 1:
        noise = cv2.resize(noise, (w, h), interpolation=cv2.INTER_NEAREST)
    noisy: np.ndarray = x + noise[..., None]
    return noisy.clip(0, 255).astype(np.uint8)
