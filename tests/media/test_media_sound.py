"""Sounds of every container, written here, come back with their tone, their length and their rate."""

from __future__ import annotations

import numpy as np
import pytest

from fusion import media
from fusion.types import Audio, Clip
from tests.media.checks import check_audio, peak_hertz, refused
from tests.media.files import ramp, sound_file, tone, wav_header

SOUNDS = [  # container, codec, rate, layout, what may be lost at the ends in seconds
    ("wav", "pcm_u8", 8000, "mono", 0),
    ("wav", "pcm_s16le", 44100, "stereo", 0),
    ("wav", "pcm_s24le", 48000, "mono", 0),
    ("wav", "pcm_f32le", 16000, "mono", 0),
    ("wav", "pcm_f64le", 16000, "stereo", 0),
    ("wav", "pcm_s16le", 48000, "5.1", 0),
    ("wav", "pcm_s16le", 48000, "7.1", 0),
    ("mp3", "libmp3lame", 44100, "stereo", 0.03),
    ("mp3", "libmp3lame", 22050, "mono", 0.06),
    ("ogg", "libopus", 48000, "mono", 0.03),
    ("ogg", "vorbis", 44100, "stereo", 0.05),
    ("ogg", "flac", 44100, "mono", 0.001),
    ("flac", "flac", 96000, "stereo", 0.001),
    ("ipod", "aac", 44100, "stereo", 0.001),
    ("webm", "libopus", 48000, "mono", 0.03),
    ("matroska", "pcm_s16le", 16000, "mono", 0.001),
    ("adts", "aac", 44100, "mono", 0.06),
    ("aiff", "pcm_s16be", 44100, "mono", 0),
    ("mov", "pcm_s16le", 44100, "mono", 0),
]


