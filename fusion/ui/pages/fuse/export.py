"""Exports a result as JSON, CSV, and Python code that makes the same call."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fusion.types import Prediction
from fusion.ui.pages.fuse.localization import SIDES
from fusion.ui.pages.fuse.strategy_rows import shapley, vote
from fusion.ui.state import PEN, PageState, Slot, first_of

if TYPE_CHECKING:
    from fusion.lab import Lab


def as_json(lab: Lab, predictions: dict[str, Prediction]) -> str:
    """One line per strategy; a mask is a list of rows, in hundredths."""
    fields = ("label", "known", "probs", "weights", "contributions", "votes", "auxiliary", "opinion", "found", "box", "seconds")
    lines = []
    for name, p in predictions.items():
        known = {f: getattr(p, f) for f in fields} | {"shapley": shapley(p)["values"], "parameters": lab.parameters[name]}
        known["mask"] = None if p.mask is None else [[round(float(v), 2) for v in row] for row in p.mask]
        lines.append(f"  {json.dumps(name)}: {json.dumps(known, default=float)}")
    head = f'"task": {json.dumps(lab.task.name)},\n "device": {json.dumps(str(lab.device))}'
    return "{" + head + ',\n "strategies": {\n' + ",\n".join(lines) + "\n }\n}\n"


def as_csv(lab: Lab, predictions: dict[str, Prediction]) -> str:
    """One line per strategy: label, cost, a column per label, numbers per modality, answers to further questions, and the place."""
    lines = [as_line(lab, name, p) for name, p in predictions.items()]
    columns = dict.fromkeys(column for line in lines for column, value in line.items())
    kept = [c for c in columns if any(line.get(c, "") != "" for line in lines)]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, kept, restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(lines)
    return buffer.getvalue()


def as_line(lab: Lab, name: str, p: Prediction) -> dict[str, Any]:
    """{column: value}; columns that stay empty in every line are left out of the file."""
    line: dict[str, Any] = {"strategy": name, "label": p.label, "confidence": p.confidence, "seconds": p.seconds}
    line |= {"known": "" if p.known is None else p.known}
    line |= {"parameters": lab.parameters[name]} | {f"p_{label}": value for label, value in p.probs.items()}
    for kind, values in (("weight", p.weights or {}), ("shapley", shapley(p)["values"]), ("effect", p.contributions)):
        line |= {f"{kind}_{m}": values.get(m, "") for m in lab.modalities}
    if p.opinion:
        line |= {"doubt": p.opinion["doubt"], "conflict": p.opinion["conflict"], "refuses": p.opinion["refuses"]}
    line |= {f"answer_{question}": vote(answers)["label"] for question, answers in (p.auxiliary or {}).items()}
    return line | {"found": "" if p.found is None else p.found} | dict(zip(SIDES, p.box or ("",) * 4, strict=True))


def source_line(modality: str, kind: str, slot: Slot, pen: float, strokes: str = "strokes") -> str | None:
    """The Python expression of one medium; an upload is named as the visitor's own file, a drawing by the variable `strokes`."""
    if not slot.on or slot.source in ("none", "clip"):
        return None
    if slot.source == "drawing":
        return f"draw_{'picture' if kind == 'image' else 'clip'}({strokes}, thickness={pen})"
    written = {
        "text": repr(slot.text),
        "example": f"make_example({slot.example!r})[{modality!r}]",
        "file": repr(slot.name or "your-file"),
    }
    return written[slot.source]


def pad_names(used: Mapping[str, Slot], kinds: Mapping[str, str]) -> dict[str, str]:
    """{modality: variable that holds its strokes} of all pictures that are drawn, and of the first one: clips show it being drawn."""
    pictures = [m for m in used if kinds[m] == "image"]
    wanted = [m for i, m in enumerate(pictures) if i == 0 or (used[m].on and used[m].source == "drawing")]
    return {m: f"strokes_{i + 1}" if i else "strokes" for i, m in enumerate(wanted)}


def snippet(state: PageState, kinds: Mapping[str, str], pen: float = PEN) -> str:
    """Python that makes the same call as the page, with the modalities that the task has; `kinds` {modality: kind}."""
    used = {m: state.slots[m] for m in kinds}
    pads = pad_names(used, kinds)
    drawn_on = {m: pads.get(m, "strokes") for m in kinds}  # a clip is drawn on the first pad
    lines = {m: line for m, slot in used.items() if (line := source_line(m, kinds[m], slot, pen, drawn_on[m]))}
    sources = {slot.source for slot in used.values() if slot.on}
    code = ["import fusion"]
    if "example" in sources:
        code.append("from fusion.tasks.examples import EXAMPLES_OF")
    if "drawing" in sources:
        code += ["import numpy as np", "from fusion.tasks.digits.pen import draw_clip, draw_picture"]
    code += ["", f"lab = fusion.load({state.task!r})"]
    if "example" in sources:
        code.append(f"make_example = EXAMPLES_OF[{state.task!r}].make_example")
    if "drawing" in sources:
        for m, name in pads.items():
            code += [f"{name} = [  # x, y in [0, 1], seconds"]
            code += [f"    np.array({[list(p) for p in s]})," for s in used[m].strokes] + ["]"]
    code += ["inputs = {", *(f"    {m!r}: {line}," for m, line in lines.items()), "}"]
    for m, slot in used.items():
        if slot.on and slot.source == "clip":
            code.append(f"inputs[{m!r}] = inputs[{first_of('video', kinds)!r}]  # the clip's own sound")
    code.append(f"encoding = lab.encode(inputs, severity={state.severity!r})")
    code.append(f"prediction = lab.predict(encoding, strategy={state.strategy!r})")
    return "\n".join([*code, "print(prediction.label, prediction.confidence)"])
