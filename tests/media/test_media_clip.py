"""Clips of every container, written here, come back with their frames in order, at their times, upright, with their sound."""

from __future__ import annotations

import gc
import struct

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries, ColorTrc
from PIL import Image

from fusion import media
from fusion.types import Audio, Clip
from tests.media.checks import check_audio, check_clip, peak_hertz, refused
from tests.media.files import clip_file, corners, picture_file, quarters, ramp, tone

CLIPS = [  # container, codec, pixel format, largest error of a grey level
    ("mp4", "libx264", "yuv420p", 3),
    ("mp4", "hevc", "yuv420p10le", 4),
    ("mov", "libx264", "yuv420p10le", 3),
    ("mov", "prores", "yuv422p10le", 4),
    ("matroska", "ffv1", "yuv420p", 3),
    ("webm", "libvpx-vp9", "yuv420p", 3),
    ("webm", "libvpx", "yuv420p", 5),
    ("webm", "libsvtav1", "yuv420p", 3),
    ("avi", "mpeg4", "yuv420p", 5),
    ("avi", "mjpeg", "yuvj420p", 5),
    ("mpegts", "libx264", "yuv420p", 3),
    ("gif", "gif", "rgb8", 20),
    ("apng", "apng", "rgb24", 1),
]
QUIET = {"libx264": {}, "hevc": {"x265-params": "log-level=none:bframes=0"}, "libsvtav1": {"preset": "10"}}


@pytest.fixture(autouse=True)
def _quiet_encoders(monkeypatch):
    monkeypatch.setenv("SVT_LOG", "0")


@pytest.mark.parametrize(
    ("container", "codec", "pixels", "error", "count"),
    [(*clip, count) for clip in CLIPS for count in (1, 2, 12) if (clip[0], count) != ("apng", 1)],  # which is a PNG
)
def test_clip_formats(tmp_path, container, codec, pixels, error, count):
    path = tmp_path / "clip.mp4"
    frames = ramp(count)
    path.write_bytes(clip_file(container, codec, frames, pixels=pixels, options=QUIET.get(codec)))
    clip = check_clip(media.load("video", path))
    assert clip.frames.shape == frames.shape
    levels = clip.frames.reshape(count, -1).mean(1)
    assert np.abs(levels - frames[:, 0, 0, 0]).max() <= error
    np.testing.assert_allclose(clip.times, np.arange(count) / 10, atol=2e-3)
    assert clip.audio is None


@pytest.mark.parametrize(("container", "codec", "pixels", "error"), [c for c in CLIPS if c[1] != "libvpx"])
def test_clip_colours(container, codec, pixels, error):
    data = clip_file(container, codec, quarters()[None].repeat(3, 0), pixels=pixels, options=QUIET.get(codec))
    clip = check_clip(media.load("video", data))
    assert corners(clip.frames[1]) == "rgbw"


@pytest.mark.parametrize(
    ("container", "codec", "sound"),
    [
        ("mp4", "libx264", ("aac", 44100)),
        ("mov", "libx264", ("pcm_s16le", 16000)),
        ("webm", "libvpx-vp9", ("libopus", 48000)),
        ("avi", "mpeg4", ("libmp3lame", 44100)),
        ("matroska", "libx264", ("flac", 22050)),
    ],
)
def test_clip_with_its_own_sound(tmp_path, container, codec, sound):
    path = tmp_path / "clip.bin"
    rate = sound[1]
    path.write_bytes(clip_file(container, codec, ramp(15), sound=(*sound, tone(rate, 1.5))))
    clip = check_clip(media.load("video", path))
    assert len(clip.frames) == 15
    for audio in (clip.audio, check_audio(media.load("audio", path))):
        assert audio.rate == rate
        assert abs(audio.seconds - 1.5) < 0.06
        assert abs(peak_hertz(audio) - 440) < 1


def test_sound_lies_where_the_pictures_are():
    """The picture turns white at second 1 and a click sounds at second 1."""
    frames = np.zeros((20, 48, 64, 3), np.uint8)
    frames[10:] = 255
    click = np.zeros(32_000, np.float32)
    click[16_000:16_100] = 0.9
    for container, codec in (("mp4", "aac"), ("mov", "pcm_s16le"), ("matroska", "flac"), ("mpegts", "aac")):
        clip = check_clip(media.load("video", clip_file(container, "libx264", frames, sound=(codec, 16_000, click))))
        assert clip.times[(clip.frames[:, 0, 0, 0] > 127).argmax()] == pytest.approx(1.0, abs=0.01)
        assert np.abs(clip.audio.samples).argmax() / 16_000 == pytest.approx(1.0, abs=0.02), container


