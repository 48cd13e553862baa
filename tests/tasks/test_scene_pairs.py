"""Fire and rain drawn by code, and clips as phones and web sites make them."""

from pathlib import Path

import numpy as np
import pytest

from fusion.tasks.scenes import elements, footage, outside_sets, pairs, sound_pairs
from fusion.tasks.scenes.photos import shows_flame

GREY = np.full((96, 128, 3), 110, np.uint8)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (90, 120, 3), dtype=np.uint8)


@pytest.mark.parametrize("draw", [elements.burn, elements.rain_on, pairs.in_warm_light, pairs.with_lights])
def test_drawings_have_the_size_of_the_photo_and_are_the_same_for_the_same_seed(draw: object) -> None:
    for seed in range(6):
        first, again = (draw(GREY, np.random.default_rng(seed)) for _ in range(2))
        assert first.shape == GREY.shape and first.dtype == np.uint8
        assert (first == again).all() and (first != GREY).any()


def test_many_fires_are_as_bright_as_a_flame_and_rain_never_is() -> None:
    burning = [shows_flame(elements.burn(GREY, np.random.default_rng(seed))) for seed in range(30)]
    raining = [shows_flame(elements.rain_on(GREY, np.random.default_rng(seed))) for seed in range(30)]
    assert np.mean(burning) > 0.25 and np.mean(raining) < 0.1


def test_a_filmed_photo_has_a_time_for_each_frame_and_is_at_most_320_long() -> None:
    for seed in range(4):
        clip = footage.film(noise(seed), [noise(9)], np.random.default_rng(seed))
        assert len(clip.frames) == len(clip.times) >= 8 and max(clip.frames.shape[1:3]) <= footage.LONGEST
        assert (np.diff(clip.times) > 0).all()


def test_half_of_the_frames_show_what_the_clip_is_of() -> None:
    white, black = np.full((90, 90, 3), 255, np.uint8), np.zeros((90, 90, 3), np.uint8)
    for seed in range(20):
        clip = footage.leaving(white, black, np.random.default_rng(seed))
        seen = (clip.frames > 127).mean((1, 2, 3))
        assert (seen > 0.6).mean() >= 0.5 and seen.max() > 0.95
        cut = footage.with_cut([white] * 9, black, np.random.default_rng(seed))
        assert len(cut) == 9 and 5 <= sum(f.mean() > 127 for f in cut) < 9


def test_compression_keeps_the_number_of_frames_and_costs_detail() -> None:
    frames = [noise(k) for k in range(5)]
    back = footage.through_h264(frames, 90, 120, 40)
    assert len(back) == 5 and back[0].shape == (90, 120, 3)
    assert np.std(back[0]) < np.std(frames[0])


def test_a_blur_along_a_line_keeps_the_brightness() -> None:
    for angle in (0.0, 0.7, 1.6):
        assert footage.motion(9, angle).sum() == pytest.approx(1, abs=1e-5)


def test_made_rain_is_denser_than_made_fire() -> None:
    """How far the loudest moments stand out: a fire's crackles do, drops of rain do not."""
    peaks = {}
    for make in (sound_pairs.make_rain, sound_pairs.make_fire):
        made = [make(np.random.default_rng(seed)) for seed in range(8)]
        assert all(x.dtype == np.float32 and np.abs(x).max() == pytest.approx(0.8, abs=1e-3) for x in made)
        peaks[make] = np.median([0.8 / x.std() for x in made])
    assert peaks[sound_pairs.make_fire] > peaks[sound_pairs.make_rain]


def test_a_poor_recording_has_less_of_the_spectrum_and_stays_in_range() -> None:
    white = np.random.default_rng(0).standard_normal(3 * sound_pairs.RATE).astype(np.float32) * 0.2
    for seed in range(10):
        heard = sound_pairs.poor(white, np.random.default_rng(seed))
        assert 0.5 * sound_pairs.RATE < len(heard) <= 4 * sound_pairs.RATE and np.abs(heard).max() <= 1 and np.isfinite(heard).all()


def test_real_clips_are_labelled_by_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "outside" / "clips"
    folder.mkdir(parents=True)
    for name in ("dog_01.mp4", "none_01.mp4", "street_02.mp4"):
        (folder / name).write_bytes(b"")
    assert [outside_sets.label_of(p) for p in sorted(folder.iterdir())] == [0, -1, -1]
    found = set(outside_sets.outside_sets(tmp_path))
    assert found == {"video_real_clips", "image_frames_of_real_clips", "video_real_clips_of_other_things"}
    assert outside_sets.outside_sets(tmp_path / "elsewhere") == {}
