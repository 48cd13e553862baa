"""Photographs of paper with handwriting: plain, lined and squared, at an angle, in shadow, written with pen, pencil or marker.

`make_page` draws a sheet, writes digits on it, and takes a photograph of it. With `held_out` it uses other papers (dotted, staves, wide
columns), other pens (grainy, two-tone) and another light, none of which training sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

PENS = ((25, 25, 30), (20, 40, 130), (60, 60, 65), (150, 25, 30), (15, 70, 45))  # black, blue, pencil, red, green
HELD_OUT_PENS = ((90, 30, 110), (15, 15, 15), (70, 85, 110), (30, 90, 150))


@dataclass(frozen=True)
class Page:
    """`picture` (H, W, 3) uint8; `boxes` (N, 4) x0, y0, x1, y1 in [0, 1] and `layers` (N, H, W) uint8 of the ink of each digit."""

    picture: np.ndarray
    boxes: np.ndarray
    layers: np.ndarray


def make_page(
    covers: list[np.ndarray], sizes: np.ndarray, shape: tuple[int, int], rng: np.random.Generator, held_out: bool = False
) -> Page:
    """A photograph of a sheet on which digits are written apart from each other.

    Args:
        covers: ink of each digit, (h, w) uint8.
        sizes: longer side of each digit as a share of the longer side of the picture; smaller where there is no room.
        shape: height and width of the picture in pixels.
    """
    camera, shown = look_at(shape, rng)
    places = scatter(covers, sizes * max(shape), shape, shown, rng)
    layers = [written(cover, place, shape, camera, rng) for cover, place in zip(covers, places, strict=True)]
    boxes = np.stack([ink_box(layer) for layer in layers]) / [shape[1], shape[0], shape[1], shape[0]]
    ink = np.max(layers, 0).astype(np.float32) / 255
    sheet = cv2.warpPerspective(ruled(shape, rng, held_out), camera, shape[::-1], flags=cv2.INTER_AREA, borderValue=(-1, -1, -1))
    picture = np.where(sheet < 0, table(shape, rng), sheet)
    pens = HELD_OUT_PENS if held_out else PENS
    colour = np.array(pens[rng.integers(len(pens))], np.float32)
    strength = rng.uniform(0.75, 1.0)
    if held_out and rng.random() < 0.5:
        ink = ink * np.clip(rng.normal(0.9, 0.25, ink.shape), 0, 1).astype(np.float32)
    cover = (ink * strength)[..., None]
    picture = (picture * (1 - cover) + colour * cover) * light(shape, rng, held_out)[..., None]
    if rng.random() < 0.1:
        picture = 255 - picture
    return Page(photographed(picture, rng), boxes, np.stack(layers))


def look_at(shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The camera as a homography from the sheet to the picture, and x0, y0, x1, y1 of what surely shows the sheet, in pixels."""
    height, width = shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    kind = rng.random()
    if kind < 0.4:  # scanned, or so near that only the sheet is seen
        return np.eye(3), np.array([0, 0, width, height], np.float64)
    middle = corners.mean(0)
    least = min(shape)
    angle = np.radians(rng.normal(0, 4))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    near = rng.uniform(0.82, 0.95) if kind < 0.7 else rng.uniform(1.3, 1.6)  # with the table around it, or without
    seen = (corners - middle) @ turn.T * near + middle + rng.uniform(-0.05, 0.05, (4, 2)).astype(np.float32) * least
    seen = seen.astype(np.float32)
    camera = cv2.getPerspectiveTransform(corners, seen)
    low = np.maximum([max(seen[0, 0], seen[3, 0]), max(seen[0, 1], seen[1, 1])], 0)
    high = np.minimum([min(seen[1, 0], seen[2, 0]), min(seen[2, 1], seen[3, 1])], [width, height])
    return camera, np.concatenate([low, high]).astype(np.float64)


