"""Loads one medium of a data set: the four kinds that the whole project knows, and series, vectors and rows of a table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fusion import media
from fusion.messages import Message
from fusion.own_data.kinds import TABLE
from fusion.types import MODALITIES, FusionError

MOST_NUMBERS = 1 << 27  # of one array


def load_medium(kind: str, value: Any) -> Any:
    """A medium as its encoder takes it.

    Raises:
        FusionError: it cannot be read, in one sentence.
    """
    return load_with_notes(kind, value)[0]


def load_with_notes(kind: str, value: Any) -> tuple[Any, tuple[Message, ...]]:
    if kind in MODALITIES:
        loaded = media.load(kind, value)
        return loaded.medium, loaded.notes
    if kind == TABLE:
        if not isinstance(value, Mapping):
            raise FusionError("The columns of a table are given by name.")
        return dict(value), ()
    return load_array(kind, value), ()


def load_array(kind: str, value: Any) -> np.ndarray:
    """A vector (F,) or a series (T, C), as float32."""
    name = Path(value).name if isinstance(value, str | os.PathLike) else "The array"
    if isinstance(value, str | os.PathLike):
        from fusion.own_data.array_files import load_arrays

        path = Path(value)
        if not path.is_file():
            raise FusionError("{name} does not exist.", name=name)
        value = next(iter(load_arrays(path).values()), None)
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or array.size == 0 or array.size > MOST_NUMBERS:
        raise FusionError("{name} holds no numbers.", name=name)
    array = array.astype(np.float32)
    if not np.isfinite(array).any():
        raise FusionError("{name} holds no finite numbers.", name=name)
    if kind == "vector":
        return array.reshape(-1)
    return array.reshape(len(array), -1) if array.ndim > 1 else array.reshape(-1, 1)
