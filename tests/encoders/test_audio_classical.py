"""Classical features of sound: against librosa, at tones whose place is known, and at any loudness."""

import numpy as np
import pytest
import torch

from fusion.encoders import collate
from fusion.encoders.audio_cnn import HOP, RATE
from fusion.encoders.audio_cqt import AudioCQT, note_names, semitones
from fusion.encoders.audio_mfcc import COEFFICIENTS, AudioMFCC, cepstra, slope
from fusion.encoders.audio_spectrogram import WIDTH, AudioSpectrogram, spectrogram
from fusion.encoders.spectra import MOMENTS, SpectralEncoder, moments
from fusion.types import Audio


@pytest.fixture(params=[AudioMFCC, AudioSpectrogram, AudioCQT])
def encoder(request: pytest.FixtureRequest) -> SpectralEncoder:
    return request.param()


def hiss(seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, int(seconds * rate)).astype(np.float32)


def tone(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def test_mfcc_equals_librosa() -> None:
    import librosa

    x = hiss()
    mel = librosa.feature.melspectrogram(y=x, sr=RATE, n_fft=256, hop_length=128, n_mels=48, fmin=60, fmax=3900, pad_mode="reflect")
    reference = librosa.feature.mfcc(S=librosa.power_to_db(mel, ref=np.max, top_db=70), n_mfcc=COEFFICIENTS)
    np.testing.assert_allclose(cepstra(x), reference, atol=0.1)
    np.testing.assert_allclose(slope(cepstra(x)), librosa.feature.delta(cepstra(x), width=5, mode="nearest"), atol=1e-3)


def test_slope_of_a_ramp() -> None:
    ramp = np.stack([3.0 * np.arange(20), -0.5 * np.arange(20)]).astype(np.float32)
    np.testing.assert_allclose(slope(ramp)[:, 2:-2], [[3.0] * 16, [-0.5] * 16], rtol=1e-5)


@pytest.mark.parametrize("hertz", [310.0, 1000.0 + WIDTH / 2, 3450.0])
def test_spectrogram_peak_is_at_the_tone(hertz: float) -> None:
    assert spectrogram(tone(hertz)).mean(1).argmax() == int(hertz // WIDTH)


def test_spectrogram_equals_librosa() -> None:
    import librosa

    x = hiss()
    power = np.abs(librosa.stft(x, n_fft=256, hop_length=128, pad_mode="reflect"))[1:] ** 2
    bands = power.reshape(32, 4, -1).sum(1)
    np.testing.assert_allclose(spectrogram(x), librosa.power_to_db(bands, ref=np.max, top_db=70), atol=0.01)


@pytest.mark.parametrize(("note", "hertz"), [("A4", 440.0), ("C4", 261.63), ("E6", 1318.51)])
def test_constant_q_peak_is_at_the_note_and_an_octave_up_12_rows_higher(note: str, hertz: float) -> None:
    row = semitones(tone(hertz)).mean(1).argmax()
    assert note_names()[row] == note
    assert semitones(tone(2 * hertz)).mean(1).argmax() == row + 12


def test_moments_follow_the_word_not_the_recording() -> None:
    """A second of sound between faint noise, early or late: the same moments within it, from its first half to its second."""
    x = 0.001 * hiss(4.0)
    for start in (0, 2):
        y = x.copy()
        y[start * RATE : (start + 1) * RATE] += hiss()
        weights = moments(y, 1 + len(y) // HOP)
        centres = np.arange(len(weights)) @ weights * HOP / RATE - start
        np.testing.assert_allclose(weights.sum(0), 1)
        np.testing.assert_allclose(centres, np.linspace(0, 1, MOMENTS), atol=0.12)
        assert (np.diff(centres) > 0).all()


def test_vector_is_mean_and_deviation_at_each_moment() -> None:
    encoder = AudioSpectrogram()
    values, mask = collate([encoder.prepare(Audio(RATE, hiss()))])
    weights, frames = values[0, :, :MOMENTS].double(), values[0, :, MOMENTS:].double()
    mean = weights.T @ frames
    around = torch.stack([(weights[:, m, None] * (frames - mean[m]).square()).sum(0).sqrt() for m in range(MOMENTS)])
    torch.testing.assert_close(encoder.describe(values, mask)[2][0], torch.cat([mean, around], 1).flatten().float())


def test_loudness_does_not_matter(encoder: SpectralEncoder) -> None:
    quiet, loud = (encoder(*collate([encoder.prepare(Audio(RATE, gain * hiss()))])).pooled for gain in (0.05, 1.0))
    torch.testing.assert_close(quiet, loud, rtol=1e-3, atol=1e-3)


def test_short_long_and_silent_sounds(encoder: SpectralEncoder) -> None:
    """Any of them gives finite numbers, alone what it gives in a batch; a place of 64 ms for each token."""
    sounds = [Audio(RATE, hiss()[:1]), Audio(16000, hiss()[:200]), Audio(44100, hiss(5, 44100)), Audio(RATE, np.zeros(8000, np.float32))]
    prepared = [encoder.prepare(x) for x in sounds]
    together = encoder(*collate(prepared))
    assert torch.isfinite(together.tokens).all() and torch.isfinite(together.pooled).all()
    torch.testing.assert_close(together.weights.sum(1), torch.ones(4))
    for i, p in enumerate(prepared):
        alone = encoder(*collate([p]))
        torch.testing.assert_close(alone.pooled[0], together.pooled[i], rtol=1e-4, atol=1e-5)
        assert len(p.layout.places) == int(together.mask[i].sum()) == alone.tokens.shape[1]
        np.testing.assert_allclose(np.diff(p.layout.places, axis=1), 0.064, atol=1e-5)


def test_places_are_seconds_of_the_recording(encoder: SpectralEncoder) -> None:
    """The word at 8 s of ten: what weighs in the vector lies there."""
    x = np.zeros(10 * RATE, np.float32)
    x[8 * RATE : 9 * RATE] = hiss()
    prepared = encoder.prepare(Audio(RATE, x))
    weights = encoder(*collate([prepared])).weights[0].numpy()
    middle = prepared.layout.places.mean(1)
    assert weights[(middle > 7.9) & (middle < 9.1)].sum() > 0.95


def test_panels_cover_the_sound(encoder: SpectralEncoder) -> None:
    sound = Audio(RATE, hiss())
    prepared = encoder.prepare(sound)
    for panel in encoder.panels(sound, prepared):
        assert panel.kind == "series" and panel.values.shape == (len(panel.names), len(prepared.values))
        assert panel.extent == prepared.extent and (panel.signed or panel.values.min() >= 0)
