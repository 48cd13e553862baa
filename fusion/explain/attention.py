"""Raw attention: how much each token received, and whether the token with most of it lies where it should.

    score_t = mean over layers, heads, query tokens and query modalities of  A[query, key][l, h, :, t]

The scores of one modality sum to 1. Attention says where information may flow, not what it does to the answer: compare it with gradient
relevance and occlusion, and judge it by deletion and insertion. Nothing is rolled out or multiplied through layers.

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
        raise FusionError("Only the tokens of an image can lie in a box, not those of a layout of the kind {kind!r}.", kind=layout.kind)
    cells = np.asarray(layout.places, np.float64)[:, -4:]
    x0, y0, x1, y1 = box

    low, high = np.array([x0, y0]), np.array([x1, y1])
    centres = (cells[:, :2] + cells[:, 2:]) / 2
    centre_in_box = ((centres >= low) & (centres <= high)).all(-1)
    middle = (low + high) / 2
    box_in_cell = ((middle >= cells[:, :2]) & (middle <= cells[:, 2:])).all(-1)
    hits: np.ndarray = centre_in_box | box_in_cell
    return hits


def pointing_hit(layout: Layout, index: int, box: tuple[float, float, float, float]) -> bool:
    """Whether token `index` points into the box; with `peak`, one round of the pointing game."""
    if not 0 <= index < len(layout.places):
        raise FusionError("There is no token {index}; there are {count}.", index=index, count=len(layout.places))
    return bool(pointing_hits(layout, box)[index])


def _received(attention: Attention, queries: Sequence[str], key: str, layer: int | None, head: int | None) -> np.ndarray:
    """(Tk,) mean over the query modalities; each counts the same, however many tokens it has."""
    received = []
    for query in queries:
        a = np.asarray(attention[query, key], np.float64)  # (L, H, Tq, Tk)
        _check_index("layer", layer, a.shape[0])
        _check_index("head", head, a.shape[1])
        if layer is not None:
            a = a[layer : layer + 1]
        if head is not None:
            a = a[:, head : head + 1]
        received.append(a.mean((0, 1, 2)))
    mean: np.ndarray = np.stack(received).mean(0)
    return mean


def _check_index(name: str, wanted: int | None, count: int) -> None:
    """Raises a FusionError where there is no layer or head of that number."""
    if wanted is not None and not 0 <= wanted < count:
        raise FusionError("There is no {name} {wanted}; there are {there}, counted from 0.", name=name, wanted=wanted, there=count)
