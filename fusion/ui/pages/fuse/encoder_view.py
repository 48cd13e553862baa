"""The input of each encoder with its tokens, serialized for the browser, and the attention between tokens.

Photos are drawn from the medium, which the browser already has: only places and extent are sent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.encoders.image_cnn import letterbox
from fusion.types import Audio, Clip, EncoderView, Medium, Prediction
from fusion.ui.serialize import averaged, grey, places, shares

SIDE, STRETCHES = 64, 200
LARGEST, COLUMNS = 96, 400  # what is sent of a picture's or a frame's side, of a sound's time


def panel(view: EncoderView, medium: Medium, colour: bool = False) -> dict[str, Any]:
    """Array, extent, tokens with weights and norms, embedding, cost; `colour`: a picture or frames that are drawn from the medium."""
    array, extent = (view.array, view.extent) if colour or view.array is not None else itself(medium, view)
    array = None if colour or array is None else small(array, medium)
    return places(view.layout) | {
        "array": None if array is None else grey(array),
        "text": medium if isinstance(medium, str) else None,
        "extent": [round(float(v), 4) for v in extent],
        "weights": shares(view.weights),
        "norms": np.asarray(view.norms, np.float64).round(3).tolist(),
        "embedding": np.asarray(view.embedding, np.float64).round(3).tolist(),
        "seconds": view.seconds,
        "parameters": view.parameters,
    }


def itself(medium: Medium, view: EncoderView) -> tuple[np.ndarray | None, tuple[float, ...]]:
    """The medium where the encoder has no picture of its own: a small grey square, frames, loudness over time; and what it covers."""
    if isinstance(medium, np.ndarray):
        return letterbox(medium, SIDE)
    if isinstance(medium, Clip):
        times = np.unique(view.layout.places[:, 0])
        index = np.abs(np.asarray(medium.times)[:, None] - times).argmin(0)
        boxed = [letterbox(medium.frames[i], SIDE) for i in index]
        return np.stack([picture for picture, _ in boxed]), boxed[0][1]
    if isinstance(medium, Audio):
        parts = np.array_split(np.abs(medium.samples), min(STRETCHES, max(1, len(medium.samples))))
        return np.array([[part.max(initial=0.0) for part in parts]], np.float32), (0.0, medium.seconds)
    return None, view.extent


def small(array: np.ndarray, medium: Medium) -> np.ndarray:
    """What a screen can show of it: sound (F, N) keeps its features, pictures (..., S, S) are averaged both ways."""
    array = np.asarray(array, np.float32)
    if isinstance(medium, Audio):
        return averaged(array, 1, COLUMNS)
    return averaged(averaged(array, array.ndim - 1, LARGEST), array.ndim - 2, LARGEST)


def attention(prediction: Prediction, full: bool = True) -> dict[str, Any]:
    """Layouts and maps of a strategy that has attention, a pair is named "query>key"; not `full`: only the sizes of the maps."""
    sizes = {f"{query}>{key}": maps for (query, key), maps in prediction.attention.items()}
    if not full:
        return {"pairs": {name: size(maps) for name, maps in sizes.items()}}
    layouts = {m: places(layout) for m, layout in prediction.layouts.items()}
    return {"layouts": layouts, "pairs": {name: size(maps) | {"data": shares(maps)} for name, maps in sizes.items()}}


def size(maps: np.ndarray) -> dict[str, int]:
    """Of maps (L, H, Tq, Tk)."""
    return dict(zip(("layers", "heads", "queries", "keys"), maps.shape, strict=True))
