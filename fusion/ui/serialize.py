"""What the browser gets, as JSON; many numbers as bytes in base64, small enough to redraw layer, head and hover there."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from fusion.types import Layout


def to_json(value: Mapping[str, Any]) -> str:
    """Compact JSON without `<`: nothing in it can look like markup to anyone on the way."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=float).replace("<", "\\u003c")


def shares(values: np.ndarray) -> str:
    """Shares in [0, 1], one byte each: the byte is the square root, so that small shares keep their shape (error below 0.004)."""
    return base64.b64encode((np.sqrt(np.clip(values, 0, 1)) * 255).round().astype(np.uint8).tobytes()).decode()


def unpack_shares(text: str) -> np.ndarray:
    """What the browser makes of it."""
    return (np.frombuffer(base64.b64decode(text), np.uint8) / 255.0) ** 2


def numbers(values: np.ndarray, signed: bool = False, wide: bool = False) -> dict[str, Any]:
    """Any array as whole steps from its smallest to its largest number, one byte each (`wide`: two); `signed` keeps zero exactly zero."""
    values = np.nan_to_num(np.asarray(values, np.float64), posinf=0, neginf=0)
    high = float(np.abs(values).max(initial=0) if signed else values.max(initial=-np.inf)) if values.size else 0.0
    low = -high if signed else float(values.min(initial=high))
    steps = (65535 if wide else 255) - signed  # an even number of steps has a middle
    levels = ((values - low) / max(high - low, 1e-12) * steps).round().astype("<u2" if wide else np.uint8)
    if high - low < 1e-12:
        levels[...] = steps // 2 if signed else 0
    data = base64.b64encode(levels.tobytes()).decode()
    return {"shape": list(values.shape), "low": float(f"{low:.6g}"), "high": float(f"{high:.6g}"), "steps": steps, "data": data}


def unpack_numbers(packed: dict[str, Any]) -> np.ndarray:
    """What the browser makes of it; the error is at most half a step."""
    levels = np.frombuffer(base64.b64decode(packed["data"]), "<u2" if packed["steps"] > 255 else np.uint8)
    values: np.ndarray = packed["low"] + levels / packed["steps"] * (packed["high"] - packed["low"])
    return values.reshape(packed["shape"])


def grey(values: np.ndarray) -> dict[str, Any]:
    """Any array (..., H, W) as grey levels from its smallest to its largest number."""
    values = np.nan_to_num(np.asarray(values, np.float32))
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    levels = ((values - low) / max(high - low, 1e-6) * 255).round().astype(np.uint8)
    return {"width": values.shape[-1], "height": values.shape[-2], "data": base64.b64encode(levels.tobytes()).decode()}


def averaged(values: np.ndarray, axis: int, most: int) -> np.ndarray:
    """At most `most` places along an axis, each the mean of its neighbours."""
    count = values.shape[axis]
    if count <= most:
        return values
    edges = np.linspace(0, count, most + 1).astype(int)
    sums = np.add.reduceat(values, edges[:-1], axis)
    return sums / np.diff(edges).reshape([-1 if a == axis else 1 for a in range(values.ndim)])


def places(layout: Layout) -> dict[str, Any]:
    """A layout as the browser reads it; characters are whole numbers."""
    rows = np.asarray(layout.places, np.float64)
    return {"kind": layout.kind, "places": (rows.astype(int) if layout.kind == "characters" else rows.round(4)).tolist()}
