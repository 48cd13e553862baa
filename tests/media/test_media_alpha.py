"""Transparent clips of every container and codec with alpha are laid on a ground, as pictures are; animated pictures are clips."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from fusion import media
from tests.media.checks import check_clip, check_image
from tests.media.files import picture_file, ramp


def drawing(count: int = 5, ink: int = 0, hidden: int = 0, height: int = 48, width: int = 64) -> np.ndarray:
    """Frames (T, H, W, 4): a bar of grey `ink` that grows to the right on a ground that is transparent, and `hidden` below."""
    frames = np.full((count, height, width, 4), hidden, np.uint8)
    frames[..., 3] = 0
    for i, frame in enumerate(frames):
        frame[height // 3 : 2 * height // 3, 8 : 16 + (i + 1) * (width - 24) // count] = (ink, ink, ink, 255)
    return frames


def alpha_file(container: str, codec: str, pixels: str, frames: np.ndarray, rate: int = 10) -> bytes:
    """Encode frames (T, H, W, 4)."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, options={"auto-alt-ref": "0"} if "vpx" in codec else {})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for i, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, "rgba")
            frame.pts, frame.time_base = i, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


CODECS = [
    ("apng", "apng", "rgba"),
    ("webm", "libvpx", "yuva420p"),
    ("webm", "libvpx-vp9", "yuva420p"),
    ("matroska", "libvpx-vp9", "yuva420p"),
    ("mov", "prores_ks", "yuva444p10le"),
    ("mov", "qtrle", "argb"),
    ("mov", "png", "rgba"),
    ("matroska", "ffv1", "bgra"),
    ("matroska", "ffv1", "yuva420p"),
    ("avi", "huffyuv", "bgra"),
    ("avi", "utvideo", "gbrap"),
    ("avi", "png", "rgba"),
    ("nut", "rawvideo", "rgba"),
]


def of_pillow(kind: str, frames: np.ndarray, **options) -> bytes:
    images = [Image.fromarray(frame) for frame in frames]
    return picture_file(images[0], kind, save_all=True, append_images=images[1:], duration=100, **options)


OPTIONS = {"GIF": {"disposal": 2}, "WEBP": {"lossless": True, "exact": True}, "AVIF": {}}


def encoded(container: str, codec: str, pixels: str, frames: np.ndarray) -> bytes:
    if container in OPTIONS:
        return of_pillow(container, frames, **OPTIONS[container])
    return alpha_file(container, codec, pixels, frames)


@pytest.mark.parametrize(("ink", "ground"), [(0, "white"), (255, "black")])
@pytest.mark.parametrize("hidden", [0, 255])
@pytest.mark.parametrize(("container", "codec", "pixels"), [*CODECS, ("GIF", "", ""), ("WEBP", "", ""), ("AVIF", "", "")])
def test_transparent_clips_are_laid_on_a_ground(container, codec, pixels, ink, ground, hidden):
    frames = drawing(ink=ink, hidden=hidden)
    loaded = media.load("video", encoded(container, codec, pixels, frames))
    clip = check_clip(loaded)
    assert clip.frames.shape == (5, 48, 64, 3)
    np.testing.assert_allclose(clip.times, np.arange(5) / 10, atol=2e-3)
    expected = np.where(frames[..., 3:] > 0, ink, 255 - ink)
    error = np.abs(clip.frames.astype(int) - expected)
    assert np.quantile(error, 0.9) < 12
    assert any(f"transparent parts, which were filled with {ground}" in note for note in loaded.notes)


@pytest.mark.parametrize(("container", "codec", "pixels"), [("apng", "apng", "rgba"), ("webm", "libvpx-vp9", "yuva420p"), ("WEBP", "", "")])
def test_hidden_colours_do_not_shine_through_when_frames_are_scaled(container, codec, pixels):
    """White strokes of three pixels on transparent black, four times too wide: as a picture of the same content."""
    frames = np.zeros((2, 640, 1280, 4), np.uint8)
    frames[:, ::16] = frames[:, 1::16] = frames[:, 2::16] = 255
    frames[1, :16] = 0
    clip = check_clip(media.load("video", encoded(container, codec, pixels, frames)))
    assert clip.frames.shape == (2, 160, 320, 3)
    picture = check_image(media.load("image", Image.fromarray(frames[0]).resize((320, 160), Image.Resampling.BOX)))
    assert np.abs(clip.frames[0].astype(int) - picture).mean() < 4


@pytest.mark.parametrize(("container", "codec", "pixels"), [*CODECS, ("WEBP", "", ""), ("AVIF", "", "")])
def test_opaque_frames_with_an_alpha_channel_stay_as_they_are(container, codec, pixels):
    frames = np.concatenate([ramp(4), np.full((4, 48, 64, 1), 255, np.uint8)], 3)
    loaded = media.load("video", encoded(container, codec, pixels, frames))
    assert np.abs(check_clip(loaded).frames.astype(int) - ramp(4)).max() <= 6
    assert not loaded.notes


def test_a_byte_beside_the_colours_that_nobody_uses_is_no_alpha():
    """Uncompressed AVI has four bytes for a pixel, of which the fourth is mostly zero."""
    frames = np.concatenate([ramp(4), np.zeros((4, 48, 64, 1), np.uint8)], 3)
    loaded = media.load("video", alpha_file("avi", "rawvideo", "bgra", frames))
    assert np.abs(check_clip(loaded).frames.astype(int) - ramp(4)).max() <= 2
    assert not loaded.notes


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF"])
def test_animated_pictures_are_clips(tmp_path, kind):
    frames = ramp(5)
    path = tmp_path / "moving.bin"
    options = {"lossless": True} if kind == "WEBP" else {}
    images = [Image.fromarray(frame) for frame in frames]
    path.write_bytes(picture_file(images[0], kind, save_all=True, append_images=images[1:], duration=[200, 100, 300, 200, 200], **options))
    for source in (path, path.read_bytes()):
        clip = check_clip(media.load("video", source))
        assert np.abs(clip.frames.reshape(5, -1).mean(1) - frames[:, 0, 0, 0]).max() < 20
        np.testing.assert_allclose(clip.times, [0, 0.2, 0.3, 0.6, 0.8], atol=0.011)
    loaded = media.load("image", path)
    assert check_image(loaded).shape == (48, 64, 3)
    assert "first" in loaded.notes[0]


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_still_pictures_are_no_clips(kind):
    with pytest.raises(media.MediaError, match="image, not a video"):
        media.load("video", picture_file(ramp(1)[0], kind))


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_a_damaged_animation_is_one_sentence_or_what_there_is(kind):
    data = of_pillow(kind, drawing(12))
    for length in (100, len(data) // 2, len(data) - 20):
        try:
            check_clip(media.load("video", data[:length]))
        except media.MediaError as error:
            assert str(error).count(".") == 1


def test_long_animations_are_thinned_and_trimmed():
    images = [Image.fromarray(frame) for frame in ramp(330, 16, 16)]
    data = picture_file(images[0], "WEBP", save_all=True, append_images=images[1:], duration=100, lossless=True)
    loaded = media.load("video", data)
    clip = check_clip(loaded)
    assert 29 < clip.times[-1] < 30
    assert any("trimmed" in note for note in loaded.notes)
