"""Averages a trained network with its start: keeps nearly all that was learned and forgets less of what the start could do.

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
    """Sets every weight to `start` plus a share `learned` in [0, 1] of what it changed; counters stay as they are."""
    averaged = {}
    for name, value in network.state_dict().items():
        averaged[name] = torch.lerp(start[name], value, learned) if value.is_floating_point() else value
    network.load_state_dict(averaged)
