"""Encoders: the contract over the dict, and an oracle for what each does to its medium before the network reads it."""

import numpy as np
import pytest
import torch

from fusion.encoders import ENCODERS, Encoder, FixedEncoder, collate
from fusion.encoders.audio_cnn import RATE, focus, log_mel
from fusion.encoders.base import AttentionPool
from fusion.encoders.image_cnn import letterbox, standardise
from fusion.encoders.text_transformer import spell, words_of
from fusion.encoders.video_tcn import TemporalBlock, sample_times
from fusion.tasks import COMPACT
from fusion.types import Audio, Clip, Medium


def make_media(modality: str) -> list[Medium]:
    """Three media of different sizes."""
    rng = np.random.default_rng(0)
    if modality == "image":
        return [rng.integers(0, 256, size, dtype=np.uint8) for size in ((64, 64, 3), (30, 100, 3), (500, 300, 3))]
    if modality == "text":
        return ["seven", "the number is 七 again, not six", "x"]
    if modality == "audio":
        return [Audio(rate, rng.normal(0, 0.1, n).astype(np.float32)) for rate, n in ((8000, 4000), (44100, 90000), (16000, 200))]
    return [Clip(rng.integers(0, 256, (t, 48, 64, 3), dtype=np.uint8), np.arange(t, dtype=np.float32) / 10) for t in (1, 7, 40)]


@pytest.fixture(params=[*ENCODERS])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    torch.manual_seed(0)
    return ENCODERS[request.param]().eval()


def test_shapes_and_places(encoder: Encoder) -> None:
    prepared = [encoder.prepare(m) for m in make_media(encoder.modality)]
    features = encoder(*collate(prepared))
    B, T, D = features.tokens.shape
    assert B == 3 and encoder.embed_dim == D and features.pooled.shape == (B, D) and features.mask.shape == (B, T)
    torch.testing.assert_close(features.weights.sum(-1), torch.ones(B))
    assert (features.weights[~features.mask] == 0).all()
    for p, mask in zip(prepared, features.mask, strict=True):
        assert len(p.layout.places) == int(mask.sum()), "one place for each real token"


def test_alone_equals_in_a_batch(encoder: Encoder) -> None:
    prepared = [encoder.prepare(m) for m in make_media(encoder.modality)]
    together = encoder(*collate(prepared))
    for i, p in enumerate(prepared):
        alone = encoder(*collate([p]))
        torch.testing.assert_close(alone.pooled[0], together.pooled[i], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.tokens[0], together.tokens[i][together.mask[i]], rtol=1e-4, atol=1e-5)


def test_deterministic(encoder: Encoder) -> None:
    medium = make_media(encoder.modality)[1]
    one, two = (encoder(*collate([encoder.prepare(medium)])).pooled for _ in range(2))
    torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_gradient_reaches_every_parameter(encoder: Encoder) -> None:
    if isinstance(encoder, FixedEncoder):
        assert not list(encoder.parameters()), "nothing to train"
        return
    encoder.train()
    features = encoder(*collate([encoder.prepare(m) for m in make_media(encoder.modality)]))
    (features.pooled * torch.randn_like(features.pooled)).sum().backward()
    for path, parameter in encoder.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), path


def test_compact_names_are_of_their_modality() -> None:
    assert all(ENCODERS[name].modality == modality for modality, name in COMPACT.items())


def test_pool_of_one_token_is_the_token() -> None:
    pool = AttentionPool(8)
    tokens = torch.randn(2, 3, 8)
    mask = torch.tensor([[True, False, False], [False, True, False]])
    pooled, weights = pool(tokens, mask)
    torch.testing.assert_close(weights, mask.float())
    torch.testing.assert_close(pooled, pool.norm(torch.stack([tokens[0, 0], tokens[1, 1]])))


def test_letterbox_keeps_proportions_and_says_where() -> None:
    """A 2:1 picture fills the middle half of the square; the extent maps the square back onto it."""
    picture = np.full((20, 40, 3), 200, np.uint8)
    picture[:, :20] = 10
    square, extent = letterbox(picture, 64)
    assert extent == (0.0, -0.5, 1.0, 1.5)
    assert (square[16:48, :31] == 10).all() and (square[16:48, 33:] == 200).all()
    assert len(np.unique(square[:16])) == 1, "padding is one grey level"


