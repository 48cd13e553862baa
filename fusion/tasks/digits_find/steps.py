"""How the weights and reports of the task `digits-find` are made anew, beside the encoders of `digits`."""

from __future__ import annotations

from fusion.tasks.digits.steps import DOWNLOAD
from fusion.tasks.steps import Step, baselines, evaluate, seeds, strategies
from fusion.types import MODALITIES

NAME = "digits-find"
STEPS = (
    DOWNLOAD,
    Step("detection", f"train --task {NAME} --strategy detection --data {{data}}", f"checkpoints/{NAME}/encoders/image/model.safetensors"),
    Step("finder", f"train --task {NAME} --strategy finder --data {{data}}", f"checkpoints/{NAME}/encoders/image/model.safetensors"),
    strategies(NAME),
    baselines(NAME, MODALITIES),
    seeds(NAME),
    evaluate(NAME),
)
