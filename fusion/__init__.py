"""Fusion Lab: a picture, words, a sound, a clip, any subset, fused by every strategy and explained.

import fusion
lab = fusion.load("digits")
lab.predict({"image": "a.png", "text": "seven"}, strategy="cross_attention").label

report = fusion.fit("DATA", out="LAB")      # all strategies on your own data, and a lab to take away
lab = fusion.load("LAB")
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from fusion.types import FusionError

if TYPE_CHECKING:
    from fusion.lab import Lab
    from fusion.own_data.inspection import Inspection
    from fusion.own_data.report import FitReport

__all__ = ["fit", "inspect", "load"]


def load(
    task: str | None = None,
    device: str = "auto",
    encoders: str | Mapping[str, str] = "compact",
    labels: Iterable[str] | str | None = None,
) -> Lab:
    """A task with all its shipped strategies, ready to predict; see `fusion.lab.Lab`.

    Args:
        task: a name of `fusion.tasks.TASKS`, the first of them if not given; or the folder of a lab that `fit` wrote.
        device: "auto" (cuda, mps, cpu in this order), or one of them.
        encoders: "compact", "classical", or {modality: name of an encoder or "backbone:<hub id or path>"}; see `fusion.encoder_choice`.
        labels: of a task whose labels are typed, such as `open`: 2 to 100 words or phrases in English, or one text with commas.
    """
    if is_folder(task):
        if labels is not None:
            raise FusionError("The labels of the task {name} are fixed.", name=os.path.basename(os.fspath(str(task))))
        from fusion.own_data.own_lab import OwnLab

        return OwnLab(str(task), device)
    from fusion.lab import Lab  # torch is imported when somebody needs it, not by `import fusion`

    return Lab(task, device, encoders=encoders, labels=labels)


def is_folder(task: object) -> bool:
    """Whether this means the folder of a lab: the name of a task wins, then what has a path separator or is there as a folder."""
    from fusion.tasks import TASKS

    if not isinstance(task, str | os.PathLike) or task in TASKS:
        return False
    name = os.fspath(task)
    return os.sep in name or "/" in name or os.path.isdir(name)


def fit(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    label: str | None = None,
    group: str | None = None,
    columns: Mapping[str, str] | None = None,
    encoders: str | Mapping[str, str] = "shipped",
    strategies: str = "all",
    seeds: int = 5,
    minutes: float = 10.0,
    seed: int = 0,
) -> FitReport:
    """Compares all strategies and every modality alone on your own data, says whether fusion helps, and saves a lab.

    Args:
        data: a folder, a table beside media, an archive, or arrays; see `fusion.own_data.forms`.
        out: folder of the lab; without it nothing is saved.
        label, group: names of these columns; by default they are found by their names.
        columns: {name: kind} that replaces what was detected, such as {"day": "ignore"}; see `fusion.own_data.kinds`.
        encoders: "shipped", "classical", or {modality: name of an encoder or "backbone:<hub id or path>"}.
        strategies: "all", or names with commas between.
        minutes: the time that training may take; encoding comes before it.

    Raises:
        FusionError: what cannot be read, trained or written, in one sentence.
    """
    from fusion.own_data.fitting import FitOptions, run

    options = FitOptions(label, group, columns, None, encoders, strategies, seeds, minutes, seed)
    return run(data, out, options)


def inspect(
    data: str | os.PathLike[str], *, label: str | None = None, group: str | None = None, columns: Mapping[str, str] | None = None
) -> Inspection:
    """What is understood of a data set, and what its data check finds, without training anything; arguments as for `fit`."""
    from fusion.own_data.inspection import inspect as run

    return run(data, label, group, columns)
