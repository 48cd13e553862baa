"""Synthetic pictures of digits: any place, size and slant, light on dark or dark on light, on clutter and texture.

`make_canvas` takes a glyph (28x28 MNIST digit, finished pen drawing, printed digit) as an ink cover and paints it on a 64x64 canvas.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fusion.tasks.digits import pen

SIZE = 64
HERSHEY = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


def printed_glyph(digit: int, rng: np.random.Generator) -> np.ndarray:
    """A digit in a font that every installation has (OpenCV's Hershey faces, Pillow's built-in one): ink cover (64, 64) uint8."""
    if rng.random() < 0.4:
        picture = Image.new("L", (64, 64))
        ImageDraw.Draw(picture).text((14, 2), str(digit), 255, ImageFont.load_default(52))
        return np.asarray(picture)
    canvas = np.zeros((64, 64), np.uint8)
    face = int(rng.choice(HERSHEY)) | (cv2.FONT_ITALIC if rng.random() < 0.3 else 0)
    cv2.putText(canvas, str(digit), (12, 52), face, 1.9, 255, int(rng.integers(2, 7)), cv2.LINE_AA)
    return canvas


def pen_glyph(strokes: pen.Strokes, rng: np.random.Generator) -> np.ndarray:
    """The last picture of a pen drawing: ink cover (64, 64) uint8."""
    covers = pen.ink(pen.fit(strokes, 0.8), 64, float(rng.uniform(0.04, 0.12)), np.array([np.inf]))
    finished: np.ndarray = covers[0]
    return finished


def place(cover: np.ndarray, rng: np.random.Generator, size: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Puts ink at a random place, size (longer side `low`-`high` pixels), slant and aspect of an empty canvas.

    Returns:
        The cover (size, size) uint8 and the box x0, y0, x1, y1 of its ink in pixels.
    """
    ys, xs = np.nonzero(cover > 40)
    center = np.array([(xs.min() + xs.max() + 1) / 2, (ys.min() + ys.max() + 1) / 2])
    extent = max(np.ptp(xs), np.ptp(ys)) + 1
    scale = rng.uniform(low, high) / extent
    angle = np.radians(rng.normal(0, 7))
    shear = rng.normal(0, 0.1)
    aspect = np.exp(rng.normal(0, 0.1))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.array([[1, shear], [0, 1]]) @ np.diag([aspect, 1 / aspect])
    corners = np.array([[xs.min(), ys.min()], [xs.max() + 1, ys.min()], [xs.min(), ys.max() + 1], [xs.max() + 1, ys.max() + 1]]) - center
    half = np.abs(corners @ linear.T).max(0)
    most = size / 2 - 1
    if half.max() > most:  # a rotated digit must still fit
        linear = linear * most / half.max()
        half = half * most / half.max()
    target = np.array([rng.uniform(h, size - h) for h in half])
    matrix = np.column_stack([linear, target - linear @ center])
    shrunk = scale < 0.6  # blurred before sampling, else thin lines break up
    source = cv2.GaussianBlur(cover, (0, 0), 0.35 / scale) if shrunk else cover
    placed = cv2.warpAffine(source, matrix, (size, size), flags=cv2.INTER_LINEAR)
    return placed, np.array([*(target - half), *(target + half)])


