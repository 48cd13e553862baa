"""Files as a browser sends them: the door reads back what went in, in the sizes they say."""

import numpy as np

from fusion import media
from fusion.benchmark.recorded import CAMERA, PICTURE, recorded
from fusion.types import Audio, Clip


def test_a_text_stays_a_text() -> None:
    assert recorded("seven") == "seven"


def test_a_picture_is_scaled_and_nothing_else() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = (200, 100, 50)
    found = media.load("image", recorded(picture)).medium
    assert found.shape == (*PICTURE, 3)
    assert (found[:, :460] == 0).all() and (found[:, 564:] == (200, 100, 50)).all()


def test_a_sound_keeps_its_samples() -> None:
    sound = Audio(8000, np.sin(np.arange(4000) / 5).astype(np.float32))
    found = media.load("audio", recorded(sound)).medium
    assert found.rate == 8000
    np.testing.assert_allclose(found.samples, sound.samples, atol=1 / 16000)


def test_a_clip_keeps_its_time() -> None:
    """Dark for a second, then bright for a second, at uneven times: so it is seen again at the camera's own rate."""
    times = np.array([0.0, 0.3, 1.0, 1.9, 2.0])
    frames = np.repeat(np.array([20, 20, 220, 220, 220], np.uint8), 48 * 64 * 3).reshape(5, 48, 64, 3)
    found = media.load("video", recorded(Clip(frames, times))).medium
    assert abs(found.times[-1] - 2.0) < 0.05 and len(found.times) == 51
    bright = found.frames.mean((1, 2, 3)) > 120
    assert (bright == (found.times > 0.99)).all()
    assert found.frames.shape[2] / found.frames.shape[1] == CAMERA[0] / CAMERA[1]
