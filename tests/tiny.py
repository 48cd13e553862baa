"""Checkpoints of untrained compact models, for tests of everything that does not depend on what was learned."""

from pathlib import Path

import torch

from fusion.config import EncoderConfig, StrategyConfig
from fusion.encoders import COMPACT
from fusion.model import FusionModel, build_encoder, build_strategy, fuser_state, save_weights
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS


def make_checkpoints(folder: Path) -> Path:
    """Writes a whole `checkpoints/` folder with the task digits; returns the folder."""
    torch.manual_seed(0)
    home = folder / "digits"
    for modality, name in COMPACT.items():
        save_weights(home / "encoders" / modality, build_encoder(EncoderConfig(name)).state_dict(), EncoderConfig(name))
        config = StrategyConfig(f"{modality}_only", "digits", 10, (modality,))
        save_weights(home / config.name, fuser_state(FusionModel({}, build_strategy(config))), config)
    for name in STRATEGIES:
        config = StrategyConfig(name, "digits", 10, options=TASKS["digits"].options.get(name, {}))
        save_weights(home / name, fuser_state(FusionModel({}, build_strategy(config))), config)
    return folder
