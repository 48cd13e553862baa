"""Every sample rate is read at a bounded cost, and what is heard stays what it was."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
import torchaudio

from fusion import media
from fusion.encoders.audio_cnn import AudioCNN
from fusion.encoders.audio_mobilenet import AudioMobileNet
from fusion.media import resample as module
from fusion.media.resample import resample
from fusion.types import Audio
from tests.media.checks import check_audio, peak_growth, peak_hertz, refused
from tests.media.files import tone, wav_header

ODD = [101, 7919, 8001, 15_873, 47_999, 191_999, 767_999]


@pytest.mark.parametrize("rate", [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("wanted", [8000, 16_000])
def test_rates_in_use_are_resampled_as_in_training(rate, wanted):
    samples = np.random.default_rng(rate).standard_normal(rate // 4).astype(np.float32)
    expected = torchaudio.functional.resample(torch.from_numpy(samples), rate, wanted).numpy()
    np.testing.assert_array_equal(resample(samples, rate, wanted), expected)


@pytest.mark.parametrize("rate", [1, 11, *ODD])
@pytest.mark.parametrize("wanted", [8000, 16_000, 48_000])
def test_odd_rates_cost_no_more_than_others(monkeypatch, rate, wanted):
    """A filter bank for 47,999 Hz to 16 kHz would hold 768 million weights."""
    sizes = []
    kernel = torchaudio.functional.functional._get_sinc_resample_kernel

    def measured(*arguments, **options):
        result = kernel(*arguments, **options)
        sizes.append(result[0].numel())
        return result

    monkeypatch.setattr(torchaudio.functional.functional, "_get_sinc_resample_kernel", measured)
    seconds = 2.0 if rate > 100 else 30.0
    samples = tone(rate, seconds, hertz=min(440.0, rate / 10))
    start = time.thread_time()
    changed = resample(samples, rate, wanted)
    assert time.thread_time() - start < 1
    assert sum(sizes) < 3 * module.MAX_KERNEL
    assert changed.dtype == np.float32
    assert len(changed) == -(-len(samples) * wanted // rate)
    middle = slice(len(changed) // 4, len(changed) * 3 // 4)
    expected = tone(wanted, len(changed) / wanted, hertz=min(440.0, rate / 10))[: len(changed)]
    np.testing.assert_allclose(changed[middle], expected[middle], atol=0.003)


def test_resampling_keeps_the_other_axes():
    samples = np.stack([tone(47_999, 0.2), tone(47_999, 0.2, 880)])
    changed = resample(samples, 47_999, 16_000)
    assert changed.shape == (2, 3201)
    np.testing.assert_allclose(changed[1], resample(samples[1], 47_999, 16_000))
    assert resample(np.zeros(0, np.float32), 47_999, 16_000).shape == (0,)


@pytest.mark.parametrize("rate", ODD)
def test_files_and_arrays_of_odd_rates(rate):
    samples = tone(rate, 1.0, hertz=min(440.0, rate / 10))
    pcm = (samples * 32767).astype("<i2")
    for source in (wav_header(rate, 1, 16, pcm.tobytes()), (rate, samples), (rate, pcm)):
        audio = check_audio(media.load("audio", source))
        assert audio.rate == min(rate, 48_000)
        assert audio.seconds == pytest.approx(1.0, abs=0.02)
        assert peak_hertz(audio) == pytest.approx(min(440.0, rate / 10), abs=1.5)


def test_half_a_minute_at_the_highest_rate_and_16_channels_is_read_in_little_memory():
    samples = np.zeros((768_000 * 31, 2), np.int16)
    with peak_growth() as grown:
        audio = check_audio(media.load("audio", (768_000, samples)))
    assert audio.seconds == 30
    assert grown() < 200e6
    del samples
    many = np.zeros((48_000 * 31, 64), np.uint8) + np.uint8(128)
    with peak_growth() as grown:
        loaded = media.load("audio", (48_000, many))
    assert grown() < 400e6
    assert any("64 channels" in note for note in loaded.notes)


@pytest.mark.parametrize("encoder", [AudioCNN, AudioMobileNet])
def test_encoders_read_odd_rates_at_the_cost_of_others(encoder):
    """Half a minute at 47,999 Hz cost 6 GB and a minute and a half."""
    reader = encoder()
    reader.prepare(Audio(48_000, tone(48_000, 1.0)))
    for rate in (101, 8001, 47_999):
        sound = Audio(rate, tone(rate, 30.0, hertz=rate / 10))
        start = time.thread_time()
        with peak_growth() as grown:
            reader.prepare(sound)
        assert time.thread_time() - start < 5
        assert grown() < 200e6


@pytest.mark.parametrize("rate", [0, 1, 11, 99, 2_000_000])
def test_rates_that_are_no_sound_are_one_sentence(rate):
    refused("audio", (rate, np.zeros(5000, np.float32)))
    refused("audio", wav_header(rate, 1, 16, bytes(10_000)))