@pytest.mark.parametrize(("container", "codec", "rate", "layout", "loss"), SOUNDS)
def test_sound_formats(tmp_path, container, codec, rate, layout, loss):
    path = tmp_path / "sound.wav"  # whatever the name says, content decides
    path.write_bytes(sound_file(container, codec, rate, tone(rate, 1.0), layout))
    for source in (path, path.read_bytes()):
        loaded = media.load("audio", source)
        audio = check_audio(loaded)
        assert audio.rate == min(rate, 48000)
        assert abs(audio.seconds - 1) <= loss + 1e-4
        assert abs(peak_hertz(audio) - 440) < 1.5
        assert abs(np.abs(audio.samples[audio.rate // 4 : audio.rate // 2]).max() - 0.5) < 0.04
        assert len(loaded.notes) == (layout in ("5.1", "7.1")) + (rate > 48000)


def test_192_kilohertz_keeps_what_can_be_heard_and_drops_the_rest():
    both = tone(192_000, 0.5, 1000, 0.3) + tone(192_000, 0.5, 40_000, 0.3)
    loaded = media.load("audio", sound_file("wav", "pcm_s24le", 192_000, both))
    audio = check_audio(loaded)
    assert audio.rate == 48_000
    assert abs(audio.seconds - 0.5) < 1e-3
    spectrum = np.abs(np.fft.rfft(audio.samples)) / len(audio.samples) * 2
    assert abs(spectrum[500] - 0.3) < 0.01
    assert spectrum[3000:6000].max() < 0.003  # 40 kHz would fold to 8 kHz
    assert len(loaded.notes) == 1
    assert "192" in loaded.notes[0]


def test_channels_are_averaged():
    left = tone(16_000, 0.5)
    samples = np.stack([left, np.zeros_like(left)], 1)
    for source in (sound_file("wav", "pcm_f32le", 16_000, samples, "stereo"), (16_000, samples)):
        np.testing.assert_allclose(media.load("audio", source).medium.samples, left / 2, atol=1e-6)
    many = np.tile(left[:, None], (1, 16))
    pcm = (many * 32767).astype("<i2").tobytes()
    loaded = media.load("audio", wav_header(16_000, 16, 16, pcm))
    np.testing.assert_allclose(check_audio(loaded).samples, left, atol=1e-4)
    assert "16 channels" in loaded.notes[0]


LONG = [("wav", "pcm_s16le", 8000), ("mp3", "libmp3lame", 16000), ("ogg", "libopus", 48000)]


@pytest.mark.parametrize(("container", "codec", "rate"), LONG)
def test_long_sound_is_trimmed(tmp_path, container, codec, rate):
    path = tmp_path / "long.snd"
    path.write_bytes(sound_file(container, codec, rate, tone(rate, 33)))
    loaded = media.load("audio", path)
    assert check_audio(loaded).seconds == 30
    assert loaded.notes == ("The sound of long.snd was trimmed to its first 30 seconds.",)


def test_silence_is_sound():
    audio = check_audio(media.load("audio", sound_file("wav", "pcm_s16le", 8000, np.zeros(800, np.float32))))
    assert audio.samples.tolist() == [0] * 800


def test_not_a_number_in_a_float_wav_is_silence():
    samples = tone(8000, 0.5)
    samples[100:200] = np.nan
    samples[300] = np.inf
    for source in (wav_header(8000, 1, 32, samples.tobytes(), 3), (8000, samples)):
        loaded = media.load("audio", source)
        audio = check_audio(loaded)
        assert (audio.samples[100:200] == 0).all()
        np.testing.assert_allclose(audio.samples[400:], samples[400:], atol=1e-6)
        assert len(loaded.notes) == 1


def test_too_loud_is_turned_down():
    loaded = media.load("audio", wav_header(8000, 1, 32, (8 * tone(8000, 0.5)).tobytes(), 3))
    np.testing.assert_allclose(check_audio(loaded).samples, 2 * tone(8000, 0.5), atol=1e-3)
    assert "louder" in loaded.notes[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x,
        lambda x: x[:, None],
        lambda x: np.stack([x, x], 1),
        lambda x: np.stack([x, x]),
        lambda x: x.astype(np.float64),
        lambda x: (x * 32767).astype(np.int16),
        lambda x: np.stack([x * 32767] * 2, 1).astype(np.int16),
        lambda x: (x * 32767).astype(np.int64),
        lambda x: (x * (2**31 - 1)).astype(np.int32),
        lambda x: (x * 127).round().astype(np.int8),
        lambda x: (x * 127 + 128).round().astype(np.uint8),
        lambda x: x.tolist(),
    ],
)
def test_sound_arrays(make):
    samples = tone(8000, 0.2)
    audio = check_audio(media.load("audio", (8000, make(samples))))
    assert audio.rate == 8000
    np.testing.assert_allclose(audio.samples, samples, atol=0.01)


def test_sound_of_other_types():
    samples = tone(96_000, 32)
    loaded = media.load("audio", Audio(96_000, samples))
    assert check_audio(loaded).seconds == 30
    assert loaded.medium.rate == 48_000
    assert abs(peak_hertz(loaded.medium) - 440) < 0.1
    assert len(loaded.notes) == 2
    own = Audio(8000, tone(8000, 0.1))
    np.testing.assert_allclose(media.load("audio", Clip(ramp(2), np.float32([0, 1]), own)).medium.samples, own.samples, atol=1e-7)
    assert "no sound" in refused("audio", Clip(ramp(2), np.float32([0, 1])))


WRONG = [(0, [0.0]), (8000, []), (np.nan, [0.0]), ("x", [0.0]), (8000, "x"), (8000, np.zeros((2, 2, 2))), (8000,)]


@pytest.mark.parametrize("source", WRONG)
def test_wrong_sound_pairs(source):
    refused("audio", source)


def test_a_truncated_sound_gives_what_it_has():
    data = sound_file("mp3", "libmp3lame", 44100, tone(44100, 3))
    loaded = media.load("audio", data[: len(data) // 2])
    audio = check_audio(loaded)
    assert 1 < audio.seconds < 2
    assert abs(peak_hertz(audio) - 440) < 2
    assert "cut short" in loaded.notes[0]
    whole = wav_header(8000, 1, 16, (tone(8000, 1) * 32767).astype("<i2").tobytes())
    np.testing.assert_allclose(check_audio(media.load("audio", whole[: 44 + 4000])).samples, tone(8000, 0.25), atol=1e-3)
