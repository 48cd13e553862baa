"""Loads a path, bytes or an array as a validated medium; errors are one sentence.

    from fusion import media
    media.load("image", "photo.jpg").medium       # (H, W, 3) uint8
    media.load("audio", (16000, samples)).notes   # what was trimmed, scaled or assumed, one sentence each

See image.py (pictures), container.py (sound and video files: tracks.py, budget.py, ending.py), sound.py (channels.py, resample.py),
clip.py (frames.py, alpha.py, animation.py), source.py (opening files) and bounded.py (limits of time and memory per medium).
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Callable

from fusion.media.container import load_audio, load_clip
from fusion.media.image import load_image
from fusion.media.source import Encoded, Loaded, MediaError, is_encoded, name_of, opened
from fusion.messages import message, words
from fusion.types import MODALITIES, Medium

__all__ = ["Loaded", "MediaError", "load"]

MAX_CHARACTERS = 2000
MAX_TEXT_BYTES = 1 << 18  # of a file; far more than 2,000 characters can need

BOMS = (  # UTF-32 first: its little-endian mark begins with the one of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"  # control characters that separate words
INVISIBLE = "\ufeff\u200b\u2060\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # these can also reorder a line


def load(modality: str, source: object) -> Loaded[Medium]:
    """Convert a medium of any supported form to the form that the encoders take.

    Args:
        modality: "image", "text", "audio" or "video".
        source: a path (str or Path), bytes, an open binary file, or
            image  a PIL image, or an array (H, W), (H, W, 1), (H, W, 3), (H, W, 4): 8-bit, 16-bit, bool, or float in [0, 1]
            text   a str is always the text itself; a Path is a text file
            audio  (rate in Hz, samples (N,) or (N, C)), `Audio`, or the file of a clip or a `Clip`, for its own sound
            video  (frames per second, frames (T, H, W, 3)), frames alone (25 per second assumed), or `Clip`

    Returns:
        image (H, W, 3) uint8 RGB | text str | `Audio` at most 48 kHz and 30 s | `Clip` at most 256 frames of 320 pixels and 30 s;
        and the notes.

    Raises:
        MediaError: the medium cannot be used; one sentence that names it and says why.
    """
    if modality not in LOADERS:
        raise MediaError("The modality must be one of {modalities}, not {modality!r:.40}.", modalities=words(MODALITIES), modality=modality)
    return LOADERS[modality](source)


def load_text(source: object) -> Loaded[str]:
    """Text in NFC, without control characters, at most 2,000 characters."""
    name = name_of(source if not isinstance(source, str) else None, "text")
    if isinstance(source, str):
        text = source[:MAX_TEXT_BYTES]
    elif is_encoded(source):
        text = _read_text(source, name)
    else:
        raise MediaError("{name} must be a str, the path of a text file or bytes, not {kind}.", name=name, kind=type(source).__name__)
    table = dict.fromkeys(map(ord, BREAKS), " ") | dict.fromkeys(map(ord, INVISIBLE))
    text = text.replace("\r\n", "\n").translate(table)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs")).strip()
    text = unicodedata.normalize("NFC", text[: 4 * MAX_CHARACTERS])
    if not any(unicodedata.category(c)[0] not in "ZC" for c in text):
        raise MediaError("{name} is empty.", name=name)
    if len(text) <= MAX_CHARACTERS:
        return Loaded(text)
    return Loaded(
        text[:MAX_CHARACTERS].strip(), (message("{name} was trimmed to its first {count:,} characters.", name=name, count=MAX_CHARACTERS),)
    )


def _read_text(source: Encoded, name: str) -> str:
    with opened(source, "text") as file:
        raw = file.read(MAX_TEXT_BYTES)
    encoding = next((encoding for mark, encoding in BOMS if raw.startswith(mark)), "utf-8")
    try:
        # Incremental, because the cut at MAX_TEXT_BYTES may fall inside a character.
        text = codecs.getincrementaldecoder(encoding)().decode(raw, final=len(raw) < MAX_TEXT_BYTES)
    except UnicodeDecodeError as error:
        raise MediaError("{name} is not text in UTF-8 or in UTF-16 with a byte order mark.", name=name) from error
    if "\0" in text:
        raise MediaError("{name} is not a text file.", name=name)
    return text


LOADERS: dict[str, Callable[[object], Loaded[Medium]]] = {"image": load_image, "text": load_text, "audio": load_audio, "video": load_clip}
