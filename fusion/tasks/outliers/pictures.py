"""Pictures of nothing in particular: blank, noise, patterns, shapes, letters, screens with text. (H, W, 3) uint8."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ACEFHKNTVXYadehkrtuvx"  # those that look like no digit; the test has others
OTHER_LETTERS = "GLMPRUWcfmnpw"
FACES = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
WORDS = "File Edit View Help Open Save Cancel Search Settings Inbox Send Reply Today Archive Notes Draft Share Next Back Home Menu".split()
Colour = tuple[int, int, int]


def colour(rng: np.random.Generator) -> Colour:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


def side(rng: np.random.Generator) -> tuple[int, int]:
    """Height and width of a picture."""
    height, width = rng.integers(64, 260, 2).tolist()
    return height, width


def blank(rng: np.random.Generator) -> np.ndarray:
    """One colour, or a smooth change from one to another."""
    height, width = side(rng)
    first, last = np.array(colour(rng), float), np.array(colour(rng), float)
    if rng.random() < 0.5:
        last = first
    y, x = np.mgrid[:height, :width]
    angle = rng.uniform(0, 2 * np.pi)
    share = (np.cos(angle) * x / width + np.sin(angle) * y / height + 1.5) / 3
    picture: np.ndarray = (first + (last - first) * share[..., None]).clip(0, 255).astype(np.uint8)
    return picture


def noise(rng: np.random.Generator) -> np.ndarray:
    """Random grains from one pixel to a sixth of the picture, grey or coloured."""
    height, width = side(rng)
    grain = int(rng.choice([1, 2, 4, 8, 16, 40]))
    channels = int(rng.choice([1, 3]))
    cells = rng.normal(rng.uniform(60, 200), rng.uniform(15, 80), (height // grain + 1, width // grain + 1, channels))
    grains = np.repeat(cells, 3 // channels, 2).clip(0, 255).astype(np.uint8)
    return cv2.resize(grains, (width, height), interpolation=cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_NEAREST)


def pattern(rng: np.random.Generator) -> np.ndarray:
    """Stripes, checks or rings."""
    height, width = side(rng)
    y, x = np.mgrid[:height, :width]
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 50)
    along = np.cos(angle) * x + np.sin(angle) * y
    across = np.sin(angle) * x - np.cos(angle) * y
    kind = rng.random()
    if kind < 0.4:
        wave = np.sin(2 * np.pi * along / period)
    elif kind < 0.7:
        wave = np.sin(2 * np.pi * along / period) * np.sin(2 * np.pi * across / period)
    else:
        wave = np.sin(2 * np.pi * np.hypot(x - width / 2, y - height / 2) / period)
    if rng.random() < 0.5:
        wave = np.sign(wave)
    share = (wave[..., None] + 1) / 2
    picture: np.ndarray = (np.array(colour(rng)) * share + np.array(colour(rng)) * (1 - share)).astype(np.uint8)
    return picture


def shapes(rng: np.random.Generator) -> np.ndarray:
    """Filled triangles, quadrangles and lines in any colours."""
    picture = blank(rng)
    height, width = picture.shape[:2]
    for _ in range(int(rng.integers(1, 8))):
        corners = (rng.random((int(rng.integers(3, 6)), 2)) * (width, height)).astype(np.int32)
        if rng.random() < 0.6:
            cv2.fillPoly(picture, [corners], colour(rng), cv2.LINE_AA)
        else:
            cv2.polylines(picture, [corners], bool(rng.random() < 0.5), colour(rng), int(rng.integers(1, 9)), cv2.LINE_AA)
    return picture


def letter_cover(letters: str, rng: np.random.Generator, pillow: bool = False) -> np.ndarray:
    """Ink (64, 64) uint8 of a printed letter, in OpenCV's faces or in Pillow's."""
    letter = letters[int(rng.integers(len(letters)))]
    if pillow:
        picture = Image.new("L", (64, 64))
        ImageDraw.Draw(picture).text((12, 2), letter, 255, ImageFont.load_default(48))
        return np.asarray(picture)
    cover = np.zeros((64, 64), np.uint8)
    face = int(rng.choice(FACES)) | (cv2.FONT_ITALIC if rng.random() < 0.3 else 0)
    cv2.putText(cover, letter, (10, 50), face, 1.7, 255, int(rng.integers(2, 7)), cv2.LINE_AA)
    return cover


def screen(rng: np.random.Generator) -> np.ndarray:
    """A window with a bar, lines of words, buttons and sometimes a chart."""
    height, width = int(rng.integers(200, 420)), int(rng.integers(260, 520))
    dark = rng.random() < 0.35
    ground = rng.integers(10, 60, 3) if dark else rng.integers(225, 256, 3)
    picture = np.full((height, width, 3), ground, np.uint8)
    ink: Colour = (220, 220, 220) if dark else (40, 40, 40)
    cv2.rectangle(picture, (0, 0), (width, int(rng.integers(16, 36))), colour(rng), -1)
    left = int(rng.integers(0, 2)) * width // 4
    if left:
        cv2.rectangle(picture, (0, 36), (left - 8, height), tuple((ground * 0.9).astype(int).tolist()), -1)
    line = int(rng.integers(14, 26))
    for y in range(52, height - 10, line):
        if rng.random() < 0.85:
            text = " ".join(WORDS[int(i)] for i in rng.integers(0, len(WORDS), int(rng.integers(1, 9))))
            cv2.putText(picture, text, (left + 8, y), cv2.FONT_HERSHEY_SIMPLEX, line / 48, ink, 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 4))):
        x, y = int(rng.integers(0, width - 60)), int(rng.integers(40, height - 20))
        cv2.rectangle(picture, (x, y), (x + int(rng.integers(30, 60)), y + 16), colour(rng), -1)
    if rng.random() < 0.4:
        heights = rng.integers(5, height // 3, 8).tolist()
        for i, tall in enumerate(heights):
            cv2.rectangle(picture, (left + 10 + 16 * i, height - 8 - tall), (left + 20 + 16 * i, height - 8), colour(rng), -1)
    return picture
