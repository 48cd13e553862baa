"""Small handwriting is read larger: strips, axes and their places."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from fusion.config import CHECKPOINTS
from fusion.encoders.axes import Axes, Axis
from fusion.encoders.close_up import Strips, axes, close_up, cut, spread, widened
from fusion.encoders.handwriting import regions
from fusion.encoders.image_cnn import ImageCNN, letterbox
from fusion.model import load_encoder


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float64).reshape(-1, 4)


def test_large_handwriting_none_and_scattered_handwriting_are_read_whole() -> None:
    assert close_up((400, 400), boxes(), 0.28, 0.55) is None
    assert close_up((400, 400), boxes((10, 10, 60, 123)), 0.28, 0.55) is None  # 113 of 400 pixels are more than .28
    spread = boxes((0, 0, 100, 100), (100, 100, 200, 200), (200, 200, 300, 300), (300, 300, 400, 400))
    assert close_up((400, 400), spread, 0.28, 0.55) is None  # nothing can be left out


def test_one_piece_is_a_square_around_it() -> None:
    found = close_up((600, 800), boxes((390, 290, 420, 350)), 0.28, 0.5)
    assert found is not None
    x, y = found
    assert len(x) == len(y) == 1
    assert abs((x[0, 1] - x[0, 0]) - 120) <= 2 and abs((y[0, 1] - y[0, 0]) - 120) <= 2  # 60 pixels are half of 120
    assert abs(x.mean() - 405) <= 1 and abs(y.mean() - 320) <= 1


def test_at_the_edge_the_square_stays_on_the_picture() -> None:
    found = close_up((600, 800), boxes((0, 0, 30, 60)), 0.28, 0.5)
    assert found is not None
    assert found[0].tolist()[0][0] == 0 and found[1].tolist()[0][0] == 0
    assert abs(found[0][0, 1] - 120) <= 2


def test_digits_on_a_long_page_keep_their_order_and_size() -> None:
    shape = (200, 800)
    written = boxes((20, 20, 60, 80), (300, 110, 340, 170), (700, 60, 740, 120))
    found = close_up(shape, written, 0.2, 0.36)
    assert found is not None
    page = np.zeros((*shape, 3), np.uint8)
    for k, (x0, y0, x1, y1) in enumerate(written.astype(int)):
        page[y0:y1, x0:x1] = 50 * (k + 1)
    shown = cut(page, found)
    assert max(shown.shape) < 0.45 * 800
    lefts = [np.nonzero((shown == 50 * (k + 1)).any((0, 2)))[0].min() for k in range(3)]
    assert lefts == sorted(lefts)
    assert all((shown[..., 0] == 50 * (k + 1)).sum() == 40 * 60 for k in range(3))  # nothing of a digit is cut away


def test_strips_are_joined_and_grow_to_the_side() -> None:
    spans = np.array([[10.0, 20.0], [15.0, 30.0], [80.0, 90.0]])
    assert spread(spans, 0, 100).tolist() == [[10, 30], [80, 90]]
    assert spread(spans, 30, 100).tolist() == [[0, 100]]
    wide = widened(spans, 50, 100)
    assert 48 <= (wide[:, 1] - wide[:, 0]).sum() <= 50


def test_places_lie_where_the_ink_is() -> None:
    """Each marked pixel of a page is found again on the square, and the square's place leads back to it."""
    shape = (300, 1200)
    written = boxes((100, 40, 150, 120), (900, 150, 950, 230))
    found = close_up(shape, written, 0.2, 0.36)
    assert isinstance(found, Strips)
    for x0, y0, x1, y1 in ((120, 70, 130, 80), (920, 190, 930, 200)):
        page = np.full((*shape, 3), 255, np.uint8)
        page[y0:y1, x0:x1] = 0
        square, extent = letterbox(cut(page, found), 96)
        ys, xs = np.nonzero(square < 128)
        box = axes(found, shape, extent).box(np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / 96) * [1200, 300, 1200, 300]
        assert np.abs(box - [x0, y0, x1, y1]).max() < 5, box


def test_axis_there_and_back() -> None:
    axis = Axis(np.array([0.1, 0.6]), np.array([0.3, 0.7]), lead=0.05, side=0.4)
    on = axis.on_picture(np.array([0.125, 0.5, 0.7, 1.0]))
    assert np.allclose(on, [0.1, 0.25, 0.63, 0.75])
    assert np.allclose(axis.on_square(on), [0.125, 0.5, 0.7, 1.0])
    assert np.isnan(axis.on_square(np.array([0.45])))


