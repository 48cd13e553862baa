"""Worked examples of `scenes`: photos read from installed packages, a drawn clock, and sounds this project synthesises.

    cat         skimage/data/chelsea.png               CC0, Stefan van der Walt
    coffee      skimage/data/coffee.png                CC0, Rachel Michetti
    motorcycle  skimage/data/motorcycle_right.png      CC0, Daniel Scharstein
    lion        gradio/media_assets/images/lion.jpg    part of gradio (Apache-2.0), no licence of its own stated
    saxophone   gradio/media_assets/audio/sax.wav      likewise

Nothing here comes from a data set. Clips are one of these pictures under a moving camera.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from scipy.io import wavfile

from fusion.tasks.scenes.clips import make_clip
from fusion.tasks.scenes.photos import read_photo
from fusion.tasks.scenes.synthesis import SOUNDS, make_sound
from fusion.types import MODALITIES, Audio, Clip, FusionError, Medium

PACKAGED = {
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "motorcycle": ("skimage", "data/motorcycle_right.png"),
    "lion": ("gradio", "media_assets/images/lion.jpg"),
    "saxophone": ("gradio", "media_assets/audio/sax.wav"),
}
SECONDS = 5  # of a recording that is longer
CAMERA = 9  # a seed: three seconds of a wide frame that keeps a face in view


@dataclass(frozen=True)
class Example:
    """A named situation: what is in the photo, the sound and the clip, the text, and severities for the sliders.

    `own_sound`: the clip carries the sound as its own, and it is what is heard.
    """

    image: str | None = None
    text: str | None = None
    audio: str | None = None
    video: str | None = None
    own_sound: bool = False
    severity: dict[str, int] = field(default_factory=dict)

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(m for m in MODALITIES if getattr(self, m) is not None)


WRITTEN: dict[str, Example] = {
    "cat": Example("cat", "A tabby looks past the camera.", "cat", "cat"),
    "conflict": Example("cat", "cow", "dog"),
    "outvoted": Example("lion", "Drops patter on the window all night.", "rain"),
    "clip": Example(audio="lion", video="lion", own_sound=True),
    "listen": Example(audio="sea"),
    "words": Example(text="A puppy runs after a stick."),
    "denial": Example("cat", "There is no dog in sight."),
    "clock": Example(image="clock", audio="clock"),
    "nothing": Example("coffee", "A bus in the street.", "saxophone", "motorcycle"),
    "noisy": Example("lion", "The lion roars.", "lion", "lion", severity=dict.fromkeys(MODALITIES, 3)),
}


def path_of(name: str) -> Path | None:
    """The path of a packaged medium, found without importing the package; None where it is not installed."""
    package, inside = PACKAGED[name]
    found = find_spec(package)
    paths = [Path(folder) / inside for folder in (found.submodule_search_locations or ())] if found else []
    return next((p for p in paths if p.is_file()), None)


def can_make(example: Example) -> bool:
    """Whether all files of an example are installed."""
    pictures = {example.image, example.video}
    recordings = {example.audio} - set(SOUNDS)
    return all(path_of(name) is not None for name in PACKAGED if name in pictures | recordings)


EXAMPLES: dict[str, Example] = {name: example for name, example in WRITTEN.items() if can_make(example)}


def make_example(name: str) -> dict[str, Medium]:
    """{modality: medium} of a named example, uncorrupted."""
    if name not in WRITTEN:
        raise FusionError("There is no example named {name!r}; there are {known}.", name=name, known=list(EXAMPLES))
    example = WRITTEN[name]
    media: dict[str, Medium] = {}
    if example.image is not None:
        media["image"] = make_picture(example.image)
    if example.text is not None:
        media["text"] = example.text
    sound = make_audio(example.audio) if example.audio is not None else None
    if sound is not None:
        media["audio"] = sound
    if example.video is not None:
        clip = make_video(example.video)
        media["video"] = replace(clip, audio=sound) if example.own_sound else clip
    return media


def make_picture(name: str) -> np.ndarray:
    """The picture of a name in the examples, (H, W, 3) uint8."""
    return draw_clock() if name == "clock" else read_photo(_installed(name))


def make_audio(name: str) -> Audio:
    """The sound of a name in the examples."""
    return make_sound(name) if name in SOUNDS else read_packaged_sound(name)


def make_video(name: str) -> Clip:
    """The clip of a name in the examples: its picture under a moving camera, 240 pixels wide, always the same."""
    return make_clip(make_picture(name), np.random.default_rng(CAMERA), side=240)


@cache
def read_packaged_sound(name: str) -> Audio:
    """The first seconds of a packaged recording, mono, 16-bit."""
    rate, samples = wavfile.read(_installed(name))
    return Audio(rate, samples[: SECONDS * rate].astype(np.float32) / 32768)


@cache
def draw_clock(side: int = 480, hour: int = 10, minute: int = 9, second: int = 36) -> np.ndarray:
    """A wall clock (side, side, 3) uint8, drawn at twice the size: plaster, shadow, rim, face, marks, three hands, a sheen of glass."""
    rng = np.random.default_rng(0)
    big = 2 * side
    light = np.linspace(1.06, 0.86, big)[:, None, None] * np.linspace(1.04, 0.94, big)[:, None]
    shadow = np.zeros((big, big), np.float32)
    cv2.circle(shadow, (side + side // 22, side + side // 14), int(0.8 * side), 1.0, -1)
    wall = np.array([186, 178, 162]) * light * (1 - 0.55 * cv2.GaussianBlur(shadow, (0, 0), side / 20)[..., None])
    scene = np.clip(wall + 3 * rng.standard_normal((big, big, 1)), 0, 255).astype(np.uint8)
    for radius, colour in ((0.8, (38, 36, 36)), (0.785, (96, 92, 90)), (0.74, (30, 28, 28)), (0.7, (238, 234, 224))):
        cv2.circle(scene, (side, side), int(radius * side), colour, -1, cv2.LINE_AA)

    def line(turn: float, start: float, end: float, width: float, colour: tuple[int, int, int] = (28, 28, 30)) -> None:
        direction = np.array([np.sin(2 * np.pi * turn), -np.cos(2 * np.pi * turn)]) * side
        first, last = ((side + direction * r).astype(int).tolist() for r in (start, end))
        cv2.line(scene, first, last, colour, max(1, int(width * side)), cv2.LINE_AA)

    for mark in range(60):
        line(mark / 60, 0.61 if mark % 5 else 0.56, 0.655, 0.008 if mark % 5 else 0.024)
    line((hour + minute / 60) / 12, -0.08, 0.34, 0.04)
    line(minute / 60, -0.1, 0.54, 0.026)
    line(second / 60, -0.14, 0.58, 0.009, (190, 40, 34))
    cv2.circle(scene, (side, side), int(0.035 * side), (190, 40, 34), -1, cv2.LINE_AA)
    y, x = np.mgrid[:big, :big] / side
    sheen = np.clip(1 - np.hypot(y - 0.62, x - 0.66) / 0.8, 0, 1)[..., None]
    lit: np.ndarray = cv2.GaussianBlur(scene, (0, 0), 1.2) + 18 * sheen + 3 * rng.standard_normal((big, big, 1))
    return cv2.resize(lit.clip(0, 255).astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA)


def _installed(name: str) -> Path:
    package, inside = PACKAGED[name]
    path = path_of(name)
    if path is None:
        raise FusionError(
            "The example needs {file} of the package {package}, which is not installed here.", file=Path(inside).name, package=package
        )
    return path
