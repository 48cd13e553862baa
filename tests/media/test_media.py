"""media.load: text, bad files of every kind, and what holds for all media: one sentence, no crash, no trace left."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fusion import media
from fusion.types import FusionError
from tests.media.checks import check_audio, check_clip, check_image, check_sentence, refused
from tests.media.files import clip_file, picture_file, quarters, ramp, sound_file, tone, wav_header


@pytest.mark.parametrize(
    "source",
    [np.zeros((0, 5, 3), np.uint8), np.zeros((3, 5, 5, 5), np.uint8), np.zeros(7), np.array(3), None, 5, {"a": 1}, [], ()]
    + [np.array(["x"]), np.zeros((2, 2), complex), np.array([[None]])],
)
def test_wrong_arrays(source):
    for modality in ("image", "audio", "video"):
        refused(modality, source)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  seven\n", "seven"),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("a\x00b\x07c\x7f", "abc"),
        ("two\r\nlines\tand\x0btabs", "two lines and tabs"),
        ("\u202eevil\u202c", "evil"),
        ("\ufeffseven", "seven"),
        ("bad\ud800half", "badhalf"),
        ("seven \ud83d", "seven"),
        ("\ude00 seven \udcff\ud83d", "seven"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("\u4e03 \U0001f468\u200d\U0001f469", "\u4e03 \U0001f468\u200d\U0001f469"),
        ("photo.png", "photo.png"),
    ],
)
def test_text(text, expected):
    assert media.load("text", text) == media.Loaded(expected)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_files(tmp_path, encoding):
    path = tmp_path / "notes.md"
    path.write_bytes("sept, \u4e03, \u0441\u0435\u043c\u044c\n".encode(encoding))
    for source in (path, path.read_bytes()):
        assert media.load("text", source).medium == "sept, \u4e03, \u0441\u0435\u043c\u044c"


def test_long_text(tmp_path):
    loaded = media.load("text", "\u00e9" * 2001)
    assert loaded.medium == "\u00e9" * 2000
    assert loaded.notes == ("The text was trimmed to its first 2,000 characters.",)
    assert media.load("text", "x" * 2000).notes == ()
    path = tmp_path / "novel.txt"
    path.write_text("\u4e03" * 400_001, encoding="utf-8")  # the cut falls inside a character
    assert media.load("text", path).medium == "\u4e03" * 2000


@pytest.mark.parametrize("text", ["", "   \n\t", "\x00\x01", "\u200b\ufeff", "\u200d"])
def test_empty_text(text):
    assert refused("text", text) == "The text is empty."


BAD_TEXT = [
    *(b"caf\xe9 au lait", picture_file(quarters(), "PNG"), b"a\0b", "abc".encode("utf-16-le"), b"   "),
    *("\u4e03\u53ea\u72d7".encode("gbk"), "\u4e03\u5339\u306e\u72ac".encode("shift-jis"), "\u0441\u0435\u043c\u044c".encode("cp1251")),
    *(
        b"\xff\xfe\x3d\xd8a\0",
        b"\xff\xfe\0\0\0\xd8\0\0",
        b"seven \xed\xa0\xbd",
        b"\xc0\xaf",
        b"\xff\xfe",
    ),  # halves of emoji, overlong, only a mark
]


@pytest.mark.parametrize("data", BAD_TEXT)
def test_bad_text_files(tmp_path, data):
    path = tmp_path / "notes.txt"
    path.write_bytes(data)
    refused("text", path)


PNG = picture_file(quarters(), "PNG")
JPEG = picture_file(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8), "JPEG")
WAV = sound_file("wav", "pcm_s16le", 8000, tone(8000, 0.5))
MP4 = clip_file("mp4", "libx264", ramp(5))
WEBM = clip_file("webm", "libvpx-vp9", ramp(5), sound=("libopus", 48_000, tone(48_000, 0.5)))
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"
BAD = {  # file name: (content, modalities that refuse it, a word of the sentence)
    "empty.png": (b"", "image text audio video", "empty"),
    "one byte.jpg": (b"\xff", "image audio video", "not"),
    "page.mp4": (b"<!DOCTYPE html><html>hello</html>", "image audio video", "web page"),
    "letter.mp4": (b"Dear reader, this is no clip.\n" * 50, "image audio video", "text file"),
    "noise.bin": (np.random.default_rng(1).bytes(5000), "image text audio video", "not"),
    "zeros.mp4": (bytes(5000), "image audio video", "not"),
    "paper.pdf": (b"%PDF-1.7\n1 0 obj\n", "image audio video", "PDF"),
    "things.zip": (b"PK\3\4" + bytes(100), "image audio video", "ZIP"),
    "drawing.svg": (SVG, "image audio video", "SVG"),
    "drawing.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image audio video", "PostScript"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "image audio video", "HEIC"),
    "list.m3u8": (PLAYLIST, "image audio video", "text file"),
    "list.ffconcat": (b"ffconcat version 1.0\nfile /etc/hostname\n", "image audio video", "text file"),
    "picture.png": (PNG, "audio video text", ""),
    "song.wav": (WAV, "image video text", ""),
    "clip.mp4": (MP4, "image audio text", ""),
    "cut.png": (PNG[:60], "image audio video", ""),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "image", "cut short"),
    "cut.gif": (picture_file(quarters(), "GIF")[:30], "image audio video", ""),
    "cut.webp": (picture_file(JPEG and quarters(), "WEBP")[:60], "image", ""),
    "cut.mp4": (MP4[: len(MP4) // 2], "audio video", "cut short"),
    "header.wav": (WAV[:44], "audio video", ""),
    "header.webm": (clip_file("webm", "libvpx-vp9", ramp(2))[:300], "audio video", ""),
    "zero channels.wav": (wav_header(8000, 0, 16, bytes(100)), "audio video", ""),
    "absurd rate.wav": (wav_header(2_000_000_000, 1, 16, bytes(4000)), "audio video", ""),
    "zero rate.wav": (wav_header(0, 1, 16, bytes(100)), "audio video", ""),
    "zero size.bmp": (b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 0, 0, 1, 24, 0, 0, 0, 0, 0, 0), "image", ""),
}


@pytest.mark.parametrize(("file", "modality"), [(file, m) for file, (_, modalities, _) in BAD.items() for m in modalities.split()])
def test_bad_files(tmp_path, file, modality):
    data, _, word = BAD[file]
    path = tmp_path / file
    path.write_bytes(data)
    source = path if modality == "text" else str(path)
    assert word in refused(modality, source, name=file)
    if modality != "text" or data:
        refused(modality, data)
    path.unlink()


@pytest.mark.parametrize("modality", ["image", "text", "audio", "video"])
def test_not_a_file(tmp_path, modality):
    assert refused(modality, tmp_path / "gone.png") == "gone.png does not exist."
    (tmp_path / "album").mkdir()
    assert refused(modality, tmp_path / "album") == "album is a folder, not a file."
    assert "opened" in refused(modality, tmp_path / ("x" * 300), name="x" * 60)
    os.mkfifo(tmp_path / "pipe")
    assert refused(modality, tmp_path / "pipe") == "pipe is a device, not a file."
    refused(modality, b"")
    if modality != "text":
        refused(modality, "no\0such.png", name="no?such.png")
        refused(modality, "http://example.com/a.mp4", name="a.mp4")


def soon(function, *arguments, seconds=5.0):
    """The result of a call that must not block; a test that hangs says nothing."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*arguments)), daemon=True)
    thread.start()
    thread.join(seconds)
    assert results, "it blocks"
    return results[0]


