"""Attention received and the pointing game on maps made by hand."""

import numpy as np
import pytest

from fusion.encoders.image_cnn import grid_layout
from fusion.explain import attention_scores, peak, pointing_hit, pointing_hits
from fusion.types import FusionError, Layout

L, H = 2, 3


def looking_at(token: int, Tq: int, Tk: int) -> np.ndarray:
    a = np.zeros((L, H, Tq, Tk), np.float32)
    a[..., token] = 1
    return a


def test_scores_are_means_over_everything_that_asks() -> None:
    rng = np.random.default_rng(0)
    attention = {("text", "image"): rng.dirichlet(np.ones(4), (L, H, 2)), ("audio", "image"): rng.dirichlet(np.ones(4), (L, H, 5))}
    attention["image", "text"] = rng.dirichlet(np.ones(2), (L, H, 4))
    scores = attention_scores(attention)
    by_hand = (attention["text", "image"].mean((0, 1, 2)) + attention["audio", "image"].mean((0, 1, 2))) / 2
    np.testing.assert_allclose(scores["image"], by_hand)
    assert all(s.sum() == pytest.approx(1) for s in scores.values()) and set(scores) == {"image", "text"}
    np.testing.assert_allclose(attention_scores(attention, layer=1, head=2)["text"], attention["image", "text"][1, 2].mean(0))
    assert attention_scores({}) == {}


def test_peak_listens_only_to_those_asked() -> None:
    attention = {("text", "image"): looking_at(3, 2, 16), ("audio", "image"): looking_at(7, 9, 16), ("text", "audio"): looking_at(8, 2, 9)}
    assert peak(attention, ["text"]) == 3 and peak(attention, ["audio", "video"]) == 7 and peak(attention, ["text"], "audio") == 8
    attention["text", "image"][1] = looking_at(5, 2, 16)[1]
    assert peak(attention, ["text"], layer=1) == 5 and peak(attention, ["text"], layer=0, head=2) == 3


def test_pointing_hits_by_construction() -> None:
    layout = grid_layout((0.0, 0.0, 1.0, 1.0), 4, 4)
    box = (0.25, 0.5, 0.75, 1.0)  # columns 1-2, rows 2-3
    assert np.flatnonzero(pointing_hits(layout, box)).tolist() == [9, 10, 13, 14]
    assert pointing_hit(layout, 9, box) and not pointing_hit(layout, 5, box)
    assert np.flatnonzero(pointing_hits(layout, (0.26, 0.51, 0.3, 0.55))).tolist() == [9], "a box smaller than a cell"
    video = Layout("frames", np.array([[0.0, 0, 0, 1, 1], [0.5, 0, 0, 0.2, 0.2]]))
    assert pointing_hits(video, (0.4, 0.4, 0.6, 0.6)).tolist() == [True, False]


def test_refusals() -> None:
    attention = {("text", "image"): looking_at(3, 2, 16)}
    with pytest.raises(FusionError, match="no attention from audio to image"):
        peak(attention, ["audio"])
    with pytest.raises(FusionError, match="no attention from nothing"):
        peak({}, [])
    with pytest.raises(FusionError, match="no layer 2; there are 2"):
        attention_scores(attention, layer=2)
    with pytest.raises(FusionError, match="no head -1"):
        attention_scores(attention, head=-1)
    with pytest.raises(FusionError, match="no token 1"):
        pointing_hit(Layout("grid", np.array([[0, 0, 1, 1.0]])), 1, (0, 0, 1, 1))
    with pytest.raises(FusionError, match="Only the tokens of an image"):
        pointing_hits(Layout("seconds", np.array([[0, 1.0]])), (0, 0, 1, 1))
