"""Clips of a digit being written: any tempo, frame rate, length, thickness, place, slant, ink and ground; the pen's path is real."""

from __future__ import annotations

import cv2
import numpy as np

from fusion.tasks.digits import pen
from fusion.tasks.digits.images import ground_texture
from fusion.types import Clip

SIZE = 64


def bend(strokes: pen.Strokes, rng: np.random.Generator, strength: float = 1.0) -> pen.Strokes:
    """The same digit by a slightly different hand: slant, turn, aspect, a smooth wobble, and another tempo."""
    angle = np.radians(rng.normal(0, 8 * strength))
    shear = rng.normal(0, 0.12 * strength)
    aspect = np.exp(rng.normal(0, 0.12 * strength))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.array([[1, shear], [0, 1]]) @ np.diag([aspect, 1 / aspect])
    waves = rng.normal(0, 0.015 * strength, (2, 2, 2))
    phases = rng.uniform(0, 2 * np.pi, (2, 2))
    tempo = np.exp(rng.normal(0, 0.35 * strength))
    ease = rng.normal(0, 0.2 * strength)
    end = max(pen.duration(strokes), 1e-3)
    bent = []
    for s in strokes:
        places = (s[:, :2] - 0.5) @ linear.T + 0.5
        for axis in range(2):  # each coordinate is shifted as a function of the other one, which keeps joined strokes joined
            for wave in range(2):
                places[:, axis] += waves[axis, wave, 0] * np.sin(2 * np.pi * (wave + 1) * places[:, 1 - axis] + phases[axis, wave])
        share = np.clip(s[:, 2] / end, 0, 1)
        bent.append(np.column_stack([places, (share + ease * share * (1 - share)) * end * tempo]))
    return bent


def make_clip(strokes: pen.Strokes, rng: np.random.Generator, size: int = SIZE, varied: bool = True) -> Clip:
    """One clip of the digit being written, from an empty ground to the finished digit (sometimes held, sometimes cut a little early).

    Returns:
        Clip of (T, size, size, 3) frames; T follows from tempo and frame rate, 5 to about 90.
    """
    strokes = pen.fit(strokes, 0.7)
    if varied:
        strokes = bend(strokes, rng)
    side = rng.uniform(0.35, 0.92)
    room = (1 - side) / 2
    strokes = pen.fit(strokes, side, (0.5 + rng.uniform(-room, room), 0.5 + rng.uniform(-room, room)))
    seconds = max(pen.duration(strokes), 0.2)
    fps = float(rng.choice([8, 10, 12.5, 15, 24, 25, 30]))
    before = rng.uniform(0, 0.3) * seconds
    after = rng.uniform(0, 0.6) * seconds
    count = int(np.clip((before + seconds + after) * fps, 5, 90))
    times = np.linspace(0, before + seconds + after, count, dtype=np.float32)
    cover = pen.ink(strokes, size, rng.uniform(0.025, 0.11), times - before).astype(np.float32) / 255.0
    light = rng.uniform(150, 255)
    dark = rng.uniform(0, 90)
    ground = ground_texture(rng, size) * (light - dark) * rng.uniform(0.0, 0.1)
    frames = (light + ground) + (dark - light - ground) * cover
    if rng.random() < 0.5:
        frames = 255 - frames
    if rng.random() < 0.2:
        frames = np.stack([cv2.GaussianBlur(f, (0, 0), 0.7) for f in frames])
    if rng.random() < 0.5:  # sensor noise at a low cost: one field, rolled from frame to frame
        field = rng.normal(0, rng.uniform(1, 9), (size, size)).astype(np.float32)
        frames = frames + np.stack([np.roll(field, (7 * i, 11 * i), (0, 1)) for i in range(count)])
    if rng.random() < 0.3:  # a hand-held camera
        sway = np.cumsum(rng.normal(0, 0.35, (count, 2)), 0)
        edge = float(np.median(frames[0]))
        moved = [
            cv2.warpAffine(f, np.array([[1, 0, dx], [0, 1, dy]], np.float32), (size, size), borderValue=edge)
            for f, (dx, dy) in zip(frames, sway, strict=True)
        ]
        frames = np.stack(moved)
    return Clip(np.repeat(np.clip(frames, 0, 255).astype(np.uint8)[..., None], 3, -1), times)


def make_nothing(rng: np.random.Generator, size: int = SIZE) -> Clip:
    """A clip in which nothing is written: a still or flickering ground."""
    count = int(rng.integers(5, 40))
    ground = rng.uniform(0, 255) + ground_texture(rng, size) * rng.uniform(0, 25)
    frames = ground + rng.normal(0, rng.uniform(0, 12), (count, 1, 1)) + rng.normal(0, rng.uniform(0.5, 10), (count, size, size))
    return Clip(np.repeat(np.clip(frames, 0, 255).astype(np.uint8)[..., None], 3, -1), np.arange(count, dtype=np.float32) / 15)
