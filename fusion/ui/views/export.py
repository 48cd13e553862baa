"""A result to take along: JSON, CSV, and the Python that makes the same call."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from fusion.types import Prediction
from fusion.ui.state import PageState, Slot


def files(lab: Any, predictions: dict[str, Prediction]) -> dict[str, str]:
    """The result as the text of two files."""
    return {"json": as_json(lab, predictions), "csv": as_csv(lab, predictions)}


def as_json(lab: Any, predictions: dict[str, Prediction]) -> str:
    fields = ("label", "probs", "weights", "contributions", "votes", "box", "seconds")
    result = {name: {f: getattr(p, f) for f in fields} | {"parameters": lab.parameters[name]} for name, p in predictions.items()}
    return json.dumps({"task": lab.task.title, "device": str(lab.device), "strategies": result}, indent=2, default=float)


def as_csv(lab: Any, predictions: dict[str, Prediction]) -> str:
    """One line per strategy: label, confidence, cost, a column per label, then weight and effect per modality."""
    columns = [f"p_{label}" for label in lab.labels] + [f"{kind}_{m}" for kind in ("weight", "effect") for m in lab.modalities]
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["strategy", "label", "confidence", "seconds", "parameters", *columns])
    for name, p in predictions.items():
        weights = [(p.weights or {}).get(m, "") for m in lab.modalities]
        effects = [p.contributions.get(m, "") for m in lab.modalities]
        writer.writerow([name, p.label, p.confidence, p.seconds, lab.parameters[name], *p.probs.values(), *weights, *effects])
    return buffer.getvalue()


def source_line(modality: str, slot: Slot) -> str | None:
    """The Python expression of one medium; an upload is named as the visitor's own file."""
    if not slot.on or slot.source == "none":
        return None
    if slot.source == "drawing":
        return "draw_picture(strokes)" if modality == "image" else "draw_clip(strokes)"
    written = {
        "text": repr(slot.text),
        "example": f"make_example({slot.example!r})[{modality!r}]",
        "file": repr(slot.name or "your-file"),
        "clip": 'inputs["video"]',
    }
    return written[slot.source]


def snippet(state: PageState, task: str = "digits") -> str:
    """Python that makes the same call as the page."""
    lines = {m: line for m, slot in state.slots.items() if (line := source_line(m, slot)) and slot.source != "clip"}
    sources = {slot.source for slot in state.slots.values() if slot.on}
    code = ["import fusion"]
    if "example" in sources:
        code.append(f"from fusion.tasks.{task}.examples import make_example")
    if "drawing" in sources:
        code += ["import numpy as np", f"from fusion.tasks.{task}.pen import draw_clip, draw_picture"]
    code += ["", f"lab = fusion.load({task!r})"]
    if "drawing" in sources:
        code += ["strokes = [  # x, y in [0, 1], seconds"]
        code += [f"    np.array({[list(p) for p in s]})," for s in state.slots["image"].strokes] + ["]"]
    code += ["inputs = {", *(f"    {m!r}: {line}," for m, line in lines.items()), "}"]
    if state.slots["audio"].on and state.slots["audio"].source == "clip":
        code.append('inputs["audio"] = inputs["video"]  # the clip\'s own sound')
    code.append(f"encoding = lab.encode(inputs, severity={state.severity!r})")
    code.append(f"prediction = lab.predict(encoding, strategy={state.strategy!r})")
    return "\n".join([*code, "print(prediction.label, prediction.confidence)"])