def ground_texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """A surface to write on, (size, size) float32 around 0 with a spread of about 1: plain, shaded, cloudy, ruled or woven."""
    kind = rng.random()
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    if kind < 0.3:
        return np.zeros((size, size), np.float32)
    if kind < 0.55:
        a, b = rng.normal(size=2)
        shade: np.ndarray = (a * (x - 0.5) + b * (y - 0.5)).astype(np.float32) * 2
        return shade
    if kind < 0.85:
        cells = int(rng.integers(3, 17))
        cloud = cv2.resize(rng.normal(size=(cells, cells)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        clouds: np.ndarray = cloud / max(float(cloud.std()), 1e-3)
        return clouds
    period = rng.uniform(0.08, 0.3)
    phase = rng.random()
    along, across = (x, y) if rng.random() < 0.5 else (y, x)
    lines: np.ndarray = (((along / period + phase) % 1.0) < 0.15).astype(np.float32)
    if rng.random() < 0.4:
        lines = np.maximum(lines, (((across / period + phase) % 1.0) < 0.15).astype(np.float32))
    return lines * 2


def add_clutter(cover: np.ndarray, boxes: np.ndarray, rng: np.random.Generator, pieces: int) -> np.ndarray:
    """Lines, dots and arcs, thinner and smaller than a digit and mostly beside those in `boxes` (N, 4): their cover (S, S) uint8."""
    size = len(cover)
    clutter = np.zeros_like(cover)
    for _ in range(pieces):
        x, y = rng.uniform(0, size, 2)
        if ((boxes[:, 0] - 1 < x) & (x < boxes[:, 2] + 1) & (boxes[:, 1] - 1 < y) & (y < boxes[:, 3] + 1)).any():
            continue
        kind = rng.random()
        width = int(rng.integers(1, 3))
        ink = int(rng.integers(90, 256))
        length = rng.uniform(2, 0.2 * size)
        angle = rng.uniform(0, np.pi)
        start = (int(x), int(y))
        if kind < 0.5:
            cv2.line(clutter, start, (int(x + length * np.cos(angle)), int(y + length * np.sin(angle))), ink, width, cv2.LINE_AA)
        elif kind < 0.75:
            cv2.circle(clutter, start, int(rng.integers(0, 3)), ink, -1, cv2.LINE_AA)
        else:
            axes = (int(rng.uniform(1, 0.09 * size)), int(rng.uniform(1, 0.09 * size)))
            cv2.ellipse(clutter, start, axes, float(np.degrees(angle)), 0, float(rng.uniform(60, 250)), ink, width, cv2.LINE_AA)
    return clutter


def make_canvas(
    cover: np.ndarray, rng: np.random.Generator, size: int = SIZE, low: float = 18, high: float = 60, plain: bool = False
) -> np.ndarray:
    """One digit on one canvas.

    Args:
        cover: (h, w) uint8, ink cover of any size.
        low, high: longer side of the digit in pixels of the canvas.
        plain: no clutter or texture, high contrast (a drawing on a page, a scanned digit).

    Returns:
        (size, size, 3) uint8.
    """
    placed, box = place(cover, rng, size, low, high)
    return paint(placed, box[None], rng, plain)


def paint(cover: np.ndarray, boxes: np.ndarray, rng: np.random.Generator, plain: bool = False) -> np.ndarray:
    """Ink (S, S) uint8 on a ground, with clutter beside the digits in `boxes` (N, 4), light on dark or dark on light: (S, S, 3) uint8."""
    size = len(cover)
    ink = cover.astype(np.float32) / 255.0
    gain = rng.uniform(1.0, 1.6)
    ink = np.clip(ink * gain, 0, 1)
    light = rng.uniform(200, 255)
    dark = rng.uniform(0, 60)
    ground: np.ndarray = np.zeros((size, size), np.float32)
    if not plain:
        middle = rng.uniform(90, 165)
        contrast = rng.uniform(70, 160)
        light = min(255, middle + contrast / 2)
        dark = max(0, middle - contrast / 2)
        if rng.random() < 0.6:
            clutter = add_clutter(cover, boxes, rng, int(rng.integers(1, 9))).astype(np.float32) / 255.0
            ink = np.maximum(ink, clutter * rng.uniform(0.4, 1.0) * (1 - ink))
        ground = ground_texture(rng, size) * (light - dark) * rng.uniform(0.03, 0.16)
    picture: np.ndarray = light + (dark - light) * ink + ground * (1 - ink)
    if rng.random() < 0.5:
        picture = 255 - picture
    if rng.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.0))
    if not plain and rng.random() < 0.6:
        picture = picture + rng.normal(0, rng.uniform(1, 10), picture.shape)
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, -1)


def make_nothing(rng: np.random.Generator, size: int = SIZE) -> np.ndarray:
    """A canvas without a digit: blank, textured or cluttered; (size, size, 3) uint8."""
    level = rng.uniform(0, 255)
    spread = rng.uniform(0, 40)
    picture: np.ndarray = level + ground_texture(rng, size) * spread * rng.uniform(0, 1)
    empty = np.zeros((size, size), np.uint8)
    if rng.random() < 0.5:
        clutter: np.ndarray = add_clutter(empty, np.zeros((1, 4)), rng, int(rng.integers(1, 14))) / 255.0
        picture = picture + clutter * rng.uniform(-160, 160)
    picture = picture + rng.normal(0, rng.uniform(0, 14), picture.shape)
    return np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[..., None], 3, -1)
