"""What a visitor has set on the page, as plain data: read from the browser, written to a link, turned into media.

What comes from the browser is never trusted: wrong types become defaults, and a file must lie where uploads lie.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fusion.messages import DEFAULT_LANGUAGE, message
from fusion.types import MODALITIES, Clip, FusionError
from fusion.ui.i18n import LANGUAGES
from fusion.ui.pages import NAMES as PAGES
from fusion.ui.pages import OLD_NAMES

SOURCES = ("none", "example", "text", "drawing", "file", "clip")  # "clip": the sound of the clip that is there
WORST = 5  # corruption severities are 0 to WORST
LONGEST = {"example": 80, "text": 4000, "path": 1000, "name": 300}  # characters
MAX_POINTS, MAX_LINK, MAX_ENCODER, MAX_NAME = 20000, 60000, 300, 80
LINK_PARTS, SHORTEST_LINK = 7, 4  # slots, strategy, language, task, view, encoders, modalities whose media stayed with the visitor
KINDS = {m: m for m in MODALITIES}  # of tasks that name a modality like its kind
PEN = 0.06  # width of a line that is drawn, as a share of the pad
Strokes = tuple[tuple[tuple[float, float, float], ...], ...]
MakeExample = Callable[[str], Mapping[str, Any]]


def from_browser(value: Any) -> Mapping[str, Any]:
    """JSON text or a dict; anything else is empty."""
    try:
        value = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):  # no JSON, or nested too deeply
        return {}
    return value if isinstance(value, Mapping) else {}


def plain(value: Any, longest: int) -> str:
    """Text of at most `longest` characters; halves of a character that was cut in two are dropped, since UTF-8 has none."""
    return str(value or "")[:longest].encode("utf-8", "ignore").decode()


def _strokes(value: Any) -> Strokes:
    """Points x, y in [0, 1] and t in seconds; anything else is dropped, and a drawing of too many points is none."""
    try:
        strokes = [np.asarray(s, dtype=np.float64).reshape(-1, 3) for s in value if len(s)]
        if not strokes or sum(map(len, strokes)) > MAX_POINTS or not all(np.isfinite(s).all() for s in strokes):
            return ()
        limited = [np.column_stack([s[:, :2].clip(0, 1), s[:, 2].clip(0, 60)]) for s in strokes]
        return tuple(tuple(map(tuple, s.round(4).tolist())) for s in limited)
    except (TypeError, ValueError):
        return ()


@dataclass(frozen=True)
class Slot:
    """One modality's input: whether it is used, how corrupted (0 to 5), and where it comes from (one of `SOURCES`)."""

    on: bool = True
    severity: int = 0
    source: str = "none"
    example: str = ""
    text: str = ""
    path: str = ""
    name: str = ""
    strokes: Strokes = field(default=())

    @classmethod
    def read(cls, value: Any) -> Slot:
        """From JSON text or a dict of the browser."""
        value = from_browser(value)
        texts = {key: plain(value.get(key), limit) for key, limit in LONGEST.items()}
        severity = value.get("severity")
        severity = min(WORST, max(0, int(severity))) if isinstance(severity, int) else 0
        source = value.get("source") if value.get("source") in SOURCES else "none"
        return cls(value.get("on") is not False, severity, source, **texts, strokes=_strokes(value.get("strokes") or ()))

    def json(self) -> str:
        return json.dumps(asdict(self))

    def in_link(self) -> dict[str, Any]:
        """What differs from an empty slot, without media of the visitor's own."""
        source = self.source if self.source in ("example", "text", "clip") else "none"
        kept, empty = asdict(replace(self, source=source, path="", name="", strokes=())), asdict(Slot())
        return {key: value for key, value in kept.items() if value != empty[key]}


