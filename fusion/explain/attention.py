"""Attention as it is: how much each token was looked at, and whether the most looked-at one lies where it should.

    score_t = mean over layers, heads, query tokens and asking modalities of  A[query, key][l, h, :, t]

The scores of one modality sum to 1. Attention says where information may flow, not what it does to the answer: set it beside gradient
relevance and occlusion, and beside what deletion and insertion say of it. Nothing is rolled out or multiplied through layers.

Reference: Jain & Wallace 2019, Attention is not Explanation (arXiv 1902.10186); Zhang 2016, Top-down Neural Attention by Excitation
Backprop (the pointing game, arXiv 1608.00507).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion.types import FusionError, Layout

Attention = dict[tuple[str, str], np.ndarray]  # {(query, key): (L, H, Tq, Tk)}


def attention_scores(attention: Attention, layer: int | None = None, head: int | None = None) -> dict[str, np.ndarray]:
    """{modality: (T,)} attention that each token receives; empty where a strategy has no attention.

    Args:
        layer, head: only these, counted from 0; None averages over all.
    """
    keys = list(dict.fromkeys(key for _, key in attention))
    return {key: _received(attention, [q for q, k in attention if k == key], key, layer, head) for key in keys}


def peak(attention: Attention, queries: Sequence[str], key: str = "image", layer: int | None = None, head: int | None = None) -> int:
    """The token of `key` that gets most attention from the tokens of the modalities `queries`."""
    asking = [q for q in queries if (q, key) in attention]
    if not asking:
        raise FusionError("There is no attention from {queries} to {key}.", queries=" or ".join(queries) or "nothing", key=key)
    return int(_received(attention, asking, key, layer, head).argmax())


def pointing_hits(layout: Layout, box: tuple[float, float, float, float]) -> np.ndarray:
    """(T,) bool: tokens that point into the box, x0, y0, x1, y1 in [0, 1] of the picture; their mean is the chance level.

    A cell hits when its centre lies in the box, or when the box is so small that its centre lies in the cell.
    """
    if layout.kind not in ("grid", "frames"):
        raise FusionError("Only places on a picture can lie in a box, not those of the kind {kind!r}.", kind=layout.kind)
    cells = np.asarray(layout.places, np.float64)[:, -4:]
    x0, y0, x1, y1 = box

    def inside(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        return ((points >= low) & (points <= high)).all(-1)

    centres = (cells[:, :2] + cells[:, 2:]) / 2
    middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return inside(centres, np.array([x0, y0]), np.array([x1, y1])) | inside(middle, cells[:, :2], cells[:, 2:])


def pointing_hit(layout: Layout, index: int, box: tuple[float, float, float, float]) -> bool:
    """Whether token `index` points into the box; with `peak`, one round of the pointing game."""
    if not 0 <= index < len(layout.places):
        raise FusionError("There is no token {index}; there are {count}.", index=index, count=len(layout.places))
    return bool(pointing_hits(layout, box)[index])


def _received(attention: Attention, queries: Sequence[str], key: str, layer: int | None, head: int | None) -> np.ndarray:
    """(Tk,) mean over what asks; each asking modality counts the same, however many tokens it has."""
    total = []
    for query in queries:
        a = np.asarray(attention[query, key], np.float64)  # (L, H, Tq, Tk)
        for name, wanted, there in (("layer", layer, a.shape[0]), ("head", head, a.shape[1])):
            if wanted is not None and not 0 <= wanted < there:
                raise FusionError("There is no {name} {wanted}; there are {there}, counted from 0.", name=name, wanted=wanted, there=there)
        a = a if layer is None else a[layer : layer + 1]
        a = a if head is None else a[:, head : head + 1]
        total.append(a.mean((0, 1, 2)))
    return np.mean(total, 0)
