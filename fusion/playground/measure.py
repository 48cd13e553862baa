"""What is shown of a strategy after an update: loss, accuracy, and surfaces over the square of all pairs (x, y)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fusion.playground.data import SIDES
from fusion.playground.encoding import encode_sides
from fusion.playground.model import Learner, label_loss
from fusion.types import Features, FusionOutput

CELLS = 25  # along each side of a surface
AXIS = torch.linspace(-1, 1, CELLS)
GRID = torch.cartesian_prod(AXIS, AXIS).flip(1)  # (CELLS^2, 2): x changes faster, y grows by rows
DIAGONAL = torch.stack([AXIS, AXIS], 1)
GRID_FEATURES, DIAGONAL_FEATURES = encode_sides(GRID), encode_sides(DIAGONAL)


@dataclass(frozen=True)
class Score:
    """Loss of the label (None where it is no number) and share of right answers in [0, 1]."""

    loss: float | None
    accuracy: float


@dataclass(frozen=True)
class Surfaces:
    """Over a grid of CELLS x CELLS pairs, row by row from y = -1 to 1, each from x = -1 to 1.

    probability  (CELLS, CELLS) of label 1
    only         {side: (CELLS,) the same along this side when the other one is missing}
    weight       (CELLS, CELLS) of side A in [0, 1], or None where the strategy has no weights
    focus        {(query, key): (CELLS, CELLS) largest attention weight on a token, averaged over layers, heads and queries}
    """

    probability: np.ndarray
    only: dict[str, np.ndarray]
    weight: np.ndarray | None
    focus: dict[tuple[str, str], np.ndarray]


@torch.no_grad()
def score(learner: Learner, features: dict[str, Features], present: Tensor, labels: Tensor) -> Score:
    """On samples with all that they have."""
    learner.fuser.eval()
    logits = learner.fuser(features, present).logits
    loss = float(label_loss(logits, labels, learner.setup.loss))
    return Score(loss if np.isfinite(loss) else None, float((logits.argmax(-1) == labels).float().mean()))


@torch.no_grad()
def surfaces(learner: Learner) -> Surfaces:
    """Of a strategy as it stands."""
    learner.fuser.eval()
    fused = learner.fuser(GRID_FEATURES, torch.ones(len(GRID), 2, dtype=torch.bool), need_attention=True)
    only = {side: along(learner, side) for side in SIDES}
    weights = fused.output.weights
    return Surfaces(square(probability(fused.logits)), only, None if weights is None else square(weights[:, 0]), focus(fused.output))


def along(learner: Learner, side: str) -> np.ndarray:
    """(CELLS,) probability of label 1 when only this side is there."""
    present = torch.zeros(CELLS, 2, dtype=torch.bool)
    present[:, SIDES.index(side)] = True
    return probability(learner.fuser(DIAGONAL_FEATURES, present).logits).numpy()


def focus(output: FusionOutput) -> dict[tuple[str, str], np.ndarray]:
    """See `Surfaces`; of pairs of the two sides only."""
    pairs = {pair: maps for pair, maps in output.attention.items() if set(pair) == set(SIDES)}
    return {pair: square(maps.amax(-1).mean((1, 2, 3))) for pair, maps in pairs.items()}


def probability(logits: Tensor) -> Tensor:
    """Of label 1 from logits (B, 2); 0.5 where they are no numbers."""
    return logits.softmax(-1)[:, 1].nan_to_num(0.5)


def square(values: Tensor) -> np.ndarray:
    """Values (CELLS^2,) or one for all as (CELLS, CELLS)."""
    shaped: np.ndarray = values.expand(CELLS * CELLS).reshape(CELLS, CELLS).numpy()
    return shaped
