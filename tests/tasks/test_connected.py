"""Digits of many speakers and out of connected speech: what is joined, cut, read and paired."""

import ctypes.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from fusion.files import save_json
from fusion.tasks import TASKS
from fusion.tasks.digits import connected, outside_sets, sources, speech, strings
from fusion.tasks.digits.sounds import RATE
from fusion.types import FusionError

RNG = np.random.default_rng


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def pitch(samples: np.ndarray) -> float:
    """Frequency in Hz of the strongest partial."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 16384))
    return float(spectrum.argmax() * RATE / 16384)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digit k is a tone of 300 + 100 k Hz: six speakers of FSDD, ten others at 16 kHz, one string with another word in it."""
    folder = tmp_path_factory.mktemp("speech")
    (folder / "fsdd/recordings").mkdir(parents=True)
    (folder / "spoken_digits_many").mkdir()
    (folder / connected.FOLDER).mkdir()
    for digit in range(10):
        for speaker in sources.SPEAKERS:
            samples = (tone(300 + 100 * digit, 0.4) * 32767).astype(np.int16)
            wavfile.write(folder / f"fsdd/recordings/{digit}_{speaker}_12.wav", RATE, samples)
        for speaker in range(10):
            path = folder / f"spoken_digits_many/{digit}_g{speaker}_0.flac"
            soundfile.write(path, tone(300 + 100 * digit, 0.4, 16000), 16000)
    joined = np.concatenate([tone(700, 0.4), tone(2000, 0.4), tone(500, 0.4)])
    wavfile.write(folder / connected.FOLDER / "0.wav", RATE, (joined * 32767).astype(np.int16))
    about = {"0.wav": {"borders": [0, 3200, 6400, 9600], "digits": [4, -1, 2]}}
    save_json(folder / connected.FOLDER / connected.BORDERS, about, checksum=False)
    return folder


def test_many_speakers_are_read_at_8_khz(data: Path) -> None:
    many = sources.load_spoken_digits_many(data)
    assert len(many.sounds) == 100 and {s.rate for s in many.sounds} == {RATE}
    assert all(pitch(s.samples) == pytest.approx(300 + 100 * k, abs=5) for s, k in zip(many.sounds, many.labels, strict=True))


def test_each_speaker_is_in_one_fold(data: Path) -> None:
    many = sources.load_spoken_digits_many(data)
    folds = [set(sources.fold_of(many.speakers, fold)) for fold in range(sources.FOLDS)]
    assert sum(map(len, folds)) == len(set.union(*folds)) == 10


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="many speakers is not in the data folder"):
        sources.load_spoken_digits_many(tmp_path)
    assert connected.load_strings(tmp_path) == []


@pytest.mark.parametrize("seed", range(20))
def test_borders_lie_between_the_joined_words(seed: int) -> None:
    """In the middle of each part is the tone of its word."""
    digits = (1, 4, 7, 2)
    string = connected.join([tone(300 + 100 * d, 0.4) for d in digits], digits, RNG(seed))
    assert len(string.borders) == 5 and string.borders[-1] == len(string.samples)
    for i, digit in enumerate(digits):
        middle = (string.borders[i] + string.borders[i + 1]) // 2
        assert pitch(string.samples[middle - 600 : middle + 600]) == pytest.approx(300 + 100 * digit, abs=15)


def test_a_cut_word_has_the_length_of_fast_and_slow_speech() -> None:
    string = connected.join([tone(500, 0.5)] * 3, (2, 2, 2), RNG(0))
    lengths = [len(connected.cut(string, 1, RNG(seed))) / RATE for seed in range(200)]
    assert 0.1 < min(lengths) < 0.3 and 0.6 < max(lengths) < 1.25


def test_the_cut_of_a_test_word_holds_it_whole() -> None:
    string = connected.String(np.arange(8000, dtype=np.float32), np.array([0, 3000, 5000, 8000]), (1, 2, 3))
    for seed in range(20):
        sound, digit = outside_sets.cut_exactly(string, 1, RNG(seed))
        assert digit == 2
        assert 3000 - 640 <= sound.samples[0] <= 3000 and 4999 <= sound.samples[-1] <= 5000 + 640


