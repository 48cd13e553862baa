"""Optical flow against a texture that was shifted by a known amount."""

import cv2
import numpy as np
import pytest
import torch

from fusion.encoders.base import collate
from fusion.encoders.video_flow import DIRECTIONS, SIZE, VideoFlow, count_directions, flow_between, stretch
from fusion.types import Clip


def texture(size: int = 200) -> np.ndarray:
    field = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(size, size)).astype(np.float32), (0, 0), 3)
    return cv2.normalize(field, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def window(dx: float, dy: float, count: int, width: int = 96, height: int = 96) -> np.ndarray:
    """What a window shows while the texture behind it moves by dx, dy pixels per frame: (count, height, width, 3)."""
    views = [
        cv2.warpAffine(texture(), np.float32([[1, 0, t * dx - 60], [0, 1, t * dy - 60]]), (width, height), flags=cv2.INTER_CUBIC)
        for t in range(count)
    ]
    return np.repeat(np.stack(views)[..., None], 3, -1)


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (0, -2), (1.5, 1)])
def test_flow_of_a_shift_is_the_shift(dx: float, dy: float) -> None:
    flow = flow_between(window(dx, dy, 3, SIZE, SIZE)[..., 0])
    np.testing.assert_allclose(np.median(flow[:, 8:-8, 8:-8], (1, 2)), [[dx, dy]] * 2, atol=0.15)


def test_arrows_are_shares_of_the_longer_side_per_second() -> None:
    """4 of 96 pixels to the right every tenth of a second: 0.417 of the side per second; a wide frame is measured by its width."""
    encoder = VideoFlow()
    for height in (96, 60):
        clip = Clip(window(4, 0, 6, 96, height), np.arange(6, dtype=np.float32) / 10)
        arrows = encoder.panels(clip, encoder.prepare(clip))[0]
        assert arrows.values.shape == (5, 12, 12, 2) and arrows.times == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
        np.testing.assert_allclose(np.median(arrows.values[:, 4:8, 2:10], (0, 1, 2)), [4 / 96 * 10, 0], atol=0.03)


def test_main_direction_is_that_of_the_shift() -> None:
    for (dx, dy), name in {(4, 0): "→", (-4, 0): "←", (0, 4): "↓", (-3, -3): "↖"}.items():
        clip = Clip(window(dx, dy, 6), np.arange(6, dtype=np.float32) / 10)
        encoder = VideoFlow()
        bars = encoder.panels(clip, encoder.prepare(clip))[1]
        assert bars.names[bars.values.argmax()] == name and bars.values.sum() == pytest.approx(1, abs=1e-4)


def test_directions_by_hand() -> None:
    """Three pixels to the lower right are 3/4 one direction and 1/4 still; half way between two directions counts half for each."""
    flow, weight = np.zeros((1, 1, 3, 2), np.float32), np.ones((1, 1, 3), np.float32)
    flow[0, 0, 0] = 3 * np.cos(np.pi / 4)
    flow[0, 0, 1] = np.cos(np.pi / 8), np.sin(np.pi / 8)
    counts = count_directions(flow, weight)[0, :, 0]  # (9, 3)
    assert counts[DIRECTIONS.index("↘"), 0] == pytest.approx(0.75, abs=1e-5) and counts[8, 0] == pytest.approx(0.25, abs=1e-5)
    np.testing.assert_allclose(counts[[0, 1, 8], 1], [0.25, 0.25, 0.5], atol=1e-5)
    assert counts[8, 2] == 1
    np.testing.assert_allclose(counts.sum(0), 1, atol=1e-6)


def test_light_and_dark_ink_are_the_same() -> None:
    frames = np.full((3, SIZE, SIZE), 30.0)
    frames[1:, 10:20, 10:14], frames[2:, 10:20, 14:20] = 220, 220
    np.testing.assert_array_equal(stretch(frames), stretch(255 - frames))


def growing(start: int, frames: int, pause: int = 0) -> Clip:
    """A bright bar that grows downwards over `frames` frames, then rests for `pause`."""
    views = np.full((frames + pause, 64, 64, 3), 30, np.uint8)
    for t in range(frames + pause):
        views[t, 8 : 8 + (min(t, frames - 1) + 1) * 48 // frames, start : start + 6] = 220
    return Clip(views, np.arange(len(views), dtype=np.float32) / 15)


def test_a_growing_bar_moves_down_and_does_so_in_changing_pixels_only() -> None:
    encoder = VideoFlow()
    clip = growing(30, 16)
    flow, weight, _, _ = encoder.read(clip)
    assert not weight[:, :, : 28 * SIZE // 64].any() and not weight[:, :, 38 * SIZE // 64 :].any()
    bars = encoder.panels(clip, encoder.prepare(clip))[1]
    assert bars.names[bars.values[:8].argmax()] == "↓"


def test_place_and_rest_do_not_change_the_vector() -> None:
    """The box moves with the ink; a still end holds no change, so the parts of the clip stay where they were."""
    encoder = VideoFlow()
    vectors = [encoder.describe(*collate([encoder.prepare(c)]))[2] for c in (growing(12, 16), growing(44, 16))]
    assert torch.nn.functional.cosine_similarity(*vectors) > 0.95
    prepared = encoder.prepare(growing(30, 16, 16))
    share = encoder.describe(*collate([prepared]))[3][0]
    still = torch.from_numpy(prepared.layout.places[:, 0]) > 17 / 15
    assert still.any() and share[still].sum() == 0


def test_one_frame_is_one_token_without_motion() -> None:
    encoder = VideoFlow()
    clip = Clip(window(0, 0, 1), np.float32([0.0]))
    prepared = encoder.prepare(clip)
    tokens, _, vector, share = encoder.describe(*collate([prepared]))
    assert tokens.shape == (1, 1, 81) and not tokens.any() and not vector.any() and share.tolist() == [[1.0]]
    assert not encoder.panels(clip, prepared)[0].values.any()