@pytest.mark.parametrize("modality", ["image", "text", "audio", "video"])
def test_links_to_what_is_no_file(tmp_path, monkeypatch, modality):
    os.mkfifo(tmp_path / "pipe")
    server = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    server.bind("socket")
    server.close()
    (tmp_path / "album").mkdir()
    targets = {"pipe": "a device", "socket": "a device", "album": "a folder", "/dev/zero": "a device", "/dev/tty": "a device"}
    for target, kind in targets.items():
        link = tmp_path / f"link {target.strip('/').replace('/', ' ')}.png"
        link.symlink_to(target)
        assert soon(refused, modality, link) == f"{link.name} is {kind}, not a file."
    (tmp_path / "loop.png").symlink_to("loop.png")
    soon(refused, modality, tmp_path / "loop.png")


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="no /proc")
@pytest.mark.parametrize(
    "path", ["/proc/kmsg", "/proc/self/environ", "/proc/self/mem", "/proc/self/pagemap", "/proc/self/fd", "/sys/power/state"]
)
def test_files_of_the_system(path):
    """They claim to be regular and empty, but reading them can wait for ever or show secrets."""
    for modality in ("image", "text", "audio", "video"):
        soon(refused, modality, Path(path))


def test_a_path_that_changes_its_meaning_is_judged_when_it_is_open(tmp_path, monkeypatch):
    """The file is replaced by a pipe between the first look and the opening."""
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    found = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda self, **_: found)
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    assert soon(refused, "image", path) == "a.png is a device, not a file."
    assert before is None or set(os.listdir("/proc/self/fd")) == before


