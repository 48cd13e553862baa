"""Where a strategy says it is: box, mask and attention over the picture, for tasks that ask for a place."""

from __future__ import annotations

from typing import Any

from fusion.explain import attention_scores
from fusion.types import Prediction
from fusion.ui.serialize import places, shares

SIDES = ("x0", "y0", "x1", "y1")


def found(prediction: Prediction) -> dict[str, Any] | None:
    """How sure a strategy is that it is there, and the box; None where nobody asks where."""
    if prediction.found is None:
        return None
    return {"found": prediction.found, "box": None if prediction.box is None else [round(float(v), 4) for v in prediction.box]}


def place(prediction: Prediction) -> dict[str, Any] | None:
    """How sure it is that it is there, box and mask; `asked` is what the question's tokens looked at. None where nobody asks where.

    The mask covers the square that the encoder read (`encoder_views.image.extent`), the box is in [0, 1] of the picture.
    """
    short = found(prediction)
    if short is None:
        return None
    mask = None if prediction.mask is None else {"side": len(prediction.mask), "data": shares(prediction.mask)}
    return short | {"mask": mask, "asked": asked(prediction)}


def asked(prediction: Prediction) -> dict[str, Any] | None:
    """Attention of the question on each image token: mean over layers, heads, and the tokens of all other media."""
    maps = {(query, key): a for (query, key), a in prediction.attention.items() if key == "image" and query in prediction.contributions}
    maps = {pair: a for pair, a in maps.items() if pair[0] != "image"}
    if not maps:
        return None
    return places(prediction.layouts["image"]) | {"shares": shares(attention_scores(maps)["image"])}
