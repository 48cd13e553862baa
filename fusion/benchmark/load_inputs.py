"""Inputs of the load test: each visitor has media of its own, and what the page must answer to them is known beforehand.

Media are made by the project's own generators (pen strokes, synthesised sounds, cuts of packaged photos). The known answer is the
label and the probabilities that a lab in this process gives for the same media, so an answer that belongs to another visitor is seen.
"""

from __future__ import annotations

import io
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fusion.benchmark.recorded import record_clip, record_picture, record_sound
from fusion.encoded_cache import EncodedCache
from fusion.inputs import Encoded
from fusion.lab import Lab
from fusion.tasks.digits import pen
from fusion.tasks.digits.clips import bend
from fusion.tasks.digits.examples import ENGLISH, spoken, strokes_of
from fusion.tasks.digits.task import DigitsTask
from fusion.tasks.scenes.clips import make_clip
from fusion.tasks.scenes.examples import PACKAGED, path_of
from fusion.tasks.scenes.photos import crop, read_photo
from fusion.tasks.scenes.synthesis import SOUNDS, make_sound
from fusion.tasks.scenes.task import ScenesTask

STRATEGY = "cross_attention"  # whose probabilities are compared
SCENE_WORDS = ("a dog barks", "the cat sleeps", "a cow in the field", "a bird sings", "sheep graze", "the lion roars", "a frog croaks",
               "waves at the sea", "a fire burns", "a clock ticks", "rain falls", "a photo of nothing much")  # fmt: skip
SHARES = {"text": 0.4, "image": 0.25, "audio": 0.2, "video": 0.15}  # how often an act changes which input
KINDS = {"text": 30, "image": 12, "audio": 10, "video": 5}  # how many media of each modality there are; each visit stamps its files
CORRUPTED = 0.2  # of the acts also move the slider


@dataclass(frozen=True)
class Given:
    """What a slot gets: the fields of its JSON, and the file that has to be uploaded first, if any (name and bytes)."""

    slot: dict[str, Any]
    medium: Any  # what `Lab.encode` takes
    upload: tuple[str, bytes] | None = None


@dataclass(frozen=True)
class Act:
    """One change of a slot and the answer to all slots after it."""

    modality: str
    given: Given
    severity: int
    label: str
    probs: tuple[float, ...]


@dataclass
class Session:
    """What one visitor does, one act after another."""

    task: str
    acts: list[Act] = field(default_factory=list)


