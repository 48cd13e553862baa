"""The activations of one encoder, small enough for the browser: each panel keeps its kind and counts what was left out.

Maps and series are averaged down to what a screen can show; numbers travel as whole steps (see `serialize.numbers`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion.messages import message
from fusion.types import Activations, Audio, Clip, Medium, Panel, Scatter
from fusion.ui.serialize import averaged, numbers, places, shares

MAPS, FRAMES, MAP_NUMBERS = 24, 12, 50_000  # of a panel; numbers of all its maps together
COLUMNS, ROWS, WAVE = 600, 160, 600  # of a series in time, of its features, of the waveform
KEYPOINTS, BARS, NAMED, THINGS = 300, 512, 16, 12


def side(found: Activations) -> dict[str, Any]:
    """The column of one encoder: facts, tokens, vector, panels, scatter."""
    view = found.view
    embedding = np.nan_to_num(np.asarray(view.embedding, np.float64))
    return places(view.layout) | {
        "weights": shares(view.weights),
        "norms": np.nan_to_num(np.asarray(view.norms, np.float64)).round(3).tolist(),
        "embedding": embedding.round(3).tolist(),
        "norm": float(np.linalg.norm(embedding)),
        "parameters": view.parameters,
        "prepare": found.prepare_seconds,
        "forward": found.forward_seconds,
        "probe": found.probe,
        "trained_on": found.trained_on.to_json() if found.trained_on else None,
        "notes": [message(note).to_json() for note in found.notes],
        "panels": [panel(p) | {"grey": p.kind == "maps"} for p in entered(found)] + [panel(p) for p in found.panels if np.size(p.values)],
        "scatter": None if found.scatter is None else scatter(found.scatter),
    }


def entered(found: Activations) -> list[Panel]:
    """The input of the network, unless a panel of the encoder already shows it."""
    view, kind = found.view, "series" if isinstance(found.medium, Audio) else "maps"
    if view.array is None or any(p.kind in (kind, "arrows", "keypoints") for p in found.panels):
        return []
    array = np.asarray(view.array, np.float32)
    if kind == "series":
        return [Panel("series", "input.series", array - array.min(), view.extent)]
    if array.ndim == 2:
        return [Panel("maps", "input.picture", array[None], view.extent)]
    first, last = (found.medium.times[0], found.medium.times[-1]) if isinstance(found.medium, Clip) else (0.0, 1.0)
    times = np.linspace(float(first), float(last), len(array)).tolist()
    return [Panel("maps", "input.frames", array, view.extent, times=tuple(times))]


def panel(p: Panel) -> dict[str, Any]:
    return {"kind": p.kind, "title": p.title, "signed": p.signed, "extent": [round(float(v), 4) for v in p.extent]} | PACKS[p.kind](p)


def maps(p: Panel) -> dict[str, Any]:
    values = np.asarray(p.values, np.float32)
    kept = evenly(len(values), FRAMES) if p.times else np.arange(min(len(values), MAPS))
    side_by = 1
    while np.prod([len(kept), *(-(-n // side_by) for n in values.shape[1:])]) > MAP_NUMBERS:
        side_by += 1
    small = averaged(averaged(values[kept], 1, -(-values.shape[1] // side_by)), 2, -(-values.shape[2] // side_by))
    names = [p.names[i] for i in kept] if p.names else []
    return {"total": len(values), "names": names, "times": seconds(p, kept)} | numbers(small, p.signed)


def keypoints(p: Panel) -> dict[str, Any]:
    """The strongest, as rows of x, y, radius, angle, strength."""
    values = np.nan_to_num(np.asarray(p.values, np.float64).reshape(-1, 5))
    strongest = np.argsort(-values[:, 4], kind="stable")[:KEYPOINTS]
    return {"total": len(values), "rows": values[strongest].round(4).tolist()}


def arrows(p: Panel) -> dict[str, Any]:
    kept = evenly(len(p.values), FRAMES)
    return {"total": len(p.values), "times": seconds(p, kept)} | numbers(np.asarray(p.values)[kept], signed=True)


def series(p: Panel) -> dict[str, Any]:
    values = np.atleast_2d(np.asarray(p.values, np.float32))
    small = averaged(averaged(values, 1, COLUMNS), 0, ROWS)
    names = p.names if len(p.names) != len(values) or len(values) <= ROWS else [p.names[i] for i in evenly(len(values), ROWS)]
    return {"total": len(values), "names": list(names)} | numbers(small, p.signed, wide=len(values) <= 3)  # few rows are drawn as lines


def bars(p: Panel) -> dict[str, Any]:
    """All of a histogram; of named things the largest, from the largest on, where they are many."""
    values = np.asarray(p.values, np.float64).ravel()
    kept = np.arange(min(len(values), BARS))
    if p.names and len(values) > NAMED:
        kept = np.argsort(-np.abs(values), kind="stable")[:NAMED]
    return {"total": len(values), "names": [str(p.names[i]) for i in kept] if p.names else []} | numbers(values[kept], p.signed, wide=True)


def words(p: Panel) -> dict[str, Any]:
    """The things that weigh most in the whole text, in their own order."""
    values = np.asarray(p.values, np.float64).reshape(len(p.values), -1)
    kept = np.sort(np.argsort(-np.abs(values).sum(0), kind="stable")[:THINGS])
    return {"total": values.shape[1], "names": [str(p.names[i]) for i in kept]} | numbers(values[:, kept], p.signed)


PACKS = {"maps": maps, "keypoints": keypoints, "arrows": arrows, "series": series, "bars": bars, "words": words}


def scatter(s: Scatter) -> dict[str, Any]:
    """The input is the last point."""
    points = np.vstack([np.asarray(s.points, np.float64).reshape(-1, 2), np.asarray(s.here, np.float64).reshape(1, 2)])
    return {"labels": np.asarray(s.labels, int).tolist(), "explained": float(np.nan_to_num(s.explained))} | numbers(points, wide=True)


def about(medium: Medium) -> dict[str, Any]:
    """Size of a medium, and for a sound its waveform: lowest and highest sample of each of `WAVE` segments."""
    if isinstance(medium, str):
        return {"characters": len(medium)}
    if isinstance(medium, Audio):
        stretches = np.array_split(np.nan_to_num(medium.samples), max(1, min(WAVE, len(medium.samples))))
        ends = np.array([[s.min(initial=0), s.max(initial=0)] for s in stretches])
        return {"seconds": medium.seconds, "rate": medium.rate, "wave": numbers(ends, signed=True)}
    if isinstance(medium, Clip):
        height, width = medium.frames.shape[1:3]
        return {"frames": len(medium.frames), "seconds": float(medium.times[-1]), "width": width, "height": height}
    return {"width": medium.shape[1], "height": medium.shape[0]}


def evenly(count: int, most: int) -> np.ndarray:
    """Indices of at most `most` of `count`, spread from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def seconds(p: Panel, kept: np.ndarray) -> list[float]:
    return [round(float(p.times[i]), 3) for i in kept] if p.times else []
