"""Localization: box, mask and attention over the picture, for tasks that ask for them."""

from __future__ import annotations

from typing import Any

from fusion.explain import attention_scores
from fusion.types import Prediction
from fusion.ui.serialize import places, shares

SIDES = ("x0", "y0", "x1", "y1")


def found(prediction: Prediction) -> dict[str, Any] | None:
    """Probability that the object is present, and its box; None if the task has no localization."""
    if prediction.found is None:
        return None
    return {"found": prediction.found, "box": None if prediction.box is None else [round(float(v), 4) for v in prediction.box]}


def place(prediction: Prediction, image: str) -> dict[str, Any] | None:
    """Probability of presence, box and mask; `asked` is the attention of the question. None if the task has no localization.

    Args:
        image: the modality in which something is found. The mask covers the square that its encoder read (`extent` of its encoder view),
            the box is in [0, 1] of the picture.
    """
    short = found(prediction)
    if short is None:
        return None
    mask = None if prediction.mask is None else {"side": len(prediction.mask), "data": shares(prediction.mask)}
    return short | {"mask": mask, "asked": asked(prediction, image)}


def asked(prediction: Prediction, image: str) -> dict[str, Any] | None:
    """Attention of the question on each image token: mean over layers, heads, and the tokens of all other media."""
    others = set(prediction.contributions) - {image}
    maps = {(query, key): a for (query, key), a in prediction.attention.items() if key == image and query in others}
    if not maps:
        return None
    return places(prediction.layouts[image]) | {"shares": shares(attention_scores(maps)[image])}
