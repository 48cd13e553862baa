"""Which encoders the strategies read with: what can be chosen on the Fuse page."""

from __future__ import annotations

from typing import Any

from fusion.encoder_choice import SETS
from fusion.ui.desk import Desk


def offers(desk: Desk) -> dict[str, Any] | None:
    """What reads each modality and what could; None in a task that has encoders of its own."""
    choice = getattr(desk.lab, "choice", None)
    if choice is None or not desk.lab.task.encoder_choice:
        return None
    names = {m: list(dict.fromkeys((*desk.library.names(m), choice[m]))) for m in desk.lab.modalities}
    several = {m: [{"name": n, "title": desk.library.describe(n)["title"]} for n in those] for m, those in names.items()}
    return {"choice": choice, "offers": several, "sets": SETS}
