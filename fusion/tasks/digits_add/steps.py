"""How the weights and reports of the task `digits-add` are made anew, on the encoders of `digits`."""

from __future__ import annotations

from fusion.tasks.digits.steps import DOWNLOAD
from fusion.tasks.steps import baselines, evaluate, seeds, strategies
from fusion.types import MODALITIES

NAME = "digits-add"
STEPS = (DOWNLOAD, strategies(NAME), baselines(NAME, MODALITIES), seeds(NAME), evaluate(NAME))
