"""Weights with 8 bits for each number, in files of at most 9 MB.

    model.safetensors, model-2.safetensors, ...      one after the other, what does not fit into one file
    "<name>" int8 and "<name>.scale" float16         each row of a matrix is its whole numbers times the scale of the row

Rounding changes a weight by at most 1/254 of the largest of its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from fusion.files import load_tensors, save_tensors

SCALE = ".scale"
FIRST, FURTHER = "model.safetensors", "model-*.safetensors"
LARGEST = 9_000_000  # bytes of a file
SMALLEST = 4096  # numbers of a matrix that is rounded


def compress(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Large matrices as whole numbers with a scale for each row, everything else with 16 bits."""
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if value.dim() == 2 and value.numel() >= SMALLEST and value.is_floating_point():
            scale = (value.abs().amax(1, keepdim=True) / 127).clamp_min(1e-6).half()
            found[name] = (value / scale.float()).round().clamp(-127, 127).to(torch.int8)
            found[name + SCALE] = scale
        else:
            found[name] = value.half() if value.is_floating_point() else value
    return found


def expand(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `compress` made, as numbers again; anything else as it is."""
    scaled = {name.removesuffix(SCALE) for name in state if name.endswith(SCALE)} & set(state)
    found = {name: value for name, value in state.items() if name.removesuffix(SCALE) not in scaled or name in scaled}
    return {name: value.float() * state[name + SCALE].float() if name in scaled else value for name, value in found.items()}


def save_in_files(folder: Path, state: Mapping[str, Tensor], largest: int = LARGEST) -> None:
    """Writes tensors into as many files as are needed; a tensor that is larger than a file is not cut."""
    for old in folder.glob(FURTHER):
        old.unlink()
    for number, part in enumerate(_parts(state, largest), start=1):
        save_tensors(folder / (FIRST if number == 1 else FURTHER.replace("*", str(number))), part)


def load_from_files(folder: Path) -> dict[str, Tensor]:
    """The tensors of all files of a folder.

    Raises:
        FusionError: a file is missing or damaged, in one sentence.
    """
    found = load_tensors(folder / FIRST)
    for path in sorted(folder.glob(FURTHER)):
        found |= load_tensors(path)
    return found


def _parts(state: Mapping[str, Tensor], largest: int) -> Iterator[dict[str, Tensor]]:
    part: dict[str, Tensor] = {}
    size = 0
    for name, value in state.items():
        if part and size + value.nbytes > largest:
            yield part
            part, size = {}, 0
        part[name] = value
        size += value.nbytes
    yield part
