"""Worked examples made by this project: hand-set pen strokes, words, synthesised speech. Nothing here comes from a data set.

The ten sounds in `checkpoints/digits/examples/` were spoken by espeak-ng (`python -m fusion voices --examples`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.io import wavfile

from fusion.config import CHECKPOINTS
from fusion.files import check
from fusion.tasks.digits import pen
from fusion.types import MODALITIES, Audio, FusionError, Medium

# Points of the pen, x right and y down in percent; "/" lifts the pen, "|" is a corner (a new curve starts).
PATHS = {
    0: "52,12 30,20 22,50 32,82 52,88 72,78 77,48 68,18 50,12",
    1: "34,30 52,12 | 52,12 52,50 52,88",
    2: "28,30 36,15 54,12 70,24 66,44 46,66 26,86 | 26,86 50,85 76,86",
    3: "30,18 50,11 68,20 66,38 48,47 | 48,47 70,56 72,76 54,89 28,82",
    4: "46,12 34,38 22,62 | 22,62 50,62 78,60 / 62,36 61,62 60,90",
    5: "68,14 50,14 34,14 | 34,14 32,30 30,46 | 30,46 50,40 70,52 70,76 50,89 28,82",
    6: "64,12 40,32 27,62 36,85 56,88 70,72 62,56 44,56 30,70",
    7: "24,15 50,15 76,14 | 76,14 62,40 50,64 44,88",
    8: "66,24 52,12 36,20 38,36 54,48 68,64 64,84 46,89 31,78 36,60 54,46 67,32 66,22",
    9: "70,28 54,13 34,22 32,42 50,50 68,36 70,26 | 70,26 70,50 64,74 54,90",
}
ENGLISH = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def strokes_of(digit: int, seconds: float = 1.2) -> pen.Strokes:
    """The digit as strokes (N, 3): x, y in [0, 1], y down, and t in seconds; even pen speed, a short pause between strokes."""
    strokes = []
    clock = 0.0
    for part in PATHS[digit].split("/"):
        pieces = []
        for piece in part.split("|"):
            points = np.array([[float(v) / 100 for v in pair.split(",")] for pair in piece.split()])
            reach = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
            along = np.linspace(0, reach[-1], max(4, int(reach[-1] * 45)))
            pieces.append(
                CubicSpline(reach, points, bc_type="natural")(along)
                if len(points) > 2
                else np.column_stack([np.interp(along, reach, points[:, i]) for i in (0, 1)])
            )
        places = np.concatenate(pieces)
        steps = np.concatenate([[0], np.linalg.norm(np.diff(places, axis=0), axis=1)])
        times = clock + np.cumsum(steps)
        clock = times[-1] + 0.2
        strokes.append(np.column_stack([places, times]))
    total = max(float(strokes[-1][-1, 2]), 1e-6)
    return [np.column_stack([s[:, :2], s[:, 2] / total * seconds]) for s in strokes]


def spoken(digit: int) -> Audio:
    """The synthesised word, 8 kHz."""
    path = CHECKPOINTS / "digits" / "examples" / f"{digit}.wav"
    try:
        check(path)
        rate, samples = wavfile.read(path)
    except FusionError as error:
        raise FusionError("The example has no sound: {reason}", reason=error) from error
    except (OSError, ValueError) as error:
        raise FusionError("The example has no sound: {folder}/{file} is damaged.", folder=path.parent.name, file=path.name) from error
    return Audio(rate, samples.astype(np.float32) / 32768.0)


@dataclass(frozen=True)
class Example:
    """A named situation: the digit each modality names (absent ones are left out), the text, and severities for the sliders."""

    digits: dict[str, int]
    text: str | None = None
    severity: dict[str, int] = field(default_factory=dict)


EXAMPLES: dict[str, Example] = {
    "seven": Example({"image": 7, "text": 7, "audio": 7, "video": 7}, "seven"),
    "chinese": Example({"image": 3, "text": 3, "video": 3}, "数字三"),
    "conflict": Example({"image": 4, "text": 9, "audio": 9, "video": 4}, "number nine"),
    "outvoted": Example({"image": 1, "text": 5, "audio": 5, "video": 5}, "it is a five"),
    "noisy": Example({"image": 8, "text": 8, "audio": 8, "video": 8}, "eight", dict.fromkeys(MODALITIES, 3)),
    "typo": Example({"text": 6, "audio": 6}, "s_x or maybe si_"),
    "voice": Example({"audio": 2}),
}


def make_example(name: str) -> dict[str, Medium]:
    """{modality: medium} of a named example, uncorrupted."""
    if name not in EXAMPLES:
        raise FusionError("There is no example named {name!r}; there are {known}.", name=name, known=list(EXAMPLES))
    example = EXAMPLES[name]
    return {m: (example.text or ENGLISH[d]) if m == "text" else make_medium(m, d) for m, d in example.digits.items()}


def make_medium(modality: str, digit: int) -> Medium:
    """A medium of one modality that shows the digit."""
    if modality == "image":
        return pen.draw_picture(strokes_of(digit), 256)
    if modality == "video":
        return pen.draw_clip(strokes_of(digit), 96)
    return spoken(digit) if modality == "audio" else ENGLISH[digit]
