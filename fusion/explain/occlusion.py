"""Occlusion: hide one token's place on the medium and measure how much the answer changes.

    score_t = f(medium) - f(medium without place t)

What a place is replaced by: a picture's cell by the median colour of the picture's border; a word by as many spaces, so that no other
word moves; a span of sound by silence, with fades of 4 ms inside the span so that no click is heard; a frame by the frame of the
token before it (of the one after it, for the first), as players do when a frame is lost. Limits: encoders standardise the whole
medium, so hiding one place can shift the others a little (perfect silence does in a noisy recording); two places that say the same
hide each other's effect.

Reference: Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks (arXiv 1311.2901).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from fusion.types import Audio, Clip, FusionError, Layout, Medium

# Media are handed over one by one, as copies of a long clip would not fit into memory together.
PredictMedia = Callable[[Iterable[Medium]], np.ndarray]  # (N,)
FADE = 0.004  # seconds


def occlusion(predict: PredictMedia, medium: Medium, layout: Layout) -> np.ndarray:
    """Scores (T,), positive where a place speaks for what `predict` measures; `predict` is called once, with T + 1 media."""
    T = len(layout.places)

    def media() -> Iterator[Medium]:
        yield medium
        yield from (occlude(medium, layout, gone) for gone in np.eye(T, dtype=bool))

    values = np.asarray(predict(media()), np.float64)
    scores: np.ndarray = values[0] - values[1:]
    return scores


def without_function(predict: PredictMedia, medium: Medium, layout: Layout) -> Callable[[np.ndarray], np.ndarray]:
    """What `faithfulness.deletion_insertion` asks: kept (N, T) bool to predictions (N,) of the medium with only these places left."""
    return lambda kept: predict(occlude(medium, layout, ~row) for row in kept)


def occlude(medium: Medium, layout: Layout, gone: np.ndarray) -> Medium:
    """A copy of the medium without the places where `gone` (T,) bool is True; all else stays as it is, sample by sample."""
    if layout.kind not in OCCLUDERS:
        raise FusionError("There is no layout of the kind {kind!r}; there are {known}.", kind=layout.kind, known=list(OCCLUDERS))
    kind, hide = OCCLUDERS[layout.kind]
    if not isinstance(medium, kind):
        raise FusionError(
            "A layout of the kind {kind!r} does not fit a medium of the type {type}.", kind=layout.kind, type=type(medium).__name__
        )
    places, gone = np.asarray(layout.places, np.float64), np.asarray(gone)
    if gone.shape != (len(places),) or gone.dtype != bool:
        raise FusionError("The mask of hidden tokens must have {count} booleans, one for each token.", count=len(places))
    return hide(medium, places, gone)


def _hide_cells(picture: np.ndarray, places: np.ndarray, gone: np.ndarray) -> np.ndarray:
    out = picture.copy()
    colour = _border_colour(picture[None])
    for box in _up_to_the_border(places)[gone]:
        out[_region(box, picture.shape)] = colour
    return out


def _hide_words(text: str, places: np.ndarray, gone: np.ndarray) -> str:
    letters = list(text)
    for start, end in places[gone].astype(int):
        letters[start:end] = " " * len(letters[start:end])
    return "".join(letters)


def _hide_spans(audio: Audio, places: np.ndarray, gone: np.ndarray) -> Audio:
    n = len(audio.samples)
    hidden = np.zeros(n + 2, np.int8)  # an edge of zeros at both ends
    for start, end in np.clip(np.round(places[gone] * audio.rate), 0, n).astype(int):
        hidden[1 + start : 1 + end] = 1
    gain = 1.0 - hidden[1:-1]
    # spans that touch are one run, so that nothing comes through between them
    starts: list[int] = np.flatnonzero(np.diff(hidden) == 1).tolist()
    ends: list[int] = np.flatnonzero(np.diff(hidden) == -1).tolist()
    for start, end in zip(starts, ends, strict=True):
        fade = min(round(FADE * audio.rate), (end - start) // 2)
        ramp = np.cos((np.arange(fade) + 1) / (fade + 1) * np.pi / 2) ** 2
        if start > 0:
            gain[start : start + fade] = ramp
        if end < n:
            gain[end - fade : end] = ramp[::-1]
    return Audio(audio.rate, (audio.samples * gain).astype(audio.samples.dtype))


def _hide_frames(clip: Clip, places: np.ndarray, gone: np.ndarray) -> Clip:
    frames = clip.frames.copy()
    boxes = np.unique(places[:, 1:], axis=0)
    for box, grown in zip(boxes, _up_to_the_border(boxes), strict=True):
        here = (places[:, 1:] == box).all(1)
        times = np.unique(places[here, 0])
        lost = np.isin(times, places[here & gone, 0])  # in a short clip several tokens may be of the same frame
        kept = np.flatnonzero(~lost)
        # frames between two tokens go with the nearer one, as those beside a hidden frame show nearly the same
        distance = np.abs(clip.times[:, None] - times)  # (frames, tokens), seconds
        owner = distance.argmin(1)
        shown = distance.argmin(0)
        region = _region(grown, frames.shape[1:])
        for token in np.flatnonzero(lost):
            fill = _border_colour(clip.frames)
            if len(kept) > 0:
                earlier = kept[kept < token]
                source = earlier[-1] if len(earlier) > 0 else kept[0]
                fill = clip.frames[shown[source]][region]
            frames[(owner == token, *region)] = fill
    return Clip(frames, clip.times, clip.audio)


def _up_to_the_border(boxes: np.ndarray) -> np.ndarray:
    """Cells (T, 4) as x0, y0, x1, y1 with the outermost of a grid half a cell larger outwards; boxes that are no grid stay as they are.

    Cells lie where their tokens respond, so a strip at the border, of up to half a cell, would belong to none and never be hidden.
    """
    unique = np.unique(boxes, axis=0)
    columns = len(np.unique(boxes[:, 0]))
    rows = len(np.unique(boxes[:, 1]))
    if len(unique) == 1 or columns * rows != len(unique):
        return boxes
    middle = unique[len(unique) // 2]
    half = (middle[2:] - middle[:2]) / 2
    first = boxes[:, :2] <= boxes[:, :2].min(0)
    last = boxes[:, 2:] >= boxes[:, 2:].max(0)
    return np.hstack([boxes[:, :2] - first * half, boxes[:, 2:] + last * half])


def _region(box: np.ndarray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of x0, y0, x1, y1 in [0, 1]: at least one pixel, but none outside of the picture."""

    def pixels(start: float, end: float, size: int) -> slice:
        if end <= 0 or start >= 1:
            return slice(0, 0)
        first = min(max(round(start * size), 0), size - 1)
        return slice(first, max(round(end * size), first + 1))

    x0, y0, x1, y1 = box
    return pixels(y0, y1, shape[0]), pixels(x0, x1, shape[1])


def _border_colour(frames: np.ndarray) -> np.ndarray:
    """Median colour (3,) of the border of all frames (T, H, W, 3)."""
    edges = (frames[:, 0], frames[:, -1], frames[:, :, 0], frames[:, :, -1])
    border = np.concatenate([edge.reshape(-1, frames.shape[-1]) for edge in edges])
    colour: np.ndarray = np.median(border, axis=0).astype(frames.dtype)
    return colour


OCCLUDERS: dict[str, tuple[type, Callable[..., Medium]]] = {
    "grid": (np.ndarray, _hide_cells),
    "characters": (str, _hide_words),
    "seconds": (Audio, _hide_spans),
    "frames": (Clip, _hide_frames),
}
