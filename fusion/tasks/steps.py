"""The steps that reproduce a task's weights, reports and cards; `python -m fusion reproduce TASK` runs them in order.

Each step is one command of `python -m fusion`. In `arguments` and `writes`, "{data}" stands for the data folder and "{each}" for one of
the names in `each`: such a step runs once for every name, and an interrupted run continues with the first name that is not done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

STRATEGIES: Literal["STRATEGY"] = "STRATEGY"  # stands for the names of all strategies


@dataclass(frozen=True)
class Step:
    """One step.

    name       for `--from` and the list of steps
    command    arguments of `python -m fusion`, separated by spaces
    writes     the file it makes, relative to the folder of the project; without it the step is not done (`fusion.cli.steps` keeps stamps)
    each       names to run it with, or STRATEGIES
    optional   whether the other steps continue if it fails
    """

    name: str
    command: str
    writes: str
    each: tuple[str, ...] | Literal["STRATEGY"] = ()
    optional: bool = False


def strategies(task: str) -> Step:
    """Trains every fusion strategy of a task."""
    return Step(
        "strategies",
        f"train --task {task} --strategy {{each}} --data {{data}}",
        f"checkpoints/{task}/{{each}}/model.safetensors",
        STRATEGIES,
    )


def baselines(task: str, modalities: tuple[str, ...], name: str = "baselines") -> Step:
    """Trains the linear heads of single modalities, and the encoders below them where they are the task's own."""
    return Step(
        name,
        f"train --task {task} --strategy {{each}} --data {{data}}",
        f"checkpoints/{task}/{{each}}/model.safetensors",
        tuple(f"{m}_only" for m in modalities),
    )


def seeds(task: str) -> Step:
    """Trains the small strategies with five seeds."""
    return Step("seeds", f"seeds --task {task} --data {{data}}", f"checkpoints/{task}/seeds.json")


def evaluate(task: str) -> Step:
    """Measures everything; writes the report, the cards and the tables."""
    return Step("evaluate", f"evaluate --task {task} --data {{data}}", f"checkpoints/{task}/report.json")
