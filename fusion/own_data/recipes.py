"""How a strategy is trained on the features of one's own data: one recipe, whose length follows the number of samples and the time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """One training.

    epochs, batch_size, lr, weight_decay   of AdamW with a warm-up and a cosine down to zero
    dropout                                share of the input numbers that are zero in each step
    keep_all                               share of samples that keep all modalities; the others keep each with probability one half
    patience                               epochs without a better validation loss after which training stops; the best state is kept
    """

    epochs: int = 30
    batch_size: int = 64
    lr: float = 3e-3
    weight_decay: float = 1.0
    dropout: float = 0.3
    keep_all: float = 0.5
    patience: int = 8
    optimizer: str = "adamw"


STEPS = 800  # of a training at full length
LEAST_EPOCHS, MOST_EPOCHS = 6, 60


def recipe_for(samples: int, share: float = 1.0) -> Recipe:
    """For a number of training samples; `share` of the full length, where time is short."""
    batch = 32 if samples < 1500 else 64 if samples < 8000 else 256
    steps = max(1, samples // batch)
    epochs = round(max(LEAST_EPOCHS, min(MOST_EPOCHS, STEPS / steps)) * share)
    return Recipe(epochs=max(3, epochs), batch_size=batch)