def test_spread_leaves_out_what_was_not_read() -> None:
    axis = Axis(np.array([0.0, 0.75]), np.array([0.25, 1.0]), 0.0, 0.5)
    spread = Axes(axis, Axis(np.array([0.0]), np.array([1.0]), 0.0, 1.0)).spread(np.ones((3, 4, 4)))
    assert spread.shape == (3, 8, 8)
    assert (spread[..., :2] == 1).all() and (spread[..., 2:6] == 0).all() and (spread[..., 6:] == 1).all()


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> ImageCNN:
    """With a finder that says where dark pixels are."""
    torch.manual_seed(0)
    encoder = ImageCNN(finder=True).eval()
    assert encoder.finder is not None

    def dark(picture: np.ndarray) -> np.ndarray:
        ys, xs = np.nonzero(picture[..., 0] < 128)
        return boxes((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)) if len(xs) else boxes()

    monkeypatch.setattr(encoder.finder, "find", dark)
    return encoder


def page(side: int, ink: int) -> np.ndarray:
    picture = np.full((side, side, 3), 255, np.uint8)
    picture[10 : 10 + ink, 20 : 20 + ink] = 0
    return picture


@pytest.mark.parametrize(("side", "ink"), [(300, 100), (300, 290), (64, 6), (28, 14)])
def test_large_ink_and_small_pictures_are_read_as_without_a_finder(encoder: ImageCNN, side: int, ink: int) -> None:
    plain = ImageCNN().prepare(page(side, ink))
    read = encoder.prepare(page(side, ink))
    assert torch.equal(read.values, plain.values) and read.extent == plain.extent and not read.notes and read.axes is None


def test_small_ink_is_read_as_if_it_were_large(encoder: ImageCNN) -> None:
    read = encoder.prepare(page(600, 60))
    assert read.notes and read.axes is not None
    dark = (read.values[0] < -1).numpy()
    assert 0.5 < dark.any(0).mean() < 0.6
    ys, xs = np.nonzero(dark)
    box = read.on_picture(np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) / 64) * 600
    assert np.abs(box - [20, 10, 80, 70]).max() < 3
    assert np.asarray(read.layout.places).shape == (64, 4)
    with torch.no_grad():
        assert encoder(read.values[None], torch.ones(1, 1, dtype=torch.bool)).tokens.shape == (1, 64, 96)


def test_another_picture_is_read_at_the_same_place(encoder: ImageCNN) -> None:
    read = encoder.prepare(page(600, 60))
    blank = np.full((600, 600, 3), 255, np.uint8)
    again = encoder.prepare_like(blank, read)
    assert again.extent == read.extent and np.array_equal(again.layout.places, read.layout.places)
    assert encoder.prepare(blank).axes is None
    assert torch.equal(encoder.prepare_like(page(600, 60), read).values, read.values)


def test_the_finder_stays_as_it_is_while_the_encoder_trains(encoder: ImageCNN) -> None:
    encoder.train()
    assert encoder.finder is not None and not encoder.finder.training
    assert not any(p.requires_grad for p in encoder.finder.parameters())
    assert encoder.stem[1].training


def test_small_regions_are_dots_and_weak_ones_dirt() -> None:
    logits = np.full((48, 48), -4.0)
    logits[5:12, 5:10] = 4.0
    logits[30:33, 30:33] = 4.0  # a dot
    logits[40:45, 5] = 0.1  # five cells, hardly marked
    assert regions(logits).tolist() == [[5, 5, 10, 12]]
    assert regions(np.full((48, 48), -4.0)).shape == (0, 4)


@pytest.mark.parametrize("task", ["digits", "digits-find"])
@pytest.mark.parametrize(("height", "width"), [(480, 640), (300, 1200)])
@pytest.mark.parametrize("lines", [False, True])
def test_the_shipped_finder_finds_small_digits_on_paper(task: str, height: int, width: int, lines: bool) -> None:
    picture = np.full((height, width, 3), 225, np.uint8)
    if lines:
        picture[20::32] = (150, 175, 225)
    picture = (picture * np.linspace(1, 0.7, width)[None, :, None]).astype(np.uint8)  # light from one side
    cv2.putText(picture, "5", (width // 3, height // 2), cv2.FONT_HERSHEY_SIMPLEX, 0.12 * width / 22, (30, 40, 90), 5, cv2.LINE_AA)
    encoder = load_encoder(CHECKPOINTS / task / "encoders" / "image")
    assert isinstance(encoder, ImageCNN) and encoder.finder is not None
    found = encoder.finder.find(picture)
    ys, xs = np.nonzero(np.abs(picture.astype(int) - [30, 40, 90]).sum(2) < 60)
    assert len(found) == 1
    assert np.abs(found[0] - [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]).max() < 0.04 * width
    assert encoder.prepare(picture).axes is not None
