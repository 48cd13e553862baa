"""Occlusion of callables whose answer is known, and that nothing but the place changes."""

import numpy as np
import pytest

from fusion.encoders.image_cnn import grid_layout
from fusion.explain import occlude, occlusion, without_function
from fusion.types import Audio, Clip, FusionError, Layout, Medium

WHOLE = (0.0, 0.0, 1.0, 1.0)


def one(T: int, *tokens: int) -> np.ndarray:
    return np.isin(np.arange(T), tokens)


def test_a_patch_is_the_mean_it_adds() -> None:
    picture = np.full((32, 48, 3), 20, np.uint8)
    picture[8:16, 12:24] = 220  # cell (1, 1) of 4 x 4
    scores = occlusion(lambda media: np.array([m.mean() for m in media]), picture, grid_layout(WHOLE, 4, 4))
    np.testing.assert_allclose(scores, 200 / 16 * one(16, 5), atol=1e-9)


def test_only_the_cell_changes_and_takes_the_colour_of_the_border() -> None:
    picture = np.random.default_rng(0).integers(100, 256, (33, 47, 3), dtype=np.uint8)
    picture[[0, -1]], picture[:, [0, -1]] = (10, 20, 30), (10, 20, 30)
    covered = np.zeros((33, 47), int)
    for t in range(16):
        out = occlude(picture, grid_layout(WHOLE, 4, 4), one(16, t))
        changed = (out != picture).any(-1)
        assert (out[changed] == (10, 20, 30)).all() and changed.any()
        covered += changed
    assert covered.max() == 1 and (covered[1:-1, 1:-1] == 1).all(), "the cells part the picture"


def test_cells_of_padding_change_nothing_and_tiny_pictures_have_pixels() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (16, 32, 3), dtype=np.uint8)
    layout = grid_layout((0.0, -0.5, 1.0, 1.5), 4, 4)  # letterboxed: the first and the last row of cells lie outside
    kept = occlude(picture, layout, one(16, 0, 1, 2, 3, 12, 13, 14, 15))
    np.testing.assert_array_equal(kept, picture)
    tiny = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    assert all(
        (occlude(tiny + 100 * one(3, 1)[:, None].astype(np.uint8), grid_layout(WHOLE, 8, 8), one(64, t)) >= 0).all() for t in range(64)
    )
    assert (
        occlude(tiny, grid_layout(WHOLE, 8, 8), np.ones(64, bool)) == np.median(tiny[[0, 0, 0, 1, 1, 2, 2, 2], [0, 1, 2, 0, 2, 0, 1, 2]], 0)
    ).all()


def test_a_strip_at_the_border_goes_with_the_outermost_cells() -> None:
    """Cells are moved to where they answer, by up to half a cell."""
    picture = np.random.default_rng(0).integers(100, 256, (60, 60, 3), dtype=np.uint8)
    for shift in ((0.4, 0.4), (-0.3, 0.2), (0.0, 0.0)):
        layout = grid_layout(WHOLE, 3, 3, shift)
        covered = np.zeros((60, 60), int)
        for t in range(9):
            covered += (occlude(picture, layout, one(9, t)) != picture).any(-1)
        assert covered.max() == 1 and covered.mean() > 0.98
    clip = Clip(np.stack([picture, 255 - picture]), np.arange(2, dtype=np.float32))
    cells = grid_layout(WHOLE, 3, 3, (0.4, 0.4)).places
    layout = Layout("frames", np.column_stack([np.repeat([0.0, 1.0], 9), np.tile(cells, (2, 1))]).astype(np.float32))
    assert (occlude(clip, layout, np.arange(18) >= 9).frames[1] == picture).all()


def test_keypoints_are_no_grid() -> None:
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[10:20, 10:20] = 0
    layout = Layout("grid", np.array([[0.25, 0.25, 0.5, 0.5], [0.6, 0.1, 0.7, 0.2], [0.1, 0.6, 0.3, 0.8]], np.float32))
    changed = (occlude(picture, layout, one(3, 0)) != picture).any(-1)
    assert changed.sum() == 100


def test_a_word_goes_and_the_others_stay_where_they_are() -> None:
    text = "one two  one"
    layout = Layout("characters", np.array([[0, 3], [4, 7], [9, 12]], np.float32))
    scores = occlusion(lambda media: np.array([m.count("one") for m in media]), text, layout)
    np.testing.assert_array_equal(scores, [1, 0, 1])
    assert occlude(text, layout, one(3, 1)) == "one      one" and occlude(text, layout, np.ones(3, bool)) == " " * 12
    beyond = Layout("characters", np.array([[9, 40]], np.float32))
    assert occlude(text, beyond, np.array([True])) == "one two     "


def test_a_span_is_the_energy_it_holds() -> None:
    rate = 8000
    tone = np.sin(2 * np.pi * 500 * np.arange(rate) / rate).astype(np.float32)
    tone[:6000] = 0
    layout = Layout("seconds", np.array([[s, s + 0.25] for s in (-0.25, 0, 0.25, 0.5, 0.75, 1.0)], np.float32))
    audio = Audio(rate, tone)
    scores = occlusion(lambda media: np.array([np.square(m.samples).sum() for m in media]), audio, layout)
    np.testing.assert_allclose(scores, 1000 * one(6, 4), rtol=0.01)


