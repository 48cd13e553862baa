"""What strategies are trained on: projected features of all samples, with the projections fitted to the training samples of a fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.own_data.encoders.base import OwnEncoder
from fusion.own_data.encoding import Encoded
from fusion.types import Features

AT_ONCE = 512  # samples that are projected at once


@dataclass
class FoldFeatures:
    """Features of N samples.

    pooled   {modality: (N, D)}, zero where absent
    tokens   {modality: (N, T, D)} and mask {modality: (N, T)} with at least one real token per row
    present  (N, M) bool in the order of `pooled`
    """

    pooled: dict[str, Tensor]
    tokens: dict[str, Tensor]
    mask: dict[str, Tensor]
    present: Tensor

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.pooled)

    def batch(self, index: Tensor, modalities: tuple[str, ...], with_tokens: bool) -> dict[str, Features]:
        """Features of some samples; without tokens the vector is the only one."""
        found = {}
        for m in modalities:
            pooled = self.pooled[m][index]
            if with_tokens:
                mask = self.mask[m][index]
                found[m] = Features(self.tokens[m][index], mask, pooled, mask / mask.sum(1, keepdim=True))
            else:
                one = torch.ones(len(pooled), 1)
                found[m] = Features(pooled[:, None], one.bool(), pooled, one)
        return found

    def columns(self, modalities: tuple[str, ...]) -> list[int]:
        """Where these are in `present`."""
        return [self.modalities.index(m) for m in modalities]


@torch.inference_mode()
def project(encoders: Mapping[str, OwnEncoder[Any]], encoded: Encoded, train: np.ndarray) -> FoldFeatures:
    """Fits the projections to the samples `train` (row numbers) and projects all samples."""
    for m, encoder in encoders.items():
        rows, own = encoded.rows[m], encoded.place[m][torch.from_numpy(train)]
        used = torch.unique(own[own >= 0])
        if not len(used):  # none of the training samples has it
            used = torch.arange(min(len(rows), 2))
        encoder.fit(rows.batch(used))
    return embed_all(encoders, encoded)


@torch.inference_mode()
def embed_all(encoders: Mapping[str, OwnEncoder[Any]], encoded: Encoded) -> FoldFeatures:
    """Projects all samples with the projections as they are."""
    pooled, tokens, masks = {}, {}, {}
    for m, encoder in encoders.items():
        rows, place = encoded.rows[m], encoded.place[m]
        parts = [encoder.embed(rows.batch(index)) for index in torch.split(torch.arange(len(rows)), AT_ONCE)]
        D = encoder.embed_dim
        pooled[m] = torch.cat([*[p.pooled for p in parts], torch.zeros(1, D)])[place].clone()  # the last row stands for what is absent
        if encoded.with_tokens:
            longest = max(p.tokens.shape[1] for p in parts)
            padded = [F.pad(p.tokens, (0, 0, 0, longest - p.tokens.shape[1])) for p in parts]
            real = [F.pad(p.mask, (0, longest - p.mask.shape[1])) for p in parts]
            empty = torch.zeros(1, longest, dtype=torch.bool)
            empty[0, 0] = True
            tokens[m] = torch.cat([*padded, torch.zeros(1, longest, D)])[place].clone()
            masks[m] = torch.cat([*real, empty])[place].clone()
        else:
            tokens[m] = pooled[m][:, None]
            masks[m] = torch.ones(len(place), 1, dtype=torch.bool)
    return FoldFeatures(pooled, tokens, masks, encoded.present)
