"""The default training configuration of a strategy on cached features."""

from __future__ import annotations

from fusion.config import TrainConfig

STRATEGIES = TrainConfig(epochs=10, samples=24000, batch_size=128, lr=1e-3, precision="fp32", workers=0)