def test_standardise_ignores_brightness_and_contrast() -> None:
    values = np.random.default_rng(0).normal(128, 40, (8, 8)).astype(np.float32)
    np.testing.assert_allclose(standardise(values * 0.5 + 30), standardise(values), rtol=1e-4, atol=1e-5)
    assert np.abs(standardise(np.full((8, 8), 77.0))).max() == 0


def test_words_and_their_spans() -> None:
    text = "seven, 七八 " + "x" * 45
    assert [text[a:b] for a, b in words_of(text)] == ["seven,", "七", "八", "x" * 20, "x" * 20, "x" * 5]


def test_digits_of_all_scripts_are_spelled_alike() -> None:
    assert spell("7") == spell("٧") == spell("७") == spell("７") == spell("⑦")
    assert spell("Seven")[1:] == spell("seven") and spell("VII")[1::2] == spell("vii")


def test_letters_of_the_task_do_not_share_a_row() -> None:
    """Hashing may merge rare letters, but none that name different digits."""
    from fusion.tasks.digits.words import WORDS

    rows: dict[int, str] = {}
    for letter in {c for words in WORDS.values() for word in words for c in word if not c.isspace()}:
        assert rows.setdefault(spell(letter)[-1], letter) == letter


def test_log_mel_peak_is_at_the_tone() -> None:
    """1 kHz lands in the band whose centre is nearest on the mel scale (48 bands from 60 to 3900 Hz, Slaney's scale)."""
    import librosa

    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    centres = librosa.mel_frequencies(50, fmin=60, fmax=3900)[1:-1]
    assert log_mel(tone).mean(0).argmax() == np.abs(centres - 1000).argmin()


def test_log_mel_equals_librosa() -> None:
    import librosa

    x = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    mel = librosa.feature.melspectrogram(y=x, sr=RATE, n_fft=256, hop_length=128, n_mels=48, fmin=60, fmax=3900, pad_mode="reflect")
    np.testing.assert_allclose(log_mel(x), librosa.power_to_db(mel, ref=np.max, top_db=70).T, atol=0.05)


def test_focus_finds_the_word() -> None:
    """Ten seconds of faint noise with a second of sound at 6 s: the window holds all of it."""
    rng, rate = np.random.default_rng(0), 8000
    x = rng.normal(0, 0.001, 10 * rate)
    x[6 * rate : 7 * rate] += rng.normal(0, 0.2, rate)
    start, end = focus(x.astype(np.float32), rate, 2.56)
    assert start <= 6 * rate and end >= 7 * rate and end - start <= 2.56 * rate
    assert focus(x[:rate], rate, 2.56) == (0, rate)


def test_audio_places_are_seconds_of_the_recording() -> None:
    encoder, rate = ENCODERS["audio_cnn"](), 16000
    x = np.zeros(10 * rate, np.float32)
    x[8 * rate : 9 * rate] = np.random.default_rng(0).normal(0, 0.2, rate)
    prepared = encoder.prepare(Audio(rate, x))
    assert prepared.extent[0] <= 8.0 and prepared.extent[1] >= 9.0
    np.testing.assert_allclose(np.diff(prepared.layout.places, axis=1), 0.064, atol=1e-5)


def test_quiet_and_loud_are_the_same_sound() -> None:
    encoder = ENCODERS["audio_cnn"]().eval()
    x = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    quiet, loud = (encoder(*collate([encoder.prepare(Audio(8000, x * gain))])).pooled for gain in (0.05, 1.0))
    torch.testing.assert_close(quiet, loud, rtol=1e-3, atol=1e-3)


def test_frames_are_sampled_by_time_not_by_number() -> None:
    """Variable frame rate: 90 frames in the first second, 10 in the next nine; half the samples are past the middle of the time."""
    times = np.concatenate([np.linspace(0, 1, 90), np.linspace(1.9, 10, 10)])
    picked = times[sample_times(times, 12)]
    assert picked[0] == 0 and picked[-1] == 10 and (picked > 5).sum() >= 5


def test_temporal_block_reaches_as_far_as_it_says() -> None:
    """Kernel 3 at dilation 2, twice: an impulse spreads 4 steps to either side and no further."""
    block = TemporalBlock(4, 3, 2).eval()
    x, mask = torch.zeros(1, 4, 21), torch.ones(1, 21, dtype=torch.bool)
    changed = x.clone()
    changed[0, :, 10] = 5.0
    reach = (block(changed, mask) - block(x, mask)).abs().sum(1)[0] > 1e-6
    assert reach[10] and not reach[:6].any() and not reach[15:].any()
