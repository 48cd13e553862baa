"""What each encoder saw, packed for the browser, and the attention between what it saw."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.types import Prediction, Seen
from fusion.ui.views.packed import grey, places, shares


def panels(seen: dict[str, Seen], media: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{modality: array, extent, tokens with weights and norms, embedding, cost}."""
    return {m: panel(s, media[m] if m == "text" else None) for m, s in seen.items()}


def panel(seen: Seen, text: str | None) -> dict[str, Any]:
    return places(seen.layout) | {
        "array": None if seen.array is None else grey(seen.array),
        "text": text,
        "extent": [round(float(v), 4) for v in seen.extent],
        "weights": shares(seen.weights),
        "norms": np.asarray(seen.norms, np.float64).round(3).tolist(),
        "embedding": np.asarray(seen.embedding, np.float64).round(3).tolist(),
        "seconds": seen.seconds,
        "parameters": seen.parameters,
    }


def attention(predictions: dict[str, Prediction]) -> dict[str, dict[str, Any]]:
    """{strategy: layouts and maps} of the strategies that have attention; a pair is named "query>key"."""
    found = {name: p for name, p in predictions.items() if p.attention}
    return {name: {"layouts": {m: places(layout) for m, layout in p.layouts.items()}, "pairs": pairs(p)} for name, p in found.items()}


def pairs(prediction: Prediction) -> dict[str, dict[str, Any]]:
    packed = {}
    for (query, key), maps in prediction.attention.items():
        layers, heads, queries, keys = maps.shape
        packed[f"{query}>{key}"] = {"layers": layers, "heads": heads, "queries": queries, "keys": keys, "data": shares(maps)}
    return packed
