"""What is not read is said: cut texts, long sounds, long pictures; and nothing is said where all is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusion.encoders import ENCODERS, Encoder
from fusion.encoders.backbone import load_backbone
from fusion.encoders.text_bert import UNKNOWN, TextBERT
from fusion.encoders.unread import picture_note, sound_note
from fusion.types import Audio, Clip
from tests.encoders import tiny_models as tiny

RATE = 8000


def sound(seconds: float) -> Audio:
    samples = np.random.default_rng(0).normal(0, 0.001, int(RATE * seconds)).astype(np.float32)
    samples[-RATE // 2 :] *= 100
    return Audio(RATE, samples)


def test_the_small_bert_says_where_it_stops() -> None:
    encoder = TextBERT(vocabulary=(UNKNOWN, "dog"))
    assert encoder.prepare("dog " * 128).notes == ()
    assert encoder.prepare("dog " * 200).notes == ("Only the first 511 of 800 characters of the text were read.",)


@pytest.mark.parametrize("name", ["bert", "roberta", "byt5", "clip", "siglip", "clap", "align"])
def test_text_backbones_say_where_they_stop(name: str, tmp_path: Path) -> None:
    encoder = load_backbone(str(getattr(tiny, name)(tmp_path)), "text")
    assert encoder.prepare("seven").notes == () and encoder.prepare("").notes == ()
    text = "the number is " * 20 + "seven"
    prepared = encoder.prepare(text)
    end = int(prepared.layout.places.max())
    assert end < len(text) and prepared.notes == (f"Only the first {end} of {len(text)} characters of the text were read.",)


@pytest.mark.parametrize("name", ["text_transformer", "text_lstm", "text_embedding", "text_bow"])
def test_other_encoders_read_the_whole_text(name: str) -> None:
    text = "the number is " * 300 + "seven"
    prepared = ENCODERS[name]().prepare(text)
    assert prepared.notes == () and prepared.layout.places.max() == len(text)


@pytest.mark.parametrize("name", ["audio_cnn", "audio_mfcc", "audio_spectrogram"])
def test_the_window_of_a_long_sound_is_said(name: str) -> None:
    encoder = ENCODERS[name]()
    assert encoder.prepare(sound(2.5)).notes == () and encoder.prepare(sound(0.1)).notes == ()
    (note,) = encoder.prepare(sound(6.0)).notes
    assert note == "Only the loudest part of the audio was read, from 3.4 to 6.0 s."


def test_long_sounds_of_scenes_are_read_whole() -> None:
    prepared = ENCODERS["audio_mobilenet"](groups=(((0, 0),),)).prepare(sound(12.0))
    assert prepared.notes == () and prepared.layout.places.max() > 11.9


def test_audio_backbones_say_their_window(tmp_path: Path) -> None:
    encoder = load_backbone(str(tiny.wav2vec2(tmp_path)), "audio")
    assert encoder.prepare(sound(2.0)).notes == ()
    assert encoder.prepare(sound(14.0)).notes == ("Only the loudest part of the audio was read, from 4.0 to 14.0 s.",)


def photo_encoder(name: str) -> Encoder:
    return ENCODERS[name](groups=(((0, 0),),)).eval()


def test_the_middle_of_long_photos_and_frames_is_said() -> None:
    image, video = photo_encoder("image_efficientnet"), photo_encoder("video_frames")
    for shape, share in (((300, 400, 3), 0), ((300, 530, 3), 0), ((100, 400, 3), 40), ((600, 100, 3), 27)):
        picture = np.zeros(shape, np.uint8)
        notes = image.prepare(picture).notes
        assert notes == ((f"Only the middle {share} % of the image was read.",) if share else ())
        frames = video.prepare(Clip(picture[None].repeat(2, 0), np.arange(2, dtype=np.float32))).notes
        assert frames == ((f"Only the middle {share} % of each frame was read.",) if share else ())


@pytest.mark.parametrize(("shape", "bright", "extent", "part"), [
    ((100, 400), np.s_[:, :100], (0, 0, 0.4, 1), "left"),
    ((100, 400), np.s_[:, 320:], (0.6, 0, 1, 1), "right"),
    ((100, 400), np.s_[:, 170:230], (0.3, 0, 0.7, 1), "middle"),
    ((400, 100), np.s_[:80], (0, 0, 1, 0.4), "upper"),
    ((400, 100), np.s_[320:], (0, 0.6, 1, 1), "lower"),
    ((100, 400), np.s_[:0], (0.3, 0, 0.7, 1), "middle"),
])  # fmt: skip
def test_the_part_of_a_long_photo_that_shows_most_is_read(
    shape: tuple[int, int], bright: tuple[slice, ...], extent: tuple[float, ...], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trunk that names what is bright."""
    encoder = ENCODERS["image_efficientnet"](groups=(((0, 0),),)).eval()
    encoder.concepts.weight[0, 0] = 20.0
    monkeypatch.setattr(encoder, "hidden", lambda values: values.mean((1, 2, 3))[:, None, None].expand(-1, 49, 1280))
    picture = np.zeros((*shape, 3), np.uint8)
    picture[bright] = 255
    prepared = encoder.prepare(picture)
    np.testing.assert_allclose(prepared.extent, extent, atol=1e-6)
    assert prepared.notes == (f"Only the {part} 40 % of the image was read.",)
    assert encoder.train().prepare(picture).notes == ("Only the middle 40 % of the image was read.",)


def test_ordinary_photos_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = ENCODERS["image_efficientnet"](groups=(((0, 0),),)).eval()
    monkeypatch.setattr(encoder, "hidden", lambda values: pytest.fail("a photo up to twice as long as wide is read once"))
    for shape in ((300, 400, 3), (100, 200, 3), (400, 200, 3), (1, 2, 3)):
        assert encoder.prepare(np.zeros(shape, np.uint8)).values.shape == (3, 224, 224)


def test_image_backbones_say_their_crop(tmp_path: Path) -> None:
    encoder = load_backbone(str(tiny.dinov2(tmp_path)), "image")  # 40 pixels of the shorter side, of which 32
    assert encoder.prepare(np.zeros((80, 80, 3), np.uint8)).notes == ()
    assert encoder.prepare(np.zeros((80, 160, 3), np.uint8)).notes == ("Only the middle 32 % of the image was read.",)


def test_padding_and_narrow_borders_are_no_loss() -> None:
    assert picture_note((-0.5, 0.0, 1.5, 1.0)) == () and picture_note((0.05, 0.05, 0.95, 0.95)) == ()
    assert sound_note(0.0, 1.98, 2.0) == ()
