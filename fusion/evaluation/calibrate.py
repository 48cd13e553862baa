"""`python -m fusion calibrate`: confidence that means what it says, and "none of these", without training a strategy or encoder anew.

    checkpoints/<task>/<strategy>/calibration.json    a temperature for each subset of modalities (`fusion.evaluation.temperatures`)
    checkpoints/<task>/open_set/                      what tells "none of these" (`fusion.evaluation.rejection`)
    checkpoints/<task>/report.json                    its sections `calibration` and `rejection`, and the cards

Both are fitted on training-side data (`train`, `val`) and measured on the test split.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fusion.cards.write import Described, write_task
from fusion.config import CHECKPOINTS
from fusion.describe import describe_encoders, describe_strategies
from fusion.evaluation import rejection, temperatures
from fusion.files import load_json, save_json
from fusion.lab import Lab
from fusion.model import forget_temperatures, save_open_set, save_temperatures
from fusion.paths import open_set_folder
from fusion.tasks import TASKS, Task, find_task


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def calibrate(task: Task, data: Path, checkpoints: Path = CHECKPOINTS) -> dict[str, Any]:
    """Fits and saves temperatures and open set of one task; returns what `report.json` holds of them."""
    open_set = rejection.train(task, data, checkpoints)
    if open_set is not None:
        save_open_set(open_set_folder(checkpoints, task), open_set)
        say(f"{task.name}: open set trained")
    for path in (checkpoints / task.name).glob("*/model.safetensors"):
        forget_temperatures(path.parent)
    lab = Lab(task, "cpu", checkpoints)
    cache = temperatures.features(task, "val", data, task.measuring.calibration, checkpoints)
    for name, model in lab.models.items():
        found = temperatures.fit(model, task, cache)
        save_temperatures(checkpoints / task.name / name, found)
        model.temperatures.set(found)
        say(f"{task.name}: temperatures of {name}")
    return measure(lab, data, checkpoints)


def measure(lab: Lab, data: Path, checkpoints: Path = CHECKPOINTS) -> dict[str, Any]:
    """The sections `calibration` and `rejection` of the report, on test data."""
    if lab.task.open_labels:
        return {}  # these are calibrated by `fusion.evaluation.label_calibration`
    cache = temperatures.features(lab.task, "test", data, lab.task.measuring.calibration, checkpoints)
    found: dict[str, Any] = {"calibration": {name: temperatures.measure(model, lab.task, cache) for name, model in lab.models.items()}}
    if lab.open_set is not None:
        found["rejection"] = rejection.measure(lab.open_set, lab.task, data, checkpoints)
    return found


def update_report(task: Task, found: dict[str, Any], checkpoints: Path = CHECKPOINTS) -> None:
    """Puts the sections into the task's report, where there is one, and writes the cards anew."""
    path = checkpoints / task.name / "report.json"
    if not path.exists():
        return
    save_json(path, load_json(path) | found)
    if checkpoints == CHECKPOINTS:
        write_task(task.name, Described(describe_strategies(), describe_encoders()))


def run(data: Path, task: str | None = None) -> dict[str, Any]:
    """{task: the sections of its report} of one task, or of all."""
    found = {}
    for each in [find_task(task)] if task else [t for t in TASKS.values() if not t.open_labels]:
        found[each.name] = calibrate(each, data)
        update_report(each, found[each.name])
    return found
