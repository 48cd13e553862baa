"""The encoders that can be chosen on the Fuse page."""

from __future__ import annotations

from typing import Any

from fusion.encoder_choice import SETS
from fusion.ui.service import TaskService


def offers(service: TaskService) -> dict[str, Any] | None:
    """The encoder of each modality and the alternatives; None if the task has a fixed set of encoders."""
    choice = getattr(service.lab, "choice", None)
    if choice is None or not service.lab.task.encoder_choice:
        return None
    names = {m: list(dict.fromkeys((*service.registry.names(m), choice[m]))) for m in service.lab.modalities}
    several = {m: [{"name": n, "title": service.registry.describe(n)["title"]} for n in those] for m, those in names.items()}
    return {"choice": choice, "offers": several, "sets": SETS}
