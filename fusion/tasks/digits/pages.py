"""Pages with handwritten digits: what the finder of handwriting is trained on, and what picture encoders are trained on further.

Digits of all sizes on photographs of paper (`fusion.tasks.digits.paper`), canvases of the task among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion.media.corruptions import corrupt
from fusion.tasks.base import Photograph, Sample
from fusion.tasks.digits import images
from fusion.tasks.digits.paper import Page, make_page
from fusion.tasks.digits.samples import Digits, draw_level

CANVAS_SHARE = 0.35  # of the pages that the finder sees
EMPTY_SHARE = 0.05
OLD_SHARE = 0.4  # of what an encoder is trained on further: samples as before


@dataclass(frozen=True)
class DigitPages:
    """The pages of `fusion.tasks.base.PageSource`, written with the digits of one split."""

    digits: Digits

    def page(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return draw(self.digits, rng)

    def photograph(self, index: int, seed: int) -> Photograph:
        return photograph(self.digits, index, seed)


def form(rng: np.random.Generator, most: float, low: int = 150, high: int = 420) -> tuple[int, int]:
    """Height and width in pixels of a page, at most `most` times as long as wide."""
    longer = int(rng.integers(low, high))
    shorter = int(longer / np.exp(rng.uniform(0, np.log(most))))
    return (longer, shorter) if rng.random() < 0.5 else (shorter, longer)


def draw(digits: Digits, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) uint8 with one to five digits or none, corrupted in half of the cases, and their ink (H, W) uint8."""
    kind = rng.random()
    if kind < CANVAS_SHARE:
        cover, box = images.place(digits.glyph(int(rng.integers(10)), rng), rng, images.SIZE, 6, 60)
        picture, ink = images.paint(cover, box[None], rng, plain=rng.random() < 0.25), cover
    elif kind < CANVAS_SHARE + EMPTY_SHARE:
        picture = images.make_nothing(rng)
        ink = np.zeros(picture.shape[:2], np.uint8)
    else:
        count = 1 if rng.random() < 0.6 else int(rng.integers(2, 6))
        size = size_of(rng, 0.06, 0.95 if count == 1 else 0.35)
        page = page_of(digits, rng.integers(10, size=count), size, form(rng, 2.2 if count == 1 else 4.0), rng)
        picture, ink = page.picture, page.layers.max(0)
    return damaged(picture, rng), ink


def photograph(digits: Digits, index: int, seed: int) -> Photograph:
    """Sample `index` of the endless stream `seed`: some as in `Digits.sample`, the others one digit on a photograph of paper."""
    rng = np.random.default_rng([seed, index, 84])
    if rng.random() < OLD_SHARE:
        return as_before(digits.sample(index, seed, "train", nothing=True))
    digit = int(rng.integers(10))
    page = page_of(digits, np.array([digit]), size_of(rng, 0.06, 0.95), form(rng, 2.2), rng)
    picture = damaged(page.picture, rng) if rng.random() < 0.4 else page.picture
    return Photograph(picture, page.layers.max(0), digit)


def as_before(sample: Sample) -> Photograph:
    picture = sample.inputs["image"]
    assert isinstance(picture, np.ndarray)
    return Photograph(picture, None, sample.label if sample.named else -1)


def damaged(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Corrupted as in training, in half of the cases."""
    found = corrupt("image", picture, draw_level("train", "image", rng), rng)
    assert isinstance(found, np.ndarray)
    return found


def size_of(rng: np.random.Generator, low: float, high: float) -> float:
    """A share of the longer side of the page, as often in one octave as in another."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def page_of(digits: Digits, shown: np.ndarray, size: float, shape: tuple[int, int], rng: np.random.Generator) -> Page:
    """A page with the digits `shown` (N,), about `size` of its longer side; the paper and pens of the test split are others."""
    sizes = size * np.exp(rng.normal(0, 0.15, len(shown)))
    return make_page([digits.glyph(int(k), rng) for k in shown], sizes, shape, rng, held_out=digits.split == "test")
