"""Corruption of large pictures and of clips: fast, and what it was when everything was blurred at full size."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from fusion.media.corruptions import image, video
from fusion.types import Clip


def picture(height: int, width: int) -> np.ndarray:
    small = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_a_large_picture_is_blurred_as_if_at_full_size(severity: int, monkeypatch: pytest.MonkeyPatch) -> None:
    large = picture(900, 1400)
    found = image.mix(large, severity, np.random.default_rng(1))
    monkeypatch.setattr(image, "smooth", lambda x, sigma: cv2.GaussianBlur(x, (0, 0), sigma))
    plain = image.mix(large, severity, np.random.default_rng(1))
    assert np.abs(found.astype(int) - plain).max() <= 12 and np.abs(found.astype(int) - plain).mean() < 1


def test_a_picture_of_usual_size_is_blurred_exactly() -> None:
    usual = picture(480, 640)
    assert np.array_equal(image.smooth(usual, 20.8), cv2.GaussianBlur(usual, (0, 0), 20.8))


def test_the_worst_corruption_of_twelve_megapixels_takes_less_than_two_seconds() -> None:
    start = time.thread_time()
    image.mix(picture(3000, 4000), 5, np.random.default_rng(1))
    assert time.thread_time() - start < 2


@pytest.mark.parametrize("severity", [1, 5])
def test_only_frames_that_are_shown_are_blurred(severity: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (20, 24, 32, 3), np.uint8)
    blurred: list[int] = []
    real = image.smooth
    monkeypatch.setattr(image, "smooth", lambda x, sigma: blurred.append(1) or real(x, sigma))
    found = video.mix(Clip(frames, np.arange(20) / 25), severity, np.random.default_rng(2))
    assert found.frames.shape == frames.shape and len(blurred) <= 20 and (severity < 5 or len(blurred) < 15)
