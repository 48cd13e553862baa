"""Where tokens of sounds and clips lie, and of pictures that have no grid: shipped encoders of clips and every family of backbones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import get_model
from torchvision.transforms._presets import ImageClassification, VideoClassification

from fusion.encoders import ENCODERS, Encoder
from fusion.encoders.audio_mobilenet import LEAST, STRIDE, token_places
from fusion.encoders.backbone import load_backbone
from fusion.encoders.backbones.torchvision_cnn import ConvImage, ConvVideo
from fusion.encoders.base import collate
from fusion.encoders.centring import (
    FLASH,
    FRAMES,
    PITCHES,
    RATE_OF_FRAMES,
    burst,
    clip_shift,
    corners,
    flashes,
    picture_shift,
    spots,
    spotted,
)
from fusion.types import Audio, Clip
from tests.encoders import tiny_models as tiny
from tests.encoders.test_centring import CELL, SECONDS, shipped, tokens_of

RATE, BURST = 16000, 320  # as in fusion.encoders.centring


def keep_local(encoder: Encoder) -> Encoder:
    """Attention with random weights carries an answer anywhere, so what it adds is made small; that of trained weights mostly stays."""
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if any(part in name for part in ("out_proj", "attention.output", "o_proj")):
                parameter.mul_(0.05)
    return encoder


def drawn_again(encoder: Encoder, seed: int) -> Encoder:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in encoder.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return keep_local(encoder)


def lateness(encoder: Encoder, span: float = 0.6, count: int = 30, seconds: float = 1.2) -> float:
    """Seconds by which the strongest moment is late: bursts evenly over `span` seconds, each compared with the median of all."""
    noise = np.random.default_rng(0).normal(0, 0.05, int(RATE * seconds)).astype(np.float32)
    starts = (RATE * (seconds / 2 + span * ((np.arange(count) + 0.5) / count - 0.5))).astype(int)
    prepared = []
    for start in starts:
        samples = noise.copy()
        samples[start : start + BURST] += 0.5 * np.sin(2 * np.pi * 700 * np.arange(BURST) / RATE).astype(np.float32)
        prepared.append(encoder.prepare(Audio(RATE, samples)))
    middle = prepared[0].layout.places.mean(1)
    with torch.inference_mode():
        tokens = encoder(*collate(prepared)).tokens.numpy()[:, : len(middle)]
    change = np.square(tokens - np.median(tokens, 0)).sum(2)
    moments = np.unique(middle.round(4))
    summed = np.stack([change[:, np.isclose(middle, moment, atol=1e-3)].sum(1) for moment in moments], 1)
    return float((moments[summed.argmax(1)] - (starts + BURST / 2) / RATE).mean())


@pytest.mark.parametrize("name", ["wav2vec2", "hubert", "wavlm", "whisper", "ast"])
def test_moments_of_every_family_lie_where_they_answer(name: str, tmp_path: Path) -> None:
    """A mean over several draws: a random filter leans to one side."""
    encoder = load_backbone(str(getattr(tiny, name)(tmp_path / name)), "audio")
    found = [lateness(drawn_again(encoder, seed)) for seed in range(4)]
    assert abs(np.mean(found)) < SECONDS


def test_moments_of_clap_lie_where_they_answer(tmp_path: Path) -> None:
    encoder = keep_local(load_backbone(str(tiny.clap(tmp_path)), "audio"))
    token = float(np.diff(encoder.prepare(Audio(RATE, np.zeros(RATE, np.float32))).layout.places[0])[0])
    assert abs(lateness(encoder, 2 * token, 12)) < CELL * token


def test_moments_of_scene_sounds_lie_where_they_answer() -> None:
    """Bursts evenly over one of the seconds that are heard at once: the middle token of it never answers most, and has a short span."""
    encoder, late, held = shipped("scenes/audio"), [], []
    starts = (RATE * (0.96 + 0.96 * (np.arange(24) + 0.5) / 24)).astype(int) - BURST // 2
    for seed in range(3):
        noise = np.random.default_rng(seed).normal(0, 0.01, int(1.95 * RATE)).astype(np.float32)
        prepared = [encoder.prepare(Audio(RATE, burst(noise, start, pitch))) for pitch in PITCHES for start in starts]
        with torch.inference_mode():
            low, high = encoder(*collate(prepared)).tokens.unflatten(0, (2, -1)).numpy()
        places, at = prepared[0].layout.places, (starts + BURST / 2) / RATE
        strongest = places[np.abs(high - low).sum(2).argmax(1)]
        late.append(np.mean(strongest.mean(1) - at))
        held.append(np.mean((strongest[:, 0] <= at) & (at <= strongest[:, 1])))
    assert abs(np.mean(late)) < SECONDS and np.mean(held) > 0.8, (late, held)


def test_the_tokens_of_a_scene_sound_lie_side_by_side() -> None:
    for frames in range(LEAST, 6 * LEAST, STRIDE):
        places = token_places(frames)
        assert len(places) == frames // STRIDE and places[0, 0] == 0.0
        assert places[-1, 1] == pytest.approx(frames / 100) and (places[1:, 0] == places[:-1, 1]).all() and (np.diff(places) > 0).all()


def flash_bias(encoder: Encoder, frames: int, light: bool) -> float:
    """Steps by which the strongest token is late: spots in one frame of a clip of which every frame is read."""
    base, starts = corners(light), spots(3 * frames)
    still = Clip(np.repeat(base[None], frames, 0), np.arange(frames) / 8)
    clips: list[Clip] = [still]
    shown = np.tile(np.arange(2, frames - 2), 3)
    for at, (x, y) in zip(shown, starts, strict=False):
        moved = still.frames.copy()
        moved[at] = spotted(base, int(x), int(y), light)
        clips.append(Clip(moved, still.times))
    prepared = [encoder.prepare(clip) for clip in clips]
    with torch.inference_mode():
        tokens = encoder(*collate(prepared)).tokens.numpy()
    change = np.square(tokens[1:] - tokens[0]).sum(2)
    return float((prepared[0].layout.places[change.argmax(1), 0] * 8 - shown).mean())


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize(("folder", "frames"), [("digits/video", 12), ("scenes/video", 8)])
def test_a_flash_is_answered_by_its_own_frame(folder: str, frames: int, light: bool) -> None:
    """Also where the network reads changes, and so answers to the frame after the flash, too."""
    assert abs(flash_bias(shipped(folder), frames, light)) < CELL


def test_a_flash_of_a_moving_picture_is_between_its_two_changes() -> None:
    """Optical flow knows that something came and that something went: one step apart, and the flash lies between them."""
    encoder = shipped("digits/video_flow")
    base, firsts = corners(False), flashes(12, 1.0)
    still = Clip(np.repeat(base[None], FRAMES, 0), np.arange(FRAMES) / RATE_OF_FRAMES)
    late = []
    for (x, y), first in zip(spots(12), firsts, strict=True):
        frames = still.frames.copy()
        frames[first : first + FLASH] = spotted(base, int(x), int(y), False)
        prepared = encoder.prepare(Clip(frames, still.times))
        change = prepared.values[:, :-1].sum(1).numpy()
        late.append(change @ prepared.layout.places[:, 0] / change.sum() - (first + (FLASH - 1) / 2) / RATE_OF_FRAMES)
    step = np.diff(np.unique(prepared.layout.places[:, 0])).mean()
    assert abs(np.mean(late)) < CELL * step


@pytest.mark.parametrize("name", ["videomae", "timesformer", "vivit"])
def test_tubelets_of_every_family_lie_where_they_answer(name: str, tmp_path: Path) -> None:
    encoder = keep_local(load_backbone(str(getattr(tiny, name)(tmp_path / name)), "video"))
    assert np.abs(clip_shift(encoder.prepare, tokens_of(encoder), 24)).max() < CELL


@pytest.mark.parametrize("name", ["r3d_18", "r2plus1d_18"])
def test_tubelets_of_torchvision_lie_where_they_answer(name: str) -> None:
    torch.manual_seed(0)
    network = get_model(name, weights=None).requires_grad_(False).eval()
    tower = ConvVideo(network, VideoClassification(crop_size=(64, 64), resize_size=(64, 64)))
    with torch.inference_mode():
        found = clip_shift(tower.prepare, lambda values, mask: tower.describe(values, mask)[0], 8)
    assert np.abs(found).max() < CELL


def test_cells_of_torchvision_lie_where_they_answer() -> None:
    torch.manual_seed(0)
    network = get_model("resnet18", weights=None).requires_grad_(False).eval()
    tower = ConvImage(network, ImageClassification(crop_size=128, resize_size=128))
    found = picture_shift(tower.prepare, lambda values, mask: tower.describe(values, mask)[0], 12)
    assert np.abs(found).max() < CELL and np.abs(tower.shift).max() > 0.2


def test_cells_of_efficientnet_lie_where_they_answer(tmp_path: Path) -> None:
    """With random weights it answers to dark spots on one side and to light ones on the other, so both are asked."""
    encoder = load_backbone(str(tiny.align(tmp_path)), "image")
    assert np.abs(picture_shift(encoder.prepare, tokens_of(encoder), 48)).max() < CELL


def test_keypoints_lie_on_what_they_describe() -> None:
    encoder, side = ENCODERS["image_sift"](), 240
    rows, columns = np.mgrid[:side, :side]
    apart, size = [], []
    for x, y in np.random.default_rng(0).uniform(80, 160, (12, 2)):
        blob = 255 - 200 * np.exp(-((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2) / 128)
        places = encoder.prepare(np.repeat(blob.astype(np.uint8)[..., None], 3, 2)).layout.places
        middle = (places[:, :2] + places[:, 2:]) / 2
        apart.append(middle.mean(0) - np.array([x, y]) / side)
        size.append(places[0, 2:] - places[0, :2])
    assert np.abs(np.mean(apart, 0) / np.mean(size, 0)).max() < CELL