def test_only_the_span_changes_and_no_click_is_made() -> None:
    audio = Audio(8000, np.ones(4000, np.float32))
    layout = Layout("seconds", np.array([[0.1, 0.2], [0.2, 0.3], [0.4, 0.6]], np.float32))
    out = occlude(audio, layout, one(3, 0)).samples
    assert (out[:800] == 1).all() and (out[1600:] == 1).all() and (out[840:1560] == 0).all() and out.dtype == np.float32
    assert np.abs(np.diff(out)).max() < 0.06, "faded"
    both = occlude(audio, layout, one(3, 0, 1)).samples
    assert (both[840:2360] == 0).all(), "nothing comes through between spans that touch"
    assert (occlude(audio, layout, one(3, 2)).samples[3240:] == 0).all(), "no fade at the end of the sound"
    assert (audio.samples == 1).all() and occlude(Audio(8000, np.zeros(0, np.float32)), layout, one(3, 0)).samples.shape == (0,)


def flashing(*levels: int) -> Clip:
    frames = np.stack([np.full((8, 8, 3), level, np.uint8) for level in levels])
    return Clip(frames, np.arange(len(levels)) / 10)


def whole_frames(*times: float) -> Layout:
    return Layout("frames", np.array([[t, *WHOLE] for t in times], np.float32))


def test_a_frame_is_the_brightness_it_adds_to_the_one_before() -> None:
    clip = flashing(10, 10, 50, 20)
    scores = occlusion(lambda media: np.array([m.frames.mean((1, 2, 3)).sum() for m in media]), clip, whole_frames(0, 0.1, 0.2, 0.3))
    np.testing.assert_allclose(scores, [0, 0, 40, -30])
    assert occlusion(lambda media: np.array([m.frames[0].mean() for m in media]), flashing(90, 10), whole_frames(0, 0.1))[0] == 80


def test_frames_between_tokens_go_with_the_nearer_one() -> None:
    clip, layout = flashing(0, 1, 2, 3, 4, 5, 6), whole_frames(0, 0.3, 0.6)
    levels = occlude(clip, layout, one(3, 1)).frames[:, 0, 0, 0]
    np.testing.assert_array_equal(levels, [0, 1, 0, 0, 0, 5, 6])
    np.testing.assert_array_equal(occlude(clip, layout, one(3, 1, 2)).frames[:, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(occlude(clip, layout, one(3, 0, 1)).frames[:, 0, 0, 0], [6, 6, 6, 6, 6, 5, 6])
    assert (occlude(clip, layout, np.ones(3, bool)).frames == 3).all(), "nothing left: the median of the border"
    twice = whole_frames(0, 0, 0.1, 0.1)  # a clip of two frames sampled four times
    np.testing.assert_array_equal(occlude(flashing(7, 9), twice, one(4, 3)).frames[:, 0, 0, 0], [7, 7])


def test_only_the_cell_of_a_frame_changes() -> None:
    clip = flashing(10, 50)
    layout = Layout("frames", np.array([[t, x, 0, x + 0.5, 1] for t in (0, 0.1) for x in (0, 0.5)], np.float32))
    out = occlude(clip, layout, one(4, 3)).frames
    assert (out[0] == 10).all() and (out[1, :, :4] == 50).all() and (out[1, :, 4:] == 10).all() and (clip.frames[1] == 50).all()


def test_predict_is_called_once_and_gets_one_medium_at_a_time() -> None:
    calls = []

    def predict(media) -> np.ndarray:
        assert iter(media) is iter(media), "made while they are read, so that long clips are never all in memory"
        calls.append(list(media))
        return np.arange(len(calls[-1]))

    np.testing.assert_array_equal(occlusion(predict, "a b", Layout("characters", np.array([[0, 1], [2, 3]]))), [-1, -2])
    assert calls == [["a b", "  b", "a  "]]
    without_function(predict, "a b", Layout("characters", np.array([[0, 1], [2, 3]])))(np.array([[True, False], [False, False]]))
    assert calls[1] == ["a  ", "   "]


@pytest.mark.parametrize(
    ("medium", "layout", "gone", "words"),
    [
        ("a", Layout("grid", np.zeros((1, 4))), np.array([True]), "does not fit a medium of the type str"),
        ("a", Layout("pages", np.zeros((1, 4))), np.array([True]), "no layout of the kind 'pages'"),
        ("a", Layout("characters", np.zeros((1, 2))), np.array([True, False]), "1 booleans, one for each token"),
        ("a", Layout("characters", np.zeros((1, 2))), np.array([0]), "1 booleans, one for each token"),
    ],
)
def test_refusals(medium: Medium, layout: Layout, gone: np.ndarray, words: str) -> None:
    with pytest.raises(FusionError, match=words):
        occlude(medium, layout, gone)
