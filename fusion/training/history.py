"""How hard each training sample has been so far, for losses that compare samples by it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LossHistory(nn.Module):
    """Mean loss of every sample in every modality over the epochs so far.

    Its buffers are saved with the state of an unfinished run and belong to no checkpoint.
    """

    total: Tensor  # (N, M)
    count: Tensor  # (N, M)

    def __init__(self, samples: int, modalities: int) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(samples, modalities))
        self.register_buffer("count", torch.zeros(samples, modalities))

    def update(self, index: Tensor, losses: Tensor, known: Tensor) -> Tensor:
        """Counts the losses (B, M) of samples `index` (B,) where they are known (B, M) bool.

        Returns:
            (B, M) the means with these losses, NaN where a sample has none yet.
        """
        self.total[index] += torch.where(known, losses, torch.zeros_like(losses))
        self.count[index] += known.float()
        return self.total[index] / self.count[index]
