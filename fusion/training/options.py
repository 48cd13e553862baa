"""What the command line chooses for a training; without torch, so that `python -m fusion --help` is quick."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from fusion.config import TrainConfig


@dataclass(frozen=True)
class Changes:
    """What replaces values of a recipe, see `fusion.config.TrainConfig`; None keeps the recipe's."""

    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    optimizer: str | None = None
    samples: int | None = None
    seed: int = 0

    def of(self, recipe: TrainConfig) -> TrainConfig:
        return replace(recipe, **{name: value for name, value in asdict(self).items() if value is not None})


@dataclass(frozen=True)
class TrainOptions:
    """Where a training reads and writes, and how it runs.

    data        folder of the data sets
    out         folder of the task's checkpoint, by default the shipped one. Encoders are taken from it and the folders beside it, or else
                the shipped ones
    changes     to the recipes
    device      "auto", "cpu", "cuda", "mps"
    resume      go on from an interrupted run
    warm_start  encoders begin with the weights that `out` holds
    consistent  encoders begin with them and learn new kinds of samples, see `fusion.training.consistency`
    missing     what stands in the place of a missing modality, see `fusion.strategies.missing`
    balance     train the encoders with the strategy, from scratch, and keep the modalities in balance so, see `fusion.training.balance`
    leave_out   a part of these new samples that is kept for the test, see `Task.pairs`
    """

    data: Path
    out: Path | None = None
    changes: Changes = Changes()
    device: str = "auto"
    resume: bool = True
    warm_start: bool = False
    consistent: bool = False
    leave_out: str | None = None
    missing: Literal["zero", "learned", "reconstruct"] = "zero"
    balance: Literal["none", "unimodal", "blending", "ogm_ge"] | None = None
