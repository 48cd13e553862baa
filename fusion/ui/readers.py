"""Which encoders the strategies read with: what can be chosen on the Fuse page, and training on a choice that nobody made before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from fusion.choice import SETS
from fusion.ui.desk import Desk
from fusion.ui.state import from_browser


def offers(desk: Desk) -> dict[str, Any] | None:
    """What reads each modality and what could; None in a task that has encoders of its own."""
    choice = getattr(desk.lab, "choice", None)
    if choice is None or not desk.lab.task.encoder_choice:
        return None
    names = {m: list(dict.fromkeys((*desk.library.names(m), choice[m]))) for m in desk.lab.modalities}
    several = {m: [{"name": n, "title": desk.library.describe(n)["title"]} for n in those] for m, those in names.items()}
    return {"choice": choice, "offers": several, "sets": SETS}


def wants_training(ask: Any) -> bool:
    """Whether the button was pressed, in JSON {"choice", "train"} of the browser."""
    return from_browser(ask).get("train") is True


def training(lab: Any, pause: float = 0.4) -> Iterator[dict[str, Any]]:
    """Trains what can be trained on the lab's encoders, and says twice a second how far it is."""
    from fusion.training.heads import train_heads

    last = 0.0
    for step in train_heads(lab.task, lab.choice):
        if time.monotonic() - last > pause:
            last = time.monotonic()
            yield {"key": "status.training", "what": step.what, "share": f"{step.share:.0%}"}