def _view(modalities: Iterable[str], value: Any) -> tuple[str, dict[str, tuple[str, str]]]:
    """The open page and the two encoders compared for each modality; anything unknown becomes the first page."""
    value = from_browser(value)
    page, chosen = plain(value.get("page"), MAX_NAME), from_browser(value.get("encoders"))
    page = OLD_NAMES.get(page, page)
    pairs = {m: chosen[m] for m in modalities if isinstance(chosen.get(m), list | tuple) and len(chosen[m]) == 2}
    encoders = {m: (plain(left, MAX_ENCODER), plain(right, MAX_ENCODER)) for m, (left, right) in pairs.items()}
    return page if page in PAGES else PAGES[0], {m: pair for m, pair in encoders.items() if any(pair)}


def _encoder_choice(modalities: Iterable[str], value: Any) -> dict[str, str]:
    """{modality: encoder} of the strategies, where it is not the default."""
    chosen = from_browser(from_browser(value).get("choice"))
    return {m: plain(chosen[m], MAX_ENCODER) for m in modalities if chosen.get(m)}


@dataclass(frozen=True)
class PageState:
    """All that decides what the page shows; of an encoder that is not chosen the name is empty."""

    slots: dict[str, Slot]
    task: str
    strategy: str
    language: str = DEFAULT_LANGUAGE
    page: str = PAGES[0]
    encoders: dict[str, tuple[str, str]] = field(default_factory=dict)
    encoder_choice: dict[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()  # of a link: modalities whose upload or drawing stayed with the visitor

    @classmethod
    def read(cls, modalities: Iterable[str], values: Iterable[Any]) -> PageState:
        """From component values: one per modality, then task, strategy, language, view and encoder choice."""
        *slots, task, strategy, language, shown, encoder_choice = values
        named = {m: Slot.read(v) for m, v in zip(modalities, slots, strict=True)}
        task, strategy = plain(task, MAX_NAME), plain(strategy, MAX_NAME)
        language = language if language in LANGUAGES else DEFAULT_LANGUAGE
        return cls(named, task, strategy, language, *_view(named, shown), _encoder_choice(named, encoder_choice))

    def view(self) -> str:
        """JSON for the browser: the open page and the compared encoders."""
        return json.dumps({"page": self.page, "encoders": self.encoders})

    @property
    def severity(self) -> dict[str, int]:
        return {m: slot.severity for m, slot in self.slots.items() if slot.severity and slot.on}

    def without_media(self) -> PageState:
        """The same with empty slots, all of them on."""
        return replace(self, slots={m: Slot() for m in self.slots})

    def with_example(self, name: str, media: Mapping[str, Any], severity: Mapping[str, int], kinds: Mapping[str, str]) -> PageState:
        """Every slot holds the example's medium at the example's corruption; those the example lacks are empty, and all are on."""
        slots = {m: Slot() for m in self.slots}
        for m in set(media) & set(slots):
            held = {"source": "text", "text": media[m]} if kinds[m] == "text" else {"source": "example"}
            slots[m] = Slot(severity=severity.get(m, 0), example=name, **held)
        return replace(self, slots=slots)

    def query(self) -> str:
        """For `?s=`: everything but media, which stay with the visitor."""
        view = "" if (self.page, self.encoders) == (PAGES[0], {}) else {"page": self.page, "encoders": self.encoders}
        choice = {"choice": self.encoder_choice} if self.encoder_choice else ""
        lost = [m for m, slot in self.slots.items() if m in self.lost or slot.source in ("file", "drawing")]
        slots = {m: held for m, slot in self.slots.items() if (held := slot.in_link())}  # other servers may not have the others
        parts: list[Any] = [slots, self.strategy, self.language, self.task, view, choice, lost or ""]
        while parts[-1] == "" and len(parts) > SHORTEST_LINK:
            parts.pop()
        text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def from_query(cls, modalities: Iterable[str], query: str) -> PageState | None:
        """The state of a link, or None where the link is broken; older links name no task or no view."""
        try:
            slots, strategy, language, *rest = _link_parts(query)
            kept = {m: {k: v for k, v in slots.get(m, {}).items() if k not in ("path", "name", "strokes")} for m in modalities}
            padded: list[Any] = [*rest, "", "", "", ""]
            task, shown, encoder_choice, lost, *_ = padded
            state = cls.read(kept, [*kept.values(), task, strategy, language, shown, encoder_choice])
            return replace(state, lost=tuple(m for m in kept if isinstance(lost, list) and m in lost))
        except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
            return None

    def media(self, make_example: MakeExample, uploads: Path, pen: float = PEN, kinds: Mapping[str, str] = KINDS) -> dict[str, Any]:
        """{modality: what `lab.encode` takes} of every slot of the task that is on and holds something; drawings in lines of width `pen`.

        Args:
            kinds: {modality of the task: its kind}.

        Raises:
            FusionError: an example is unknown or a file is gone.
        """
        found = {m: self._medium(m, kinds, make_example, uploads, pen) for m in kinds if self.slots[m].on}
        return {m: medium for m, medium in found.items() if medium is not None}

    def _medium(self, modality: str, kinds: Mapping[str, str], make_example: MakeExample, uploads: Path, pen: float) -> Any:
        slot, kind = self.slots[modality], kinds[modality]
        if slot.source == "text":  # only words are taken as text: elsewhere a text would be read as the path of a file
            return slot.text if kind == "text" and slot.text.strip() else None
        if slot.source == "example":
            return make_example(slot.example).get(modality)
        if slot.source == "file":
            return uploaded(slot.path, slot.name, uploads)
        if slot.source == "drawing" and kind in ("image", "video"):
            pad = modality if kind == "image" else first_of("image", kinds)
            return drawn(kind, self.slots[pad].strokes if pad else (), pen)
        if slot.source == "clip" and kind == "audio":
            film = first_of("video", kinds)
            clip = self._medium(film, kinds, make_example, uploads, pen) if film else None
            if clip is None or isinstance(clip, Clip) and clip.audio is None:
                raise FusionError("There is no video with sound to take the audio from.")
            return clip
        return None


def first_of(kind: str, kinds: Mapping[str, str]) -> str | None:
    """The first modality of a kind: it holds the drawing that a clip shows being written, or the clip whose sound is taken."""
    return next((m for m, own in kinds.items() if own == kind), None)


def _link_parts(query: str) -> Any:
    """The JSON of a link.

    Raises:
        ValueError, TypeError, RecursionError: it is too long or damaged.
    """
    if len(query) > MAX_LINK:
        raise ValueError("The link is too long.")
    return json.loads(base64.urlsafe_b64decode(query + "=" * (-len(query) % 4)))


def is_newer_link(modalities: Iterable[str], query: str) -> bool:
    """Whether a link holds what this version does not know: more parts, another form, other modalities or kinds of input."""
    try:
        parts = _link_parts(query)
    except (ValueError, TypeError, RecursionError, binascii.Error):
        return False
    if isinstance(parts, dict):
        return bool(parts)
    if not isinstance(parts, list) or len(parts) < 3 or not isinstance(parts[0], dict):
        return False
    slots = parts[0]
    sources = [slot["source"] for slot in slots.values() if isinstance(slot, dict) and "source" in slot]
    return len(parts) > LINK_PARTS or not set(slots) <= set(modalities) or any(source not in SOURCES for source in sources)


def uploaded(path: str, name: str, uploads: Path) -> Path:
    """The file of an upload, which lies in the upload folder and nowhere else."""
    try:
        file = Path(path).resolve()
        there = bool(path) and file.is_relative_to(uploads.resolve()) and file.is_file()
    except (OSError, ValueError):  # a name that is too long, or with a null character
        there = False
    if not there:
        raise FusionError("{name} is no longer on the server; please choose it again.", name=name or message("The file"))
    return file


def drawn(kind: str, strokes: Strokes, width: float = PEN) -> Any:
    """One drawing is a picture and the clip of its being written; `kind` says which of them is meant."""
    from fusion.tasks.digits import pen

    if not strokes:
        return None
    arrays = [np.array(s, dtype=np.float64) for s in strokes]
    return pen.draw_picture(arrays, thickness=width) if kind == "image" else pen.draw_clip(arrays, thickness=width)
