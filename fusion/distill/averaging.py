"""A network halfway between what it began as and what it has learned: nearly all that is new, and less of the old forgotten.

Reference: Wortsman 2022, Robust fine-tuning of zero-shot models (WiSE-FT, arXiv 2109.01903).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def kept(network: nn.Module) -> dict[str, Tensor]:
    """A copy of all numbers of a network."""
    return {name: value.clone() for name, value in network.state_dict().items()}


def average(network: nn.Module, start: Mapping[str, Tensor], learned: float) -> None:
    """Brings every number back to `start`, but for a share `learned` in [0, 1] of the way; counters stay as they are."""
    now = network.state_dict()
    network.load_state_dict({name: torch.lerp(start[name], v, learned) if v.is_floating_point() else v for name, v in now.items()})
