"""The examples of `scenes`: all can be made, always the same, and the synthesised sounds are what they are built to be."""

import numpy as np
import pytest
from scipy import signal

from fusion.tasks import SCENES
from fusion.tasks.scenes import examples
from fusion.tasks.scenes.examples import EXAMPLES, WRITTEN, draw_clock, make_example, make_picture
from fusion.tasks.scenes.synthesis import RATE, SOUNDS, make_sound
from fusion.types import MODALITIES, Audio, Clip, FusionError


def spectrum(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and power of a made sound."""
    return signal.welch(make_sound(name).samples, RATE, nperseg=4096)


def envelope(name: str, hertz: float) -> np.ndarray:
    """Loudness at 200 values a second, smoothed to `hertz`."""
    power = make_sound(name).samples.astype(float) ** 2
    blocks = np.sqrt(power[: len(power) // 80 * 80].reshape(-1, 80).mean(1))
    return signal.sosfiltfilt(signal.butter(2, hertz, fs=200, output="sos"), blocks)


def loud_parts(name: str, hertz: float = 12, share: float = 0.25) -> int:
    """How many times the loudness rises above a share of its greatest."""
    above = envelope(name, hertz) > share * envelope(name, hertz).max()
    return int((np.diff(above.astype(int)) == 1).sum())


def share_between(name: str, low: float, high: float) -> float:
    f, power = spectrum(name)
    return float(power[(f >= low) & (f < high)].sum() / power.sum())


def test_all_are_offered_where_the_requirements_are_installed() -> None:
    assert list(EXAMPLES) == list(WRITTEN) and 8 <= len(EXAMPLES) <= 10


@pytest.mark.parametrize("name", WRITTEN)
def test_example_has_the_media_it_says(name: str) -> None:
    example, media = EXAMPLES[name], make_example(name)
    assert tuple(media) == example.modalities
    assert set(example.severity) <= set(media)
    for modality, medium in media.items():
        assert isinstance(medium, {"image": np.ndarray, "text": str, "audio": Audio, "video": Clip}[modality])
        if modality == "image":
            assert medium.dtype == np.uint8 and medium.ndim == 3 and medium.shape[2] == 3 and min(medium.shape[:2]) >= 200
        if modality == "video":
            assert medium.frames.dtype == np.uint8 and len(medium.frames) == len(medium.times) and (np.diff(medium.times) > 0).all()
            assert (medium.audio is not None) == example.own_sound
    if example.own_sound:
        assert media["video"].audio is media["audio"]


def test_an_example_is_the_same_each_time() -> None:
    first, second = make_example("cat"), make_example("cat")
    assert (first["image"] == second["image"]).all() and (first["video"].frames == second["video"].frames).all()
    fresh = make_sound.__wrapped__("cat")
    assert fresh is not first["audio"] and (fresh.samples == first["audio"].samples).all()


def test_unknown_names_and_missing_packages_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FusionError, match="no example named 'dragon'"):
        make_example("dragon")
    with pytest.raises(FusionError, match="no synthesised sound of 'dragon'"):
        make_sound("dragon")
    monkeypatch.setitem(examples.PACKAGED, "cat", ("no_such_package", "data/chelsea.png"))
    assert not examples.can_make(WRITTEN["conflict"]) and examples.can_make(WRITTEN["listen"])
    with pytest.raises(FusionError, match="needs chelsea.png of the package no_such_package"):
        make_example("conflict")


def test_media_are_of_a_class_or_of_none_as_told() -> None:
    assert set(SOUNDS) == set(SCENES)
    told = {n for e in WRITTEN.values() for n in (e.image, e.audio, e.video) if n}
    assert {n for n in told if n not in SCENES} == {"coffee", "motorcycle", "saxophone"}
    assert {e for e in WRITTEN if WRITTEN[e].audio == "saxophone"} == {"nothing"}
    assert set(WRITTEN["noisy"].severity) == set(MODALITIES)


@pytest.mark.parametrize("name", SOUNDS)
def test_sound_is_sound(name: str) -> None:
    sound = make_sound(name)
    assert sound.rate == RATE and 4 <= sound.seconds <= 5 and sound.samples.dtype == np.float32
    assert np.isfinite(sound.samples).all() and np.abs(sound.samples).max() == pytest.approx(0.8, abs=0.01)
    assert abs(float(sound.samples.mean())) < 1e-3


def test_the_clock_ticks_every_half_second() -> None:
    beats = envelope("clock", 40) - envelope("clock", 40).mean()
    echo = np.correlate(beats, beats, "full")[len(beats) - 1 :]
    assert 50 + int(echo[50:150].argmax()) in range(99, 102)  # tick to tock, in 5 ms
    assert echo[100] > 0.5 * echo[0] and echo[40:60].max() < 0.1 * echo[0] and echo[140:160].max() < 0.1 * echo[0]


def test_the_sea_swells_slowly() -> None:
    swell = envelope("sea", 20)
    f, power = signal.periodogram(swell - swell.mean(), 200)
    assert power[f < 1].sum() > 0.6 * power.sum() and swell.max() > 2.5 * swell.min()


def test_rain_does_not_swell() -> None:
    assert envelope("rain", 2).min() > 0.7 * envelope("rain", 2).max()


def test_fire_snaps() -> None:
    """Few moments hold most of the loudness: kurtosis, 3 for noise."""
    samples = make_sound("fire").samples
    assert np.mean(samples**4) / np.mean(samples**2) ** 2 > 10


@pytest.mark.parametrize(("name", "low", "high"), [("bird", 2000, 7000), ("cow", 100, 400), ("cat", 400, 4000), ("frog", 900, 3200)])
def test_where_the_loudest_frequency_lies(name: str, low: float, high: float) -> None:
    f, power = spectrum(name)
    assert low < f[power.argmax()] < high and share_between(name, low, high) > 0.7


def test_a_roar_is_deeper_than_a_bark_and_a_bark_than_a_chirp() -> None:
    middle = {name: np.interp(0.5, np.cumsum(spectrum(name)[1]) / spectrum(name)[1].sum(), spectrum(name)[0]) for name in SOUNDS}
    assert middle["lion"] < middle["dog"] < middle["bird"]


@pytest.mark.parametrize(("name", "times"), [("dog", 5), ("cat", 3), ("cow", 1), ("lion", 2)])
def test_how_often_an_animal_calls(name: str, times: int) -> None:
    assert loud_parts(name, 4 if name != "dog" else 8) == times


def test_a_bleat_trembles() -> None:
    """Loudness within the first call beats 12 times a second."""
    bleat = envelope("sheep", 60)[60:190]
    f, power = signal.periodogram(signal.detrend(bleat), 200, window="hann", nfft=2048)
    band = (f > 8) & (f < 25)
    assert f[band][power[band].argmax()] == pytest.approx(12, abs=2.5)


def test_the_drawn_clock_shows_the_time() -> None:
    """At ten past ten the hour hand is dark up and left of the middle, nothing is there to the right and below but the red hand."""
    picture = draw_clock(240).astype(int)
    assert picture.shape == (240, 240, 3)

    def at(turn: float, far: float) -> np.ndarray:
        return picture[round(120 - far * 120 * np.cos(2 * np.pi * turn)), round(120 + far * 120 * np.sin(2 * np.pi * turn))]

    assert at((10 + 9 / 60) / 12, 0.25).max() < 80 and at(9 / 60, 0.45).max() < 80
    assert at(0.25, 0.4).min() > 190 and at(0.45, 0.3).min() > 190
    assert np.ptp(at(36 / 60, 0.4)) > 50
    assert make_picture("clock").shape == (480, 480, 3)
