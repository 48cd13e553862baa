"""Progress of a training on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from fusion.training.loop import StepResult


def report(steps: Iterable[StepResult], name: str) -> None:
    """Runs a training to its end; one line per epoch on stderr, on a terminal rewritten every ten steps."""
    for step in steps:
        finished = step.step == step.steps
        if finished or (sys.stderr.isatty() and step.step % 10 == 0):
            line = (
                f"{name} epoch {step.epoch}/{step.epochs} step {step.step}/{step.steps} "
                f"loss {step.loss:.4f} accuracy {step.accuracy:.4f} {step.seconds:.0f} s"
            )
            print(line, file=sys.stderr, end="\n" if finished else "\r", flush=True)
