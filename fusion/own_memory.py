"""Memory of their own for arrays that are kept for long.

A small array that stays between large ones that are freed keeps the allocator from giving their memory back, and from using it for
something larger. Kept arrays are therefore copied into pages of their own, which go back to the system with the last array in them.
"""

from __future__ import annotations

import mmap
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch

SMALL = 512  # bytes; smaller arrays stay where they are, beside the Python objects that hold them
ALIGNED = 64  # bytes, as the allocators of torch and numpy do

Arrays = dict[int, np.ndarray | torch.Tensor]  # {id: array}


def in_own_memory(value: Any) -> Any:
    """A value whose numpy arrays and CPU tensors are copies in one block of memory that holds nothing else.

    Looks into dicts, lists, tuples and dataclasses. Other objects, and arrays of less than 512 bytes, are the same as before.
    """
    arrays: Arrays = {}
    _collect(value, arrays)
    return _with(value, _copied(arrays)) if arrays else value


def _collect(value: Any, found: Arrays) -> None:
    if isinstance(value, np.ndarray | torch.Tensor):
        if value.nbytes >= SMALL and _is_plain(value):
            found[id(value)] = value
    elif isinstance(value, dict):
        for part in value.values():
            _collect(part, found)
    elif isinstance(value, list | tuple):
        for part in value:
            _collect(part, found)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            _collect(getattr(value, field.name), found)


def _is_plain(array: np.ndarray | torch.Tensor) -> bool:
    """Whether it holds numbers in this machine's memory."""
    if isinstance(array, np.ndarray):
        return not array.dtype.hasobject
    return array.device.type == "cpu" and array.layout == torch.strided and not array.requires_grad


def _copied(arrays: Arrays) -> Arrays:
    """{id of an array: its copy}; all copies lie in one block, which lives as long as any of them."""
    block = mmap.mmap(-1, sum(map(_room, arrays.values())))
    copies: Arrays = {}
    place = 0
    for key, array in arrays.items():
        copy: np.ndarray | torch.Tensor
        if isinstance(array, np.ndarray):
            copy = np.frombuffer(block, array.dtype, array.size, place).reshape(array.shape)
            copy[...] = array
        else:
            copy = torch.frombuffer(block, dtype=array.dtype, count=array.numel(), offset=place).reshape(array.shape)
            copy.copy_(array)
        copies[key] = copy
        place += _room(array)
    return copies


def _room(array: np.ndarray | torch.Tensor) -> int:
    """Bytes that an array takes in the block, so that the next one is aligned."""
    return -(-array.nbytes // ALIGNED) * ALIGNED


def _with(value: Any, copies: Arrays) -> Any:
    """The same value with its arrays replaced by their copies."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return copies.get(id(value), value)
    if isinstance(value, dict):
        return {key: _with(part, copies) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_with(part, copies) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(_with(part, copies) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _with(getattr(value, f.name), copies) for f in fields(value) if f.init})
    return value