def test_pictures_that_end_before_their_sound_are_not_cut_short():
    """As browsers record: webm announces the longer of the two tracks, here two seconds of sound beside one of pictures."""
    frames = ramp(10)
    result = media.load("video", clip_file("webm", "libvpx", frames, sound=("libopus", 48_000, tone(48_000, 2.0))))
    assert not result.notes and result.medium.times[-1] == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize("container", ["mp4", "matroska", "webm"])
def test_variable_frame_rate(container):
    times = [0, 100, 150, 600, 2000]
    data = clip_file(container, "libvpx-vp9" if container == "webm" else "libx264", ramp(5), times=times)
    clip = check_clip(media.load("video", data))
    np.testing.assert_allclose(clip.times, np.array(times) / 1000, atol=2e-3)
    assert np.abs(clip.frames[:, 0, 0, 0] - ramp(5)[:, 0, 0, 0].astype(int)).max() <= 3


def test_times_that_do_not_start_at_zero():
    clip = check_clip(media.load("video", clip_file("matroska", "libx264", ramp(3), times=[5000, 5200, 5900])))
    np.testing.assert_allclose(clip.times, [0, 0.2, 0.9], atol=2e-3)


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ((0,), "rgbw"),
        ((90,), "gwrb"),
        ((180,), "wbgr"),
        ((-90,), "brwg"),
        ((0, True), "grwb"),
        ((0, False, True), "bwrg"),
        ((90, True), "wgbr"),
        ((90, False, True), "rbgw"),
    ],
)
def test_phone_clips_are_turned_upright(turn, expected):
    clip = check_clip(media.load("video", clip_file("mp4", "libx264", quarters()[None].repeat(2, 0), turn=turn)))
    assert corners(clip.frames[0]) == expected
    assert clip.frames.shape[1:3] == ((48, 64) if turn[0] in (0, 180) else (64, 48))


def test_rotation_written_as_phones_write_it():
    """The matrix (0 1 0 / -1 0 0) in the track header asks for a quarter turn clockwise."""
    data = bytearray(clip_file("mp4", "libx264", quarters()[None].repeat(2, 0)))
    start = data.index(b"tkhd") + 4 + 40
    assert struct.unpack(">9i", data[start : start + 36]) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    data[start : start + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)
    assert corners(check_clip(media.load("video", bytes(data))).frames[0]) == "brwg"


def test_hdr():
    """PQ says brightness in candela per square metre: code 148 is 203, the white of a screen, 112 is 50, a quarter of it."""
    frames = np.stack([np.full((48, 64, 3), level, np.uint8) for level in (0, 112, 148, 230)])
    tags = {"color_trc": ColorTrc.SMPTE2084, "color_primaries": ColorPrimaries.BT2020}
    loaded = media.load("video", clip_file("mp4", "hevc", frames, pixels="yuv420p10le", tags=tags, options=QUIET["hevc"]))
    levels = check_clip(loaded).frames.reshape(4, -1).mean(1)
    np.testing.assert_allclose(levels, [0, 255 * (50 / 203) ** (1 / 2.2), 255, 255], atol=12)  # one code is 4% there
    assert "HDR" in loaded.notes[0]


def test_large_frames_are_scaled():
    loaded = media.load("video", clip_file("mp4", "libx264", quarters(480, 640)[None].repeat(2, 0)))
    clip = check_clip(loaded)
    assert clip.frames.shape == (2, 240, 320, 3)
    assert corners(clip.frames[0]) == "rgbw"
    assert loaded.notes == ("The video file was scaled to 320 x 240 pixels.",)
    upright = check_clip(media.load("video", clip_file("mp4", "libx264", quarters(640, 480)[None])))
    assert upright.frames.shape == (1, 320, 240, 3)


@pytest.mark.parametrize(("container", "codec"), [("mp4", "libx264"), ("webm", "libvpx-vp9")])
def test_long_clip_is_trimmed_and_thinned_evenly(container, codec):
    frames = ramp(660, 16, 16)  # 33 s at 20 per second
    sound = ("libopus", 48_000, tone(48_000, 33))
    loaded = media.load("video", clip_file(container, codec, frames, rate=20, sound=sound))
    clip = check_clip(loaded)
    assert 240 <= len(clip.frames) <= 256
    assert clip.times[-1] > 29.8
    gaps = np.diff(clip.times)
    assert gaps.min() >= 0.09
    assert gaps.max() <= 0.16
    expected = frames[np.rint(clip.times * 20).astype(int), 0, 0, 0].astype(int)
    assert np.abs(clip.frames[:, 8, 8, 0] - expected).max() <= 4
    assert clip.audio.seconds == 30
    assert [("trimmed" in note, "kept" in note) for note in loaded.notes] == [(True, False), (False, True), (True, False)]