def test_a_link_to_a_picture_is_a_picture(tmp_path):
    (tmp_path / "real.png").write_bytes(PNG)
    (tmp_path / "link.png").symlink_to("real.png")
    check_image(media.load("image", tmp_path / "link.png"))


def test_unreadable_is_an_error_of_the_app():
    assert issubclass(media.MediaError, FusionError)
    with pytest.raises(media.MediaError, match="image, text, audio, video"):
        media.load("smell", b"x")


def test_names_are_shown_safely(tmp_path):
    path = tmp_path / "two\nlines\x1b[31m.png"
    path.write_bytes(b"x")
    assert refused("image", str(path), name="two?lines?[31m.png")
    long = refused("image", tmp_path / ("y" * 200 + ".png"), name="y" * 60 + "...")
    assert len(long) < 120


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bytes_never_crash(seed):
    rng = np.random.default_rng(seed)
    for modality, data in (("image", PNG), ("image", JPEG), ("audio", WAV), ("video", MP4), ("audio", MP4), ("video", WEBM)):
        bytes_ = np.frombuffer(data, np.uint8).copy()
        where = rng.integers(0, len(bytes_), 1 + len(bytes_) // 200)
        bytes_[where] = rng.integers(0, 256, len(where))
        try:
            loaded = media.load(modality, bytes_.tobytes())
        except media.MediaError as error:
            check_sentence(str(error))
        else:
            {"image": check_image, "audio": check_audio, "video": check_clip}[modality](loaded)


def test_no_handle_is_kept_and_nothing_is_written(tmp_path):
    files = {"a.png": PNG, "a.jpg": JPEG[:500], "a.wav": WAV, "a.mp4": MP4, "b.mp4": MP4[:300], "a.webm": WEBM}
    for file, data in files.items():
        (tmp_path / file).write_bytes(data)
    before = set(os.listdir("/proc/self/fd"))
    for file in files:
        for modality in ("image", "audio", "video"):
            with contextlib.suppress(media.MediaError):
                media.load(modality, str(tmp_path / file))
    assert set(os.listdir("/proc/self/fd")) == before
    assert set(os.listdir(tmp_path)) == set(files)
    assert all((tmp_path / file).read_bytes() == data for file, data in files.items())


def test_callers_objects_stay_as_they_are():
    pixels, samples = quarters(), tone(8000, 0.1)
    image = Image.fromarray(pixels)
    media.load("image", image)
    assert image.size == (64, 48)
    assert image.info == {}
    loaded = media.load("audio", (8000, samples)).medium
    loaded.samples[:] = 0
    assert samples.max() > 0


def test_threads_agree():
    results = {}

    def work(i):
        image, clip, audio = (media.load(m, data).medium for m, data in (("image", JPEG), ("video", MP4), ("audio", WAV)))
        results[i] = image.sum(), clip.frames.sum(), audio.samples.sum()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[i] == results[0] for i in range(4))
