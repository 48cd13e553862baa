"""Pen drawings of other things than digits, as strokes (see `fusion.tasks.digits.pen`): letters, signs, scribbles."""

from __future__ import annotations

import numpy as np

Strokes = list[np.ndarray]
# The corners of each stroke as x, y in tenths; what looks like a digit is left out.
LETTERS = {
    "A": ((0, 10, 5, 0, 10, 10), (2, 6, 8, 6)),
    "E": ((9, 0, 0, 0, 0, 10, 9, 10), (0, 5, 7, 5)),
    "F": ((9, 0, 0, 0, 0, 10), (0, 5, 7, 5)),
    "H": ((0, 0, 0, 10), (9, 0, 9, 10), (0, 5, 9, 5)),
    "K": ((0, 0, 0, 10), (8, 0, 0, 6, 8, 10)),
    "M": ((0, 10, 0, 0, 5, 6, 10, 0, 10, 10),),
    "N": ((0, 10, 0, 0, 8, 10, 8, 0),),
    "T": ((0, 0, 10, 0), (5, 0, 5, 10)),
    "W": ((0, 0, 2, 10, 5, 4, 8, 10, 10, 0),),
    "X": ((0, 0, 9, 10), (9, 0, 0, 10)),
}
SIGNS = {
    "triangle": ((5, 0, 10, 9, 0, 9, 5, 0),),
    "square": ((0, 0, 10, 0, 10, 10, 0, 10, 0, 0),),
    "star": ((2, 10, 5, 0, 8, 10, 0, 4, 10, 4, 2, 10),),
    "arrow": ((0, 5, 10, 5), (6, 1, 10, 5, 6, 9)),
    "house": ((0, 10, 0, 4, 5, 0, 10, 4, 10, 10, 0, 10), (4, 10, 4, 7, 6, 7, 6, 10)),
    "cross": ((5, 0, 5, 10), (0, 5, 10, 5)),
    "envelope": ((0, 0, 10, 0, 10, 7, 0, 7, 0, 0, 5, 4, 10, 0),),
    "hash": ((3, 0, 3, 10), (7, 0, 7, 10), (0, 3, 10, 3), (0, 7, 10, 7)),
}


def drawn(corners: tuple[tuple[int, ...], ...], rng: np.random.Generator) -> Strokes:
    """A sign drawn at a steady speed by a slightly unsteady hand."""
    strokes: Strokes = []
    time = 0.0
    for stroke in corners:
        points = np.array(stroke, float).reshape(-1, 2) / 10 + rng.normal(0, 0.03, (len(stroke) // 2, 2))
        lengths = np.hypot(*np.diff(points, axis=0).T)
        along = np.concatenate([[0.0], np.cumsum(lengths)])
        at = np.linspace(0, along[-1], max(4, int(along[-1] * 25)))
        x, y = (np.interp(at, along, points[:, axis]) + np.cumsum(rng.normal(0, 0.004, len(at))) for axis in (0, 1))
        strokes.append(np.column_stack([x, y, time + at * 0.5]))
        time += along[-1] * 0.5 + 0.2
    return strokes


def letter(rng: np.random.Generator) -> Strokes:
    return drawn(LETTERS[str(rng.choice(list(LETTERS)))], rng)


def sign(rng: np.random.Generator) -> Strokes:
    return drawn(SIGNS[str(rng.choice(list(SIGNS)))], rng)


def scribble(rng: np.random.Generator) -> Strokes:
    """A line that wanders to and fro."""
    turns = int(rng.integers(5, 14))
    corners = rng.random((turns, 2))
    t = np.linspace(0, turns - 1, turns * 8)
    x, y = (np.convolve(np.interp(t, np.arange(turns), corners[:, axis]), np.ones(5) / 5, "valid") for axis in (0, 1))
    return [np.column_stack([x, y, np.linspace(0, turns * 0.25, len(x))])]


def zigzag(rng: np.random.Generator) -> Strokes:
    """Regular teeth from left to right, or waves."""
    teeth = int(rng.integers(3, 8))
    t = np.linspace(0, teeth, teeth * 12)
    wave = np.abs(t % 1 - 0.5) * 2 if rng.random() < 0.5 else np.sin(2 * np.pi * t) / 2 + 0.5
    return [np.column_stack([t / teeth, wave * rng.uniform(0.2, 0.9), t * 0.2])]
