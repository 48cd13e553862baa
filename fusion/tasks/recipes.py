"""How a strategy is trained on cached features where its task says nothing else."""

from __future__ import annotations

from fusion.config import TrainConfig

STRATEGIES = TrainConfig(epochs=10, samples=24000, batch_size=128, lr=1e-3, precision="fp32", workers=0)