def scatter(covers: list[np.ndarray], sides: np.ndarray, shape: tuple[int, int], shown: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Centres and sizes (N, 3) in pixels of the picture, apart from each other and inside of `shown`; smaller if there is no room."""
    placed: list[np.ndarray] = []
    for cover, side in zip(covers, sides, strict=True):
        x0, y0, x1, y1 = ink_box(cover)
        form = np.array([x1 - x0, y1 - y0]) / max(x1 - x0, y1 - y0)
        size = min(float(side), 0.9 * min((shown[2:] - shown[:2]) / form))
        for _ in range(400):
            half = form * size * 0.6
            if (shown[2:] - half <= shown[:2] + half).any():
                size *= 0.9
                continue
            centre = rng.uniform(shown[:2] + half, shown[2:] - half)
            if all((np.abs(centre - p[:2]) > half + p[3:] + 2).any() for p in placed):
                break
            size *= 0.995
        placed.append(np.array([*centre, size, *half]))
    return np.stack(placed)[:, :3]


def written(cover: np.ndarray, place: np.ndarray, shape: tuple[int, int], camera: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The ink (H, W) uint8 of one digit at x, y, size in the picture, slanted and seen by the camera."""
    x0, y0, x1, y1 = ink_box(cover)
    scale = place[2] / max(x1 - x0, y1 - y0)
    angle, shear, aspect = np.radians(rng.normal(0, 5)), rng.normal(0, 0.08), np.exp(rng.normal(0, 0.08))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.array([[1, shear], [0, 1]]) @ np.diag([aspect, 1 / aspect])
    lens = camera / camera[2, 2]
    point = np.array([place[0], place[1], 1.0])
    on_sheet = np.linalg.solve(lens, point)
    x, y = on_sheet[:2] / on_sheet[2]
    depth = lens[2] @ [x, y, 1]
    tilt = (lens[:2, :2] - np.outer(point[:2], lens[2, :2])) / depth  # how the camera turns and shears things at this place
    tilt = tilt / np.sqrt(abs(np.linalg.det(tilt)))  # the size is that in the picture
    linear = tilt @ linear
    matrix = np.column_stack([linear, place[:2] - linear @ [(x0 + x1) / 2, (y0 + y1) / 2]])
    smooth = cv2.GaussianBlur(cover, (0, 0), 0.35 / scale) if scale < 0.6 else cover
    flags = cv2.INTER_CUBIC if scale > 1.5 else cv2.INTER_LINEAR
    layer = cv2.warpAffine(smooth, matrix, shape[::-1], flags=flags)
    if scale > 2:  # an enlarged picture of 28 pixels is sharpened to strokes with edges
        sharp = rng.uniform(1, 4)
        layer = np.clip((layer.astype(np.float32) - 110) * sharp + 128, 0, 255).astype(np.uint8) if sharp > 1.3 else layer
        if not (layer > 40).any():
            return cv2.warpAffine(smooth, matrix, shape[::-1], flags=flags)
    return layer


def ink_box(cover: np.ndarray) -> np.ndarray:
    """x0, y0, x1, y1 in pixels of the ink; the middle pixel where there is none."""
    ys, xs = np.nonzero(cover > 40)
    if not len(xs):
        h, w = cover.shape
        return np.array([w // 2, h // 2, w // 2 + 1, h // 2 + 1], np.float64)
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float64)


def ruled(shape: tuple[int, int], rng: np.random.Generator, held_out: bool) -> np.ndarray:
    """A sheet (H, W, 3) float32 in grey levels: plain, lined or squared; held out: dotted, staves, wide columns."""
    height, width = shape
    base = rng.uniform(205, 252)
    tint = np.array([0, rng.uniform(-4, 2), rng.uniform(-22, 6)], np.float32)
    sheet = np.full((*shape, 3), base, np.float32) + tint
    kind = rng.random()
    if kind < 0.25:
        return sheet
    y = np.arange(height, dtype=np.float32)[:, None]
    x = np.arange(width, dtype=np.float32)[None]
    period = rng.uniform(0.025, 0.09) * max(shape)
    thick = rng.uniform(0.6, 1.6) * max(1.0, max(shape) / 400)
    start = rng.uniform(0, period, 2)

    def lines(along: np.ndarray, offset: float, every: float) -> np.ndarray:
        distance = np.abs((along - offset + every / 2) % every - every / 2)
        cover: np.ndarray = np.clip(thick / 2 + 0.5 - distance, 0, 1)
        return cover

    if held_out:
        if kind < 0.5:  # dots
            marks = lines(y, start[0], period) * lines(x, start[1], period)
        elif kind < 0.75:  # staves of five lines
            marks = lines(y, start[0], period / 2.5) * (((y - start[0]) % (period * 3.4)) < period * 1.9) * np.ones_like(x)
        else:  # columns
            marks = np.maximum(lines(x, start[1], period * 2.5), lines(y, start[0], period) * 0.6)
    elif kind < 0.65:
        marks = lines(y, start[0], period) * np.ones_like(x)
        if rng.random() < 0.4:
            marks = np.maximum(marks, lines(x, rng.uniform(0.05, 0.2) * width, 10 * width))
    else:
        marks = np.maximum(lines(y, start[0], period * 0.8), lines(x, start[1], period * 0.8))
    colour = np.array([(150, 175, 225), (170, 170, 170), (225, 150, 160), (130, 190, 170), (90, 110, 170)][rng.integers(5)], np.float32)
    cover = (marks * rng.uniform(0.3, 1.0)).astype(np.float32)[..., None]
    page: np.ndarray = sheet * (1 - cover) + np.minimum(colour, sheet) * cover
    return page


def table(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """What the sheet lies on (H, W, 3) float32: plain, or with the grain of wood."""
    colour = rng.uniform(20, 150) * np.array([1, rng.uniform(0.7, 1), rng.uniform(0.5, 1)])
    surface = np.ones((*shape, 3), np.float32) * colour.astype(np.float32)
    if rng.random() < 0.5:
        grain = cv2.resize(rng.normal(0, 1, (max(2, shape[0] // 4), 6)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
        surface = surface + (grain * rng.uniform(3, 12))[..., None]
    grown: np.ndarray = np.maximum(surface, 0)
    return grown


def light(shape: tuple[int, int], rng: np.random.Generator, held_out: bool) -> np.ndarray:
    """How much light falls on each pixel (H, W) float32, at most 1: falling off to one side, and often with a shadow."""
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    slope = rng.normal(0, 0.12, 2)
    shine = 1 + slope[0] * (x / width - 0.5) + slope[1] * (y / height - 0.5)
    if held_out:
        centre = rng.uniform(0, 1, 2)
        shine = shine * (1 - rng.uniform(0, 0.35) * np.hypot(x / width - centre[0], y / height - centre[1]))
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        side = np.cos(angle) * (x / width - rng.uniform(0.2, 0.8)) + np.sin(angle) * (y / height - rng.uniform(0.2, 0.8))
        soft = rng.uniform(0.01, 0.15)
        shine = shine * (1 - rng.uniform(0.1, 0.45) / (1 + np.exp(-np.clip(side / soft, -30, 30))))
    lit: np.ndarray = np.clip(shine / shine.max(), 0.1, 1).astype(np.float32)
    return lit


def photographed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Blur, noise and compression of a small camera: (H, W, 3) uint8."""
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 0.9)))
    noise = rng.normal(0, rng.uniform(0.5, 6), picture.shape[:2])[..., None] if rng.random() < 0.7 else 0.0
    finished = np.clip(picture + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        _, data = cv2.imencode(".jpg", finished, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))])
        finished = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return finished
