"""Corruptions of media, by kind, name and severity: the same for training, tests, Python, the shell and the page's sliders.

corrupt("image", picture, 3, rng)            the mix of its kind, on which everything is trained and measured
corrupt("image", picture, 3, rng, "blur")    one of them alone

Severity 0 changes nothing; 3 is meant to cost a single modality a good part of its accuracy; 5 leaves little. The five steps follow
Hendrycks 2019 (Benchmarking Neural Network Robustness to Common Corruptions). A new corruption is one function (medium, severity 1-5,
generator) -> medium and one line here; media are never changed in place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fusion.media.corruptions import audio, image, text, video
from fusion.messages import message
from fusion.types import FusionError, Medium

SEVERITIES = (0, 1, 2, 3, 4, 5)
MIX = "mix"
Choice = int | tuple[str, int]  # a severity of the mix, or a corruption's name and its severity

CORRUPTIONS: dict[str, dict[str, Callable[..., Medium]]] = {
    "image": {
        MIX: image.mix,
        "gaussian_noise": image.gaussian_noise,
        "blur": image.blur,
        "motion_blur": image.motion_blur,
        "occlusion": image.occlusion,
        "brightness": image.brightness,
        "contrast": image.contrast,
        "jpeg": image.jpeg,
    },
    "text": {
        MIX: text.mix,
        "drop": text.drop,
        "swap": text.swap,
        "typos": text.typos,
        "mask": text.mask,
    },
    "audio": {
        MIX: audio.mix,
        "noise": audio.noise,
        "gaps": audio.gaps,
        "low_pass": audio.low_pass,
        "clipping": audio.clipping,
    },
    "video": {
        MIX: video.mix,
        "noise": video.noise,
        "blur": video.blur,
        "occlusion": video.occlusion,
        "frame_drop": video.frame_drop,
        "freeze": video.freeze,
    },
}


def corrupt(kind: str, medium: Medium, severity: int, rng: np.random.Generator, name: str = MIX) -> Medium:
    """The medium at a severity of 0 (unchanged) to 5; the same generator state gives the same result.

    Args:
        kind: "image", "text", "audio" or "video".
        name: one of `CORRUPTIONS[kind]`.

    Raises:
        FusionError: the severity or the name is unknown.
    """
    name, severity = read_choice(kind, (name, severity))
    return medium if severity == 0 else CORRUPTIONS[kind][name](medium, severity, rng)


def read_choice(kind: str, value: Any) -> tuple[str, int]:
    """Name and severity of a choice: 3 is ("mix", 3), ("blur", 3) stays as it is; a list is read like a tuple.

    Raises:
        FusionError: it is neither, or names an unknown corruption or severity.
    """
    name, severity = value if isinstance(value, tuple | list) and len(value) == 2 else (MIX, value)
    if isinstance(severity, bool) or not isinstance(severity, int | np.integer) or severity not in SEVERITIES:
        raise FusionError("Severity must be a whole number from 0 to 5, not {severity!r}.", severity=severity)
    if not isinstance(name, str) or name not in CORRUPTIONS[kind]:
        raise FusionError(
            "There is no {kind} corruption named {name!r}; there are {known}.", kind=message(kind), name=name, known=list(CORRUPTIONS[kind])
        )
    return name, int(severity)


def parse_choice(kind: str, text: str) -> Choice:
    """The choice that a person types: "3" or "blur:3".

    Raises:
        FusionError: it is of another form, or names an unknown corruption or severity.
    """
    name, colon, level = text.rpartition(":")
    example = next(known for known in CORRUPTIONS[kind] if known != MIX)
    if not (level.isascii() and level.isdecimal()):
        raise FusionError(
            "{text!r} is not a severity from 0 to 5, or a corruption and its severity, such as {example}:3.", text=text, example=example
        )
    choice: Choice = (name, int(level)) if colon else int(level)
    read_choice(kind, choice)
    return choice
