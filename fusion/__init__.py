"""Fusion Lab: a picture, words, a sound, a clip, any subset, fused by every strategy and explained.

import fusion
lab = fusion.load("digits")
lab.predict({"image": "a.png", "text": "seven"}, strategy="cross_attention").label
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fusion.lab import Lab

__all__ = ["load"]


def load(
    task: str | None = None,
    device: str = "auto",
    encoders: str | Mapping[str, str] = "compact",
    labels: Iterable[str] | str | None = None,
) -> Lab:
    """A task with all its shipped strategies, ready to predict; see `fusion.lab.Lab`.

    Args:
        task: a name of `fusion.tasks.TASKS`; the first of them if not given.
        device: "auto" (cuda, mps, cpu in this order), or one of them.
        encoders: "compact", "classical", or {modality: name of an encoder or "backbone:<hub id or path>"}; see `fusion.encoder_choice`.
        labels: of a task whose labels are typed, such as `open`: 2 to 100 words or phrases in English, or one text with commas.
    """
    from fusion.lab import Lab  # torch is imported when somebody needs it, not by `import fusion`

    return Lab(task, device, encoders=encoders, labels=labels)