def test_a_clip_that_does_not_say_how_long_it_is():
    """A recording of a browser has no duration and no index: written to a pipe, then more frames come than fit."""
    data = clip_file("webm", "libvpx-vp9", ramp(600, 16, 16), rate=25, options={"deadline": "realtime", "cpu-used": "8"})
    known = data.index(b"\x44\x89")  # the element Duration, made void
    data = data[:known] + b"\xec\x89"[:1] + bytes([0x80 | 9]) + data[known + 2 :]
    clip = check_clip(media.load("video", data))
    assert 128 <= len(clip.frames) <= 256
    assert clip.times[-1] > 23.5
    assert np.diff(clip.times).max() < 0.3


def test_memory_of_a_clip_is_bounded():
    """Nothing but the small frames stays: 120 decoded ones of 1280 x 720 would hold 166 MB if the collector had to find them."""
    data = clip_file("mp4", "libx264", ramp(120, 720, 1280), rate=30, options={"preset": "ultrafast"})
    gc.collect()
    gc.disable()
    try:
        alive = [media.load("video", data).medium.frames]
        frames = [thing for thing in gc.get_objects() if type(thing) is av.VideoFrame]
    finally:
        gc.enable()
    assert alive[0].shape == (120, 180, 320, 3)
    assert len(frames) <= 1


def test_clip_arrays():
    frames = ramp(10)
    clip = check_clip(media.load("video", (20, frames)))
    np.testing.assert_array_equal(clip.frames, frames)
    np.testing.assert_allclose(clip.times, np.arange(10) / 20)
    assumed = media.load("video", frames)
    np.testing.assert_allclose(check_clip(assumed).times, np.arange(10) / 25, atol=1e-6)
    assert "25" in assumed.notes[0]
    for same in (frames[..., :1], frames[..., 0], frames.astype(np.float32) / 255, list(frames)):
        np.testing.assert_array_equal(check_clip(media.load("video", (20, same))).frames, frames)
    own = Clip(frames, np.float32(np.arange(10) + 3), Audio(8000, tone(8000, 1)))
    again = check_clip(media.load("video", own))
    np.testing.assert_allclose(again.times, np.arange(10))
    assert again.audio.seconds == 1
    long = media.load("video", (10, ramp(400, 4, 4)))
    assert check_clip(long).times[-1] > 29.5
    assert len(long.notes) == 2
    assert check_clip(media.load("video", (10, ramp(2, 400, 640)))).frames.shape == (2, 200, 320, 3)
    rgba = np.concatenate([frames, np.full_like(frames[..., :1], 255)], -1)
    np.testing.assert_array_equal(media.load("video", (20, rgba)).medium.frames, frames)


@pytest.mark.parametrize(
    "source",
    [
        (0, ramp(2)),
        (-5, ramp(2)),
        (10, ramp(0)),
        (10, [ramp(1)[0], ramp(1, 8, 8)[0]]),
        (10, None),
        Clip(ramp(2), np.float32([0])),
        Clip(ramp(2), np.float32([1, 0])),
        Clip(ramp(2), np.float32([0, np.nan])),
    ],
)
def test_wrong_clip_arrays(source):
    refused("video", source)


@pytest.mark.parametrize(("container", "codec"), [("matroska", "libx264"), ("webm", "libvpx-vp9"), ("avi", "mpeg4"), ("mpegts", "libx264")])
def test_a_truncated_clip_gives_what_it_has(container, codec):
    frames = ramp(100)
    data = clip_file(container, codec, frames)
    loaded = media.load("video", data[: len(data) * 6 // 10])
    clip = check_clip(loaded)
    assert 5 < len(clip.frames) < 100
    expected = frames[np.rint(clip.times[:-2] * 10).astype(int), 0, 0, 0].astype(int)
    assert np.abs(clip.frames[:-2, 8, 8, 0] - expected).max() <= 6  # the last ones may be half there
    if container != "mpegts":  # nothing in it says how long it was meant to be
        assert len(loaded.notes) == 1
        assert "The video file is" in loaded.notes[0]


def test_huge_frames_are_refused():
    """A header may promise any size; 20,000 x 20,000 would take gigabytes."""
    data = bytearray(picture_file(Image.new("P", (8, 8)), "GIF", save_all=True, append_images=[Image.new("P", (8, 8), 1)]))
    for at in (i for i in (6, data.index(b",") + 5)):
        data[at : at + 4] = struct.pack("<HH", 20_000, 20_000)
    refused("video", bytes(data))
