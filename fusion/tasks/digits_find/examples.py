"""Worked examples of `digits-find`: hand-set digits on one canvas, and a question in words, by voice or by a clip."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fusion.tasks.digits import pen
from fusion.tasks.digits.examples import make_medium, strokes_of
from fusion.types import FusionError, Medium

CANVAS = 288  # pixels; three times what the encoder reads


@dataclass(frozen=True)
class Example:
    """The digits shown as (digit, x, y, size), upper left corner and size in [0, 1]; the digit asked for, in which modalities and words."""

    shown: tuple[tuple[int, float, float, float], ...]
    asked: int
    questions: tuple[str, ...] = ("text",)
    text: str | None = None
    severity: dict[str, int] = field(default_factory=dict)


FOUR = ((7, 0.05, 0.08, 0.38), (2, 0.58, 0.04, 0.34), (4, 0.10, 0.56, 0.34), (9, 0.56, 0.50, 0.42))
FIVE = ((1, 0.05, 0.05, 0.26), (5, 0.40, 0.08, 0.28), (8, 0.70, 0.12, 0.26), (0, 0.12, 0.58, 0.30), (6, 0.58, 0.56, 0.30))
EXAMPLES: dict[str, Example] = {
    "ask-in-words": Example(FOUR, 9, ("text",), "where is the nine"),
    "ask-by-voice": Example(FOUR, 2, ("audio",)),
    "ask-by-clip": Example(FOUR, 4, ("video",)),
    "not-there": Example(FOUR, 3, ("text", "audio"), "find the three"),
    "crowded": Example(FIVE, 6, ("text", "audio"), "six please"),
    "noisy": Example(FOUR, 7, ("text", "audio"), "seven", {"image": 2, "text": 2, "audio": 2}),
}


def make_picture(shown: tuple[tuple[int, float, float, float], ...]) -> np.ndarray:
    """(288, 288, 3) uint8, dark ink on white."""
    canvas = np.full((CANVAS, CANVAS, 3), 255, np.uint8)
    for digit, x, y, size in shown:
        side = round(size * CANVAS)
        left = round(x * CANVAS)
        top = round(y * CANVAS)
        part = pen.draw_picture(strokes_of(digit), side)
        canvas[top : top + side, left : left + side] = np.minimum(canvas[top : top + side, left : left + side], part)
    return canvas


def make_example(name: str) -> dict[str, Medium]:
    """{modality: medium} of a named example, uncorrupted."""
    if name not in EXAMPLES:
        raise FusionError("There is no example named {name!r}; there are {known}.", name=name, known=list(EXAMPLES))
    example = EXAMPLES[name]
    asked = {m: make_medium(m, example.asked) for m in example.questions}
    if example.text and "text" in asked:
        asked["text"] = example.text
    return {"image": make_picture(example.shown)} | asked
