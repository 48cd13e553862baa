"""What a visitor may set, and the sentence that says what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fusion.messages import Message, message
from fusion.playground.data import DATA_SETS
from fusion.strategies import STRATEGIES
from fusion.types import FusionError

FEWEST, MOST = 2, 6  # strategies at a time
NEEDS_MORE = ("multitask",)  # strategies that need further questions about each sample
PLAYABLE = tuple(name for name in STRATEGIES if name not in NEEDS_MORE)
OPTIMIZERS, LOSSES = ("adam", "sgd"), ("cross_entropy", "mse")


@dataclass(frozen=True)
class Range:
    """Numbers that a setting may take, and what it is called at the beginning of a sentence."""

    called: Message
    low: float
    high: float
    whole: bool = False


RANGES = {
    "seed": Range(message("The seed"), 0, 9999, whole=True),
    "points": Range(message("The number of points"), 20, 1000, whole=True),
    "noise": Range(message("The noise"), 0, 0.5),
    "learning_rate": Range(message("The learning rate"), 0.0001, 1),
    "batch_size": Range(message("The batch size"), 1, 256, whole=True),
    "weight_decay": Range(message("The weight decay"), 0, 0.5),
    "modality_dropout": Range(message("The modality dropout"), 0, 0.9),
}


@dataclass(frozen=True)
class Setup:
    """Everything that decides how a training goes: the same setup gives the same numbers on one machine."""

    data: str = "xor"
    strategies: tuple[str, ...] = ("early", "late", "gmu", "cross_attention")
    seed: int = 1
    points: int = 300
    noise: float = 0.05
    learning_rate: float = 0.01
    batch_size: int = 32
    weight_decay: float = 0.0
    modality_dropout: float = 0.0
    optimizer: str = "adam"
    loss: str = "cross_entropy"

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Setup:
        """From values of any kind; what is not given has its default.

        Raises:
            FusionError: a value is none that the setting may have.
        """
        default = cls()
        numbers: dict[str, Any] = {key: number(given.get(key, getattr(default, key)), limits) for key, limits in RANGES.items()}
        return cls(
            data=one_of(given.get("data", default.data), message("The data set"), DATA_SETS),
            strategies=strategies(given.get("strategies", default.strategies)),
            optimizer=one_of(given.get("optimizer", default.optimizer), message("The optimizer"), OPTIMIZERS),
            loss=one_of(given.get("loss", default.loss), message("The loss"), LOSSES),
            **numbers,
        )


def number(value: Any, limits: Range) -> float:
    """A finite number within the range; raises `FusionError`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(value, int) and not math.isfinite(value):
        raise FusionError("{name} must be a number.", name=limits.called)
    if limits.whole and value % 1:
        raise FusionError("{name} must be a whole number.", name=limits.called)
    if not limits.low <= value <= limits.high:
        low, high = f"{limits.low:g}", f"{limits.high:g}"
        raise FusionError("{name} must be between {low} and {high}.", name=limits.called, low=low, high=high)
    return int(value) if limits.whole else float(value)


def one_of(value: Any, called: Message, known: Iterable[str]) -> str:
    """A name among those that are known; raises `FusionError`."""
    names = list(known)
    if value not in names:
        raise FusionError("{name} must be one of {known}.", name=called, known=names)
    return str(value)


def strategies(value: Any) -> tuple[str, ...]:
    """Two to six different strategies in screen order; raises `FusionError`."""
    names = list(value) if isinstance(value, list | tuple) else []
    chosen = {one_of(name, message("A strategy of the playground"), PLAYABLE) for name in names}
    if not FEWEST <= len(chosen) <= MOST:
        raise FusionError("Choose two to six strategies.")
    return tuple(name for name in PLAYABLE if name in chosen)