def test_pairs_have_one_label_and_an_easier_recording(data: Path) -> None:
    """The easier recording is the tone of the label, every kind occurs, and the same index gives the same pair."""
    pairs = TASKS["digits"].pairs("audio", data, "fold-2")
    made = [pairs.pair(i, 3) for i in range(120)]
    for new, easy in made:
        assert new.label == easy.label and new.named == ("audio",)
        assert pitch(easy.inputs["audio"].samples) == pytest.approx(300 + 100 * new.label, abs=25)
        assert np.isfinite(new.inputs["audio"].samples).all() and np.abs(new.inputs["audio"].samples).max() <= 1
    assert len({new.label for new, _ in made}) == 10
    np.testing.assert_array_equal(pairs.pair(7, 3)[0].inputs["audio"].samples, made[7][0].inputs["audio"].samples)


def test_speakers_of_the_fold_are_left_out(data: Path) -> None:
    left_out = sources.fold_of(sources.load_spoken_digits_many(data).speakers, 2)
    kept = speech.SpokenPairs(data, 2)
    assert left_out and not {f"many {s}" for s in left_out} & set(kept.words)
    assert {f"many {s}" for s in left_out} <= set(speech.SpokenPairs(data).words)
    assert len(kept.single) == 10 * (10 - len(left_out))


def test_a_part_that_does_not_exist_is_one_sentence(data: Path) -> None:
    with pytest.raises(FusionError, match="no part fold-7 to leave out; there are fold-0, "):
        TASKS["digits"].pairs("audio", data, "fold-7")


def test_half_of_the_new_sounds_are_corrupted(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often and as severely as the sounds that the encoder learned before: half of them clean, the others evenly at 1 to 5."""
    levels: list[int] = []

    def corrupt(_: str, medium: object, level: int, __: object) -> object:
        levels.append(level)
        return medium

    monkeypatch.setattr(speech, "corrupt", corrupt)
    pairs = speech.SpokenPairs(data)
    for index in range(300):
        pairs.pair(index, 1)
    counts = np.bincount(levels, minlength=6)
    assert counts[0] == pytest.approx(150, abs=30) and (counts[1:] > 10).all()


def test_no_new_kinds_of_other_media(data: Path) -> None:
    with pytest.raises(FusionError, match="no new kinds of samples for video"):
        TASKS["digits"].pairs("video", data)


def test_test_sets_of_speakers_are_the_fold(data: Path) -> None:
    sets = outside_sets.speaker_sets(data, 2)
    assert len(list(sets["audio_new_speakers"].media)) == 20
    assert len(list(sets["audio_connected_new_speakers"].media)) == 48


@pytest.mark.skipif(not ctypes.util.find_library("espeak-ng") or not shutil.which("espeak-ng"), reason="eSpeak NG is not installed")
def test_synthetic_strings_say_where_each_word_is(tmp_path: Path) -> None:
    assert strings.make_strings(tmp_path / connected.FOLDER, 6) > 0
    for string in connected.load_strings(tmp_path):
        assert len(string.borders) == len(string.digits) + 1
        assert (np.diff(string.borders) >= strings.SHORTEST * RATE).all() and string.borders[-1] <= len(string.samples)
        loud = [np.abs(string.samples[a:b]).max() for a, b in zip(string.borders[:-1], string.borders[1:], strict=True)]
        assert min(loud) > 0.05


@pytest.mark.skipif(not shutil.which("flite"), reason="flite is not installed")
def test_flite_strings_begin_and_end_with_their_words() -> None:
    string = outside_sets.flite_string([9, 5], "slt", RNG(0))
    assert string is not None and len(string.borders) == 3
    assert np.abs(string.samples[string.borders[0] : string.borders[1]]).max() > 0.05
