"""Clips as phones and web sites make them, of photos: H.264 at low bit rates, blur, few lines, drifting light, cuts, words on the screen.

    film(photo, others)      a clip of a photo; now and then small in another one, leaving the picture, or with cuts to others

The camera moves as in `clips`, then the frames are degraded one after another and encoded and decoded by PyAV.
Reference: Hendrycks & Dietterich 2019 (common corruptions); Yun 2019 (CutMix), for what cuts and small subjects do to a label.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import av
import cv2
import numpy as np

from fusion.tasks.scenes import clips
from fusion.tasks.scenes.photos import resize
from fusion.types import Clip

SIDES = (160, 480)  # lines of the shorter side
LONGEST = 320  # pixels of the longer side of a frame that an encoder gets
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
Rng = np.random.Generator


def film(photo: np.ndarray, others: Sequence[np.ndarray], rng: Rng) -> Clip:
    """A degraded clip of a photo (H, W, 3) uint8; at least half of its frames show the photo's subject.

    Args:
        others: photos of none of the classes, for surroundings and cuts; at least one.
    """
    kind = rng.random()
    if kind < 0.3:
        scene = surrounded(photo, pick(others, rng), rng)
        clip = clips.make_clip(scene, rng, side=256)
    elif kind < 0.45:
        clip = leaving(photo, pick(others, rng), rng)
    else:
        clip = clips.make_clip(photo, rng, side=256)
    frames = list(clip.frames)
    if rng.random() < 0.2:
        frames = with_cut(frames, pick(others, rng), rng)
    return Clip(compressed(degraded(frames, rng), rng), clip.times)


def pick(others: Sequence[np.ndarray], rng: Rng) -> np.ndarray:
    return others[int(rng.integers(len(others)))]


def surrounded(photo: np.ndarray, around: np.ndarray, rng: Rng) -> np.ndarray:
    """The photo small within another one, with soft borders: a third to four fifths of its width."""
    height = width = 320
    scene = resize(around, height, width).astype(np.float32)
    share = rng.uniform(0.35, 0.8)
    h, w = photo.shape[:2]
    scale = share * width / max(h, w)
    small = resize(photo, max(8, round(h * scale)), max(8, round(w * scale))).astype(np.float32)
    h, w = small.shape[:2]
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    y, x = np.linspace(-1, 1, h, dtype=np.float32)[:, None], np.linspace(-1, 1, w, dtype=np.float32)[None]
    cover = ((1 - np.maximum(np.abs(x), np.abs(y))) / rng.uniform(0.05, 0.35)).clip(0, 1)[..., None]
    part = scene[top : top + h, left : left + w]
    scene[top : top + h, left : left + w] = part + (small - part) * cover
    return scene.clip(0, 255).astype(np.uint8)


def leaving(photo: np.ndarray, beside: np.ndarray, rng: Rng) -> Clip:
    """The camera moves from the photo to what is beside it or back; half of the frames show at least two thirds of the photo."""
    side = 256
    wide = np.concatenate([resize(photo, side, side), resize(beside, side, side)], 1)
    count = int(rng.integers(10, 18))
    path = np.interp(np.linspace(0, 1, count), [0, rng.uniform(0.5, 0.7), 1], [0, side / 3, side * rng.uniform(0.6, 1.0)])
    shake = np.cumsum(rng.standard_normal((count, 2)), 0) * rng.uniform(0, 2)
    left = (path + shake[:, 0]).clip(0, side).astype(int)
    frames = np.stack([wide[:, x : x + side] for x in left])
    if rng.random() < 0.5:
        frames = frames[::-1]
    return Clip(np.ascontiguousarray(frames), np.linspace(0, rng.uniform(1, 8), count))


def with_cut(frames: list[np.ndarray], other: np.ndarray, rng: Rng) -> list[np.ndarray]:
    """The first or last frames are of another scene, at most half of them."""
    height, width = frames[0].shape[:2]
    count = int(rng.integers(1, len(frames) // 2 + 1))
    shown = [resize(other, height, width)] * count
    return [*shown, *frames[count:]] if rng.random() < 0.5 else [*frames[:-count], *shown]


def degraded(frames: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
    """Exposure and white balance that drift, motion blur, noise, words on the screen, black bars."""
    count = len(frames)
    exposure = np.exp(np.cumsum(rng.standard_normal(count)) * rng.uniform(0, 0.08) + rng.normal(0, 0.2))
    balance = 1 + np.cumsum(rng.standard_normal((count, 3)), 0) * rng.uniform(0, 0.02) + rng.normal(0, 0.05, 3)
    blurred = rng.uniform(0, 0.8) if rng.random() < 0.5 else 0.0  # share of the frames
    noise = rng.uniform(2, 18) if rng.random() < 0.25 else 0.0
    words = on_screen(frames[0].shape, rng) if rng.random() < 0.25 else None
    found = []
    for k, frame in enumerate(frames):
        x: np.ndarray = frame.astype(np.float32)
        x = 255 * (x / 255 * exposure[k]).clip(0, 1) * balance[k].astype(np.float32)
        if rng.random() < blurred:
            x = cv2.filter2D(x, -1, motion(max(x.shape) * rng.uniform(0.01, 0.06), rng.uniform(0, np.pi)))
        if noise:
            x = x + rng.standard_normal(x.shape, dtype=np.float32) * noise
        if words is not None:
            x = np.where(words.any(2, keepdims=True), words, x)
        found.append(x.clip(0, 255).astype(np.uint8))
    return barred(found, rng) if rng.random() < 0.1 else found


def motion(length: float, angle: float) -> np.ndarray:
    """The kernel of a blur along a line of `length` pixels."""
    size = max(3, int(length) | 1)
    kernel: np.ndarray = np.zeros((size, size), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * (size - 1) / 2
    start, end = ((size - 1) / 2 - reach).round().astype(int), ((size - 1) / 2 + reach).round().astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), 1.0)
    shares: np.ndarray = kernel / kernel.sum()
    return shares


def on_screen(shape: tuple[int, ...], rng: Rng) -> np.ndarray:
    """Words in a corner or below, or a sign of a channel: (H, W, 3) uint8, zero where there is nothing."""
    height, width = shape[:2]
    layer = np.zeros((height, width, 3), np.uint8)
    colour = rng.uniform(1, 255, 3).tolist() if rng.random() < 0.3 else (255.0, 255.0, 255.0)
    for _ in range(int(rng.integers(1, 4))):
        words = "".join(rng.choice(list(LETTERS + "     "), int(rng.integers(3, 22))))
        size = height * rng.uniform(0.0015, 0.004)
        at = (int(rng.uniform(0, 0.6) * width), int((rng.uniform(0.8, 0.98) if rng.random() < 0.6 else rng.uniform(0.06, 0.2)) * height))
        cv2.putText(layer, words, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, max(1, round(2 * size)), cv2.LINE_8)
    return layer


def barred(frames: list[np.ndarray], rng: Rng) -> list[np.ndarray]:
    """Black bars above and below, or at the sides."""
    height, width = frames[0].shape[:2]
    bar = rng.uniform(0.06, 0.18)
    if rng.random() < 0.5:
        room = int(bar * height)
        return [cv2.copyMakeBorder(f[room : height - room], room, room, 0, 0, cv2.BORDER_CONSTANT) for f in frames]
    room = int(bar * width)
    return [cv2.copyMakeBorder(f[:, room : width - room], 0, 0, room, room, cv2.BORDER_CONSTANT) for f in frames]


def compressed(frames: list[np.ndarray], rng: Rng) -> np.ndarray:
    """The frames (T, H, W, 3) after H.264 at 160 to 480 lines, once or, as copies on the web are, twice, at most 320 pixels long."""
    height, width = frames[0].shape[:2]
    for _ in range(2 if rng.random() < 0.3 else 1):
        lines = np.exp(rng.uniform(*np.log(SIDES))) / min(height, width)
        frames = through_h264(frames, round(height * lines), round(width * lines), int(rng.integers(24, 45)))
    part = min(1.0, LONGEST / max(frames[0].shape[:2]))
    return np.stack([resize(f, max(8, round(f.shape[0] * part)), max(8, round(f.shape[1] * part))) for f in frames])


def through_h264(frames: list[np.ndarray], height: int, width: int, quality: int) -> list[np.ndarray]:
    """Encoded and decoded at an even size near (height, width); `quality` from 0, lossless, to 51, the worst."""
    height, width = height - height % 2, width - width % 2
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": str(quality), "preset": "veryfast", "threads": "1"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(resize(frame, height, width), "rgb24")))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as back:
        back.streams.video[0].thread_count = 1
        return [frame.to_ndarray(format="rgb24") for frame in back.decode(video=0)]


def frame(photo: np.ndarray, others: Sequence[np.ndarray], rng: Rng) -> np.ndarray:
    """One frame of such a clip."""
    picture = surrounded(photo, pick(others, rng), rng) if rng.random() < 0.3 else photo
    still: np.ndarray = compressed(degraded([picture], rng), rng)[0]
    return still
