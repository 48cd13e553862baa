"""Where tokens lie: the answer to a spot, a burst or a flash is centred on it, for shipped encoders and every family of backbones."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fusion.config import CHECKPOINTS
from fusion.encoders import Encoder
from fusion.encoders.backbone import load_backbone
from fusion.encoders.base import Prepared, collate
from fusion.encoders.centring import clip_shift, measure_shift, picture_shift, sound_shift
from fusion.encoders.image_cnn import grid_layout
from fusion.encoders.video_flow import VideoFlow
from fusion.model import load_encoder
from fusion.types import Audio, Clip, Layout
from tests.encoders import tiny_models as tiny

CELL, SECONDS = 0.12, 0.016  # the most that the mean answer may lie beside the stimulus


@cache
def shipped(folder: str) -> Encoder:
    task, name = folder.split("/")
    return load_encoder(CHECKPOINTS / task / "encoders" / name)


def tokens_of(encoder: Encoder) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda values, mask: encoder(values, mask).tokens


def random_bias(encoder: Encoder, count: int = 40, side: int = 240, size: int = 10) -> np.ndarray:
    """The same question asked in another way: dark squares at random places, whatever the module measures with. (2,) in cells."""
    rng = np.random.default_rng(1)
    base = np.full((side, side, 3), 255, np.uint8)
    for y in (0, side - size):
        for x in (0, side - size):
            base[y : y + size, x : x + size] = 0
    starts = rng.integers(side // 4, 3 * side // 4 - size, (count, 2))
    pictures = [base]
    for x, y in starts:
        picture = base.copy()
        picture[y : y + size, x : x + size] = 0
        pictures.append(picture)
    prepared = [encoder.prepare(picture) for picture in pictures]
    with torch.inference_mode():
        found = encoder(*collate(prepared)).tokens.numpy()
    places = prepared[0].layout.places
    change = np.square(found[1:] - found[0]).sum(2)
    middle = (places[:, :2] + places[:, 2:]) / 2
    answer = change @ middle / change.sum(1, keepdims=True)
    return ((answer - (starts + size / 2) / side) / (places[0, 2:] - places[0, :2])).mean(0)


@pytest.mark.parametrize("folder", ["digits/image", "digits-find/image", "digits/image_vit", "digits/image_lbp"])
def test_shipped_cells_lie_where_they_answer(folder: str) -> None:
    assert np.abs(random_bias(shipped(folder))).max() < CELL
    assert np.abs(picture_shift(shipped(folder).prepare, tokens_of(shipped(folder)))).max() < CELL


def test_shipped_cells_of_photos_lie_where_they_answer() -> None:
    assert np.abs(random_bias(shipped("scenes/image"), 10)).max() < CELL


@pytest.mark.parametrize("folder", ["digits/audio", "digits/audio_mfcc", "digits/audio_spectrogram"])
def test_shipped_moments_lie_where_they_answer(folder: str) -> None:
    assert abs(sound_shift(shipped(folder).prepare, tokens_of(shipped(folder)), 20)[0]) < SECONDS


@pytest.mark.parametrize("folder", ["digits/video_r3d", "scenes/video"])
def test_shipped_moments_of_clips_lie_where_they_answer(folder: str) -> None:
    count = 12 if folder.startswith("digits") else 4
    assert np.abs(clip_shift(shipped(folder).prepare, tokens_of(shipped(folder)), count)).max() < CELL


def test_motion_is_between_two_frames() -> None:
    """A token of a pair of frames has the time between them."""
    frames = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), dtype=np.uint8)
    places = VideoFlow().prepare(Clip(frames, np.arange(4, dtype=np.float32))).layout.places
    assert sorted(set(places[:, 0])) == [0.5, 1.5, 2.5]


@pytest.mark.parametrize("name", ["resnet", "convnext", "mobilenet", "vit", "deit", "dinov2", "swin", "clip", "siglip"])
def test_cells_of_every_family_lie_where_they_answer(name: str, tmp_path: Path) -> None:
    encoder = load_backbone(str(getattr(tiny, name)(tmp_path / name)), "image")
    assert np.abs(random_bias(encoder)).max() < CELL


class Late(Encoder):
    """Tokens that are the mean brightness of cells 0.3 to the right of and 0.2 below where a plain grid has them."""

    modality = "image"
    shifts = True

    def __init__(self) -> None:
        super().__init__(8)
        self.plain = torch.nn.Parameter(torch.zeros(1))

    def prepare(self, medium: np.ndarray) -> Prepared:
        values = torch.from_numpy(medium[..., 0].astype(np.float32))[None]
        return Prepared(values, grid_layout((0, 0, 1, 1), 8, 8, self.shift), (0, 0, 1, 1))

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        moved = torch.roll(values[:, 0], (6, 9), (1, 2))  # a cell is 30 pixels
        tokens = torch.nn.functional.avg_pool2d(moved[:, None], 30).flatten(2).transpose(1, 2).expand(-1, -1, 8)
        return tokens, mask.expand(-1, 64)


def test_a_known_shift_is_found_and_undone() -> None:
    encoder = Late().eval()
    found = measure_shift(encoder)
    np.testing.assert_allclose(found, (0.3, 0.2), atol=0.04)
    encoder.shift = found
    assert measure_shift(encoder) == found, "it is measured without what is corrected already"
    assert np.abs(picture_shift(encoder.prepare, tokens_of(encoder))).max() < 0.04


def test_a_shift_moves_cells_back() -> None:
    plain, moved = (grid_layout((0, -0.5, 1, 1.5), 4, 4, shift).places for shift in ((), (0.25, 0.5)))
    np.testing.assert_allclose(plain - moved, np.tile([0.0625, 0.25, 0.0625, 0.25], (16, 1)), atol=1e-6)


def test_a_late_sound_is_found() -> None:
    """An encoder whose tokens are energies of 50 ms, placed 20 ms late."""

    def prepare(medium: Audio) -> Prepared:
        values = torch.from_numpy(medium.samples).unflatten(0, (-1, 800))
        begin = np.arange(len(values)) * 0.05 + 0.02
        return Prepared(values, Layout("seconds", np.column_stack([begin, begin + 0.05])), (0.0, 2.0))

    def tokens(values: Tensor, mask: Tensor) -> Tensor:
        return torch.fft.rfft(values).abs()

    assert sound_shift(prepare, tokens, 37)[0] == pytest.approx(0.02, abs=0.005)