def sessions(labs: dict[str, Lab], seed: int = 0, acts: int = 6) -> Iterator[Session]:
    """Endless visits, tasks in turn. Visitors share a few media of each kind, in other combinations."""
    rng, cache = np.random.default_rng(seed), EncodedCache()
    media = {task: {m: [make(n, rng) for n in range(KINDS[m])] for m, make in MAKERS[task].items()} for task in labs}
    for number, task in zip(itertools.count(), itertools.cycle(labs), strict=False):
        yield make_session(labs[task], media[task], number // len(labs), acts, rng, cache)


def make_session(lab: Lab, media: dict[str, list[Given]], number: int, acts: int, rng: np.random.Generator, cache: EncodedCache) -> Session:
    """One visit; its first media follow from its number, so that visitors beside one another have other answers."""
    session, encoded = Session(lab.task.name), Encoded({}, (), {}, {}, {})
    for turn in range(acts):
        modality = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        given = media[modality][(number + turn) % len(media[modality])]
        severity = int(rng.integers(1, 6)) if rng.random() < CORRUPTED else 0
        part = lab.encode({modality: given.medium}, severity={modality: severity}, cache=cache)
        encoded = replace(
            encoded,
            media={**encoded.media, **part.media},
            prepared=encoded.prepared | part.prepared,
            features=encoded.features | part.features,
        )
        answer = lab.predict(encoded, STRATEGY)
        session.acts.append(Act(modality, given, severity, answer.label, tuple(answer.probs.values())))
    return session


def write(words: str) -> Given:
    return Given({"source": "text", "text": words}, words)


def draw(modality: str, digit: int, rng: np.random.Generator) -> Given:
    """A digit with the pen, bent as each hand bends it."""
    strokes = [np.column_stack([s[:, :2].clip(0, 1), s[:, 2]]).round(4) for s in bend(strokes_of(digit), rng)]
    medium = pen.draw_picture(strokes) if modality == "image" else pen.draw_clip(strokes)
    return Given({"source": "drawing", "strokes": [s.tolist() for s in strokes]}, medium)


def file(name: str, data: bytes) -> Given:
    return Given({"source": "file", "name": name}, data, (name, data))


def digit_text(number: int, rng: np.random.Generator) -> Given:
    return write(f"{rng.choice(['number ', 'it is a ', '', 'the digit '])}{ENGLISH[(number + int(rng.integers(3))) % 10]}")


def digit_image(number: int, rng: np.random.Generator) -> Given:
    """Half of them drawn on the page, half uploaded."""
    drawn = draw("image", number % 10, rng)
    return drawn if rng.random() < 0.5 else file("photo.png", record_picture(drawn.medium))


def digit_sound(number: int, rng: np.random.Generator) -> Given:
    sound = spoken(number % 10)
    louder = (sound.samples * rng.uniform(0.5, 1.0)).clip(-1, 1)
    return file("voice.wav", record_sound(replace(sound, samples=louder)))


def digit_clip(number: int, rng: np.random.Generator) -> Given:
    return file("clip.webm", record_clip(draw("video", number % 10, rng).medium))


def scene_text(number: int, rng: np.random.Generator) -> Given:
    return write(f"{SCENE_WORDS[number % len(SCENE_WORDS)]} {rng.choice(['today', 'at night', 'again', 'outside', 'here'])}")


def scene_picture(number: int, rng: np.random.Generator) -> np.ndarray:
    """A cut of a packaged photo, (H, W, 3) uint8."""
    paths = [path for name in PACKAGED if name != "saxophone" and (path := path_of(name)) is not None]
    return crop(read_photo(paths[number % len(paths)]), rng)


def scene_image(number: int, rng: np.random.Generator) -> Given:
    packed = io.BytesIO()
    Image.fromarray(scene_picture(number, rng)).resize((1600, 1200)).save(packed, "JPEG", quality=88)
    return file("photo.jpg", packed.getvalue())


def scene_sound(number: int, rng: np.random.Generator) -> Given:
    names = sorted(SOUNDS)
    sound = make_sound(names[number % len(names)])
    start = int(rng.integers(sound.rate))
    return file("sound.wav", record_sound(replace(sound, samples=sound.samples[start:] * rng.uniform(0.5, 1.0))))


def scene_clip(number: int, rng: np.random.Generator) -> Given:
    return file("clip.webm", record_clip(make_clip(scene_picture(number, rng), rng)))


MAKERS = {
    DigitsTask.name: {"text": digit_text, "image": digit_image, "audio": digit_sound, "video": digit_clip},
    ScenesTask.name: {"text": scene_text, "image": scene_image, "audio": scene_sound, "video": scene_clip},
}


def stamped(name: str, data: bytes, stamp: str) -> bytes:
    """The same medium in other bytes, as no two visitors upload the same file: a comment is added where the format has one."""
    if name.endswith(".png"):
        packed = io.BytesIO()
        info = PngInfo()
        info.add_text("Comment", stamp)
        Image.open(io.BytesIO(data)).save(packed, "PNG", pnginfo=info, compress_level=1)
        return packed.getvalue()
    if name.endswith(".jpg"):
        comment = stamp.encode()
        return data[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + data[2:]
    if name.endswith(".wav"):
        comment = stamp.encode().ljust((len(stamp) + 1) // 2 * 2, b"\0")
        body = b"INFOICMT" + struct.pack("<I", len(comment)) + comment
        chunk = b"LIST" + struct.pack("<I", len(body)) + body
        return data[:4] + struct.pack("<I", len(data) - 8 + len(chunk)) + data[8:] + chunk
    if name.endswith(".webm"):  # an element of nothing (Void), with its size in two bytes
        return data + b"\xec" + struct.pack(">H", 0x4000 | len(stamp)) + stamp.encode()
    return data
