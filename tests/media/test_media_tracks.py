"""Several channels, tracks and clocks in one file: what carries the signal is read, and each thing comes when it came."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest

from fusion import media
from tests.media.checks import check_audio, check_clip, peak_hertz
from tests.media.files import clip_file, ramp, sound_file, tone, wav_header

RATE = 16_000


def voice(seconds: float = 0.5, hertz: float = 440.0) -> np.ndarray:
    return tone(RATE, seconds, hertz)


def noise(seed: int = 0, level: float = 1.0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(RATE // 2)).astype(np.float32)


def likeness(audio: media.Loaded, signal: np.ndarray) -> float:
    """Correlation, whatever the sign."""
    return abs(float(np.corrcoef(check_audio(audio).samples, signal)[0, 1]))


OPPOSITE = {
    "exactly": lambda x: [x, -x],
    "nearly": lambda x: [x, -0.9 * x],
    "with noise": lambda x: [x + noise(1, 0.01), -x + noise(2, 0.01)],
    "weaker first": lambda x: [-0.6 * x, x],
    "four": lambda x: [x, -x, x, -x],
    "surround": lambda x: [x, -x, 0 * x, 0 * x, 0 * x, 0 * x],
}


@pytest.mark.parametrize("case", OPPOSITE)
def test_opposite_channels_never_cancel(case):
    samples = np.stack(OPPOSITE[case](voice()), 1).astype(np.float32)
    integers = (samples * 32767).astype(np.int16)
    for source in ((RATE, samples), (RATE, integers), wav_header(RATE, samples.shape[1], 32, samples.tobytes(), 3)):
        loaded = media.load("audio", source)
        assert likeness(loaded, voice()) > 0.99
        assert np.abs(loaded.medium.samples).max() > 0.4
        assert any("cancel" in note for note in loaded.notes)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: np.full_like(x, np.nan),
        lambda x: np.where(np.arange(len(x)) % 2, np.nan, x),
        lambda x: np.full_like(x, np.inf),
        lambda x: np.full_like(x, 0.9),
        lambda x: np.full_like(x, -0.5) + noise(3, 0.001),
        lambda x: np.sign(noise(4)),
        lambda x: np.clip(3 * noise(5), -1, 1),
        lambda x: 1e20 * noise(6),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_bad_channel_is_left_out(make, first):
    good, bad = voice(), make(voice()).astype(np.float32)
    samples = np.stack([good, bad] if first else [bad, good], 1)
    for source in ((RATE, samples), wav_header(RATE, 2, 32, samples.tobytes(), 3)):
        loaded = media.load("audio", source)
        np.testing.assert_allclose(check_audio(loaded).samples, good, atol=1e-5)
        assert any(note.endswith(f"left out: {2 if first else 1}.") for note in loaded.notes)


def test_a_silent_channel_does_not_hide_the_other():
    assert likeness(media.load("audio", (RATE, np.stack([0 * voice(), voice()], 1))), voice()) > 0.999


@pytest.mark.parametrize("other", [lambda x: x, lambda x: 0.5 * x, lambda x: noise(7, 0.1), lambda x: np.roll(x, 3)])
def test_ordinary_channels_are_averaged_without_a_word(other):
    samples = np.stack([voice(), other(voice())], 1).astype(np.float32)
    loaded = media.load("audio", (RATE, samples))
    np.testing.assert_allclose(check_audio(loaded).samples, samples.mean(1), atol=1e-6)
    assert not loaded.notes


def several_tracks(container: str, sounds: list[tuple[np.ndarray, bool]], codec: str = "aac", rate: int = 48_000) -> bytes:
    """A file of sound tracks (samples, whether it is the default)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        streams = [out.add_stream(codec, rate=rate, layout="mono") for _ in sounds]
        for stream, (_, default) in zip(streams, sounds, strict=True):
            stream.disposition = av.stream.Disposition.default if default else av.stream.Disposition(0)
            stream.codec_context.open()
        for stream, (samples, _) in zip(streams, sounds, strict=True):
            frame = av.AudioFrame.from_ndarray(samples[None], "flt", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            context = stream.codec_context
            ready = av.AudioResampler(context.format.name, "mono", rate, context.frame_size or None)
            for piece in [*ready.resample(frame), *ready.resample(None)]:
                out.mux(stream.encode(piece))
            out.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(("container", "codec"), [("ipod", "aac"), ("mov", "pcm_s16le"), ("matroska", "flac"), ("webm", "libopus")])
@pytest.mark.parametrize("default", [0, 1, 2])
def test_the_default_sound_track_is_read(container, codec, default):
    tones = [300.0, 600.0, 900.0]
    tracks = [(tone(48_000, 1.0, hertz), i == default) for i, hertz in enumerate(tones)]
    audio = check_audio(media.load("audio", several_tracks(container, tracks, codec)))
    assert peak_hertz(audio) == pytest.approx(tones[default], abs=2)


def film_behind(container: str, codec: str, first: int, default: int | None = None, second: int = 20) -> bytes:
    """Two tracks of pictures: `first` dark frames, then a film of `second` bright ones."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        streams = [out.add_stream(codec, rate=10) for _ in range(2)]
        for i, stream in enumerate(streams):
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p" if codec == "mjpeg" else "yuv420p"
            if default is not None:
                stream.disposition = av.stream.Disposition.default if i == default else av.stream.Disposition(0)
        packets = []
        for i, (stream, count) in enumerate(zip(streams, (first, second), strict=True)):
            for n in range(count):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 if i == 0 else 200, np.uint8), "rgb24")
                frame.pts, frame.time_base = n, Fraction(1, 10)
                packets += stream.encode(frame)
            packets += stream.encode(None)
        for packet in packets:
            out.mux(packet)
    return buffer.getvalue()


@pytest.mark.parametrize(("container", "codec"), [("mov", "mjpeg"), ("mp4", "libx264"), ("matroska", "libx264"), ("webm", "libvpx")])
@pytest.mark.parametrize("default", [None, 0, 1])
def test_the_film_is_read_and_not_the_picture_before_it(container, codec, default):
    clip = check_clip(media.load("video", film_behind(container, codec, 1, default)))
    assert len(clip.frames) == 20
    assert clip.frames.mean() > 150


@pytest.mark.parametrize(("container", "codec"), [("mp4", "libx264"), ("matroska", "libx264")])
@pytest.mark.parametrize("default", [0, 1])
def test_the_default_film_is_read(container, codec, default):
    clip = check_clip(media.load("video", film_behind(container, codec, 20, default)))
    assert (clip.frames.mean() > 150) == (default == 1)


def recording(container: str, codec: str, pieces: list[tuple[float, float]], pictures: float | None = None, start: float = 0.0) -> bytes:
    """Sound with a beep of 1 kHz in the middle of each piece.

    Args:
        pieces: (seconds at which it begins, seconds it lasts).
        pictures: seconds at which a second of pictures begins, None for no pictures.
        start: seconds added to all times.
    """
    rate, buffer = 48_000, io.BytesIO()
    with av.open(buffer, "w", format=container, options={"avoid_negative_ts": "disabled"}) as out:
        video = None
        if pictures is not None:
            video = out.add_stream("libvpx" if container == "webm" else "libx264", rate=10)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        stream = out.add_stream(codec, rate=rate, layout="mono")
        context = stream.codec_context
        context.open()
        packets = []
        for n in range(10 if video else 0):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * n, np.uint8), "rgb24")
            frame.pts, frame.time_base = round((pictures + start) * 10) + n, Fraction(1, 10)
            packets += video.encode(frame)
        packets += video.encode(None) if video else []
        whole = np.zeros(round(rate * max(begin + length for begin, length in pieces)), np.float32)
        for begin, length in pieces:
            middle = round(rate * (begin + length / 2))
            whole[middle - 1200 : middle + 1200] = tone(rate, 0.05, 1000)
        frame = av.AudioFrame.from_ndarray(whole[None], "flt", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        ready = av.AudioResampler(context.format.name, "mono", rate, context.frame_size or 960)
        sounds = []
        for piece in [*ready.resample(frame), *ready.resample(None)]:
            sounds += stream.encode(piece)
        for packet in [*sounds, *stream.encode(None)]:
            now = float(packet.pts * packet.time_base)
            if any(begin - 0.005 <= now < begin + length - 0.005 for begin, length in pieces):
                packet.pts += round(start / packet.time_base)
                packet.dts = packet.pts
                packets.append(packet)
        packets.sort(key=lambda p: float(p.dts * p.time_base))
        for packet in packets:
            out.mux(packet)
    return buffer.getvalue()


def beeps(samples: np.ndarray, rate: int = 48_000) -> list[float]:
    """The middles of the beeps in seconds."""
    loud = np.flatnonzero(np.abs(samples) > 0.2) / rate
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > 0.2) + 1)
    return [round(float(group.mean()), 2) for group in groups if len(group)]


CLOCKED = [
    ("webm", "libopus"),
    ("matroska", "flac"),
    ("matroska", "aac"),
    ("matroska", "pcm_s16le"),
    ("mp4", "aac"),
    ("mpegts", "aac"),
    ("mpegts", "mp2"),
]


@pytest.mark.parametrize(("container", "codec"), CLOCKED)
@pytest.mark.parametrize("start", [0.0, 5.0])
def test_gaps_in_sound_are_silence(container, codec, start):
    loaded = media.load("audio", recording(container, codec, [(0.0, 1.0), (2.0, 1.0)], start=start))
    audio = check_audio(loaded)
    np.testing.assert_allclose(beeps(audio.samples), [0.5, 2.5], atol=0.05)
    assert audio.seconds == pytest.approx(3.0, abs=0.08)
    assert not any("cut short" in note for note in loaded.notes)
    assert any("silence" in note for note in loaded.notes)


@pytest.mark.parametrize(("container", "codec"), [c for c in CLOCKED if c[1] != "mp2"])
@pytest.mark.parametrize("start", [0.0, 7.0])
@pytest.mark.parametrize("pictures", [0.0, 1.0])
def test_sound_and_pictures_are_on_one_clock(container, codec, start, pictures):
    loaded = media.load("video", recording(container, codec, [(0.0, 1.0), (2.0, 1.0)], pictures, start))
    clip = check_clip(loaded)
    expected = [t - pictures for t in (0.5, 2.5) if t >= pictures]
    np.testing.assert_allclose(beeps(clip.audio.samples), expected, atol=0.05)
    assert not any("cut short" in note for note in loaded.notes)
    np.testing.assert_allclose(clip.times, np.arange(10) / 10, atol=0.01)


@pytest.mark.parametrize(("container", "codec"), CLOCKED)
def test_sound_that_begins_after_the_pictures_comes_late(container, codec):
    loaded = media.load("video", recording(container, "aac" if codec == "mp2" else codec, [(2.0, 1.0)], 0.0))
    np.testing.assert_allclose(beeps(check_clip(loaded).audio.samples), [2.5], atol=0.05)
    assert not any("cut short" in note for note in loaded.notes)


@pytest.mark.parametrize(("container", "codec"), CLOCKED)
def test_times_that_begin_later_than_zero(container, codec):
    loaded = media.load("audio", recording(container, codec, [(0.0, 3.0)], start=20.0))
    assert check_audio(loaded).seconds == pytest.approx(3.0, abs=0.08)
    assert beeps(loaded.medium.samples) == pytest.approx([1.5], abs=0.03)
    assert not loaded.notes


def test_sound_that_begins_long_before_the_pictures_is_read_to_the_end_of_the_clip():
    loaded = media.load("video", recording("matroska", "flac", [(0.0, 40.0)], pictures=5.0))
    clip = check_clip(loaded)
    assert clip.audio.seconds == 30
    assert beeps(clip.audio.samples) == pytest.approx([15.0], abs=0.03)


@pytest.mark.parametrize("pictures", [0.0, 4.0])
def test_sound_that_lies_outside_of_the_clip_is_left_out(pictures):
    sound = [(0.0, 2.0)] if pictures else [(40.0, 1.0)]
    assert check_clip(media.load("video", recording("matroska", "flac", sound, pictures))).audio is None


def test_frames_that_were_dropped_while_recording_are_no_damage():
    """AVI counts frames: where one is missing, an empty packet stands for it."""
    loaded = media.load("video", clip_file("avi", "mpeg4", ramp(4), times=[0, 100, 500, 600]))
    np.testing.assert_allclose(check_clip(loaded).times, [0, 0.1, 0.5, 0.6], atol=0.01)
    assert not any("damaged" in note for note in loaded.notes)


def test_two_mp3s_of_other_rates_glued_together_are_read_whole():
    parts = [sound_file("mp3", "libmp3lame", rate, tone(rate, 2.0, hertz)) for rate, hertz in ((44_100, 440), (22_050, 880))]
    for pair in (parts, parts[::-1]):
        loaded = media.load("audio", b"".join(pair))
        audio = check_audio(loaded)
        assert audio.seconds == pytest.approx(4.0, abs=0.15)
        assert not any("cut short" in note for note in loaded.notes)


def test_lengths_announced_wrongly_make_no_false_note():
    samples = (tone(8000, 2.0) * 32767).astype("<i2").tobytes()
    for length in (0, 0xFFFFFFFF, 0x7FFFFFFF):
        data = bytearray(wav_header(8000, 1, 16, samples))
        data[4:8] = data[40:44] = length.to_bytes(4, "little")
        loaded = media.load("audio", bytes(data))
        assert check_audio(loaded).seconds == pytest.approx(2.0, abs=0.01)
        assert not loaded.notes
    webm = bytearray(clip_file("webm", "libvpx", ramp(20)))
    place = webm.index(b"\x44\x89\x88") + 3
    webm[place : place + 8] = np.array(20_000.0, ">f8").tobytes()
    loaded = media.load("video", bytes(webm))
    assert len(check_clip(loaded).frames) == 20
    assert not loaded.notes
