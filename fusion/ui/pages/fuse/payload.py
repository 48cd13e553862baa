"""What the browser gets of an answer: what is looked at now. The rest is sent when somebody looks at it (`details`).

marks      {modality: name of its medium, corruption and encoder}: of a mark that the browser holds, medium and panel are not sent again
attention  the maps of the chosen strategy; of all others only between which modalities there are maps
place      mask and attention over the picture likewise; whether and where it is found comes with every strategy
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fusion.messages import message
from fusion.types import Prediction
from fusion.ui.pages.fuse import encoder_view, export, previews, strategy_rows
from fusion.ui.pages.fuse.localization import place
from fusion.ui.service import Answer, TaskService

EXPORTS = {"json": export.as_json, "csv": export.as_csv}


def result(service: TaskService, answer: Answer, strategy: str, held: Collection[str] = ()) -> dict[str, Any]:
    """All views' data; `strategy` is the one that is looked at, `held` the marks that the browser has already."""
    lab, chosen = service.lab, service.strategy(strategy)
    rows = strategy_rows.rows(lab, answer.predictions)
    for row in rows:
        if row["name"] == chosen and row["place"] is not None:
            row["place"] = place(answer.predictions[chosen])
    new = [m for m in answer.media if answer.marks.get(m) not in held]
    return {
        "status": {"kind": "ok", "notes": [message(note).to_json() for note in answer.notes]},
        "labels": list(lab.labels),
        "strategies": rows,
        "tally": strategy_rows.tally(rows),
        "out_of_distribution": strategy_rows.out_of_distribution(rows),
        "modalities": strategy_rows.modalities(lab, answer.encoder_views),
        "encode_seconds": sum(s.seconds for s in answer.encoder_views.values()),
        "marks": answer.marks,
        "media": {m: preview(service, answer, m) for m in new},
        "encoder_views": {m: panel(service, answer, m) for m in new},
        "attention": {name: encoder_view.attention(p, full=name == chosen) for name, p in answer.predictions.items() if p.attention},
        "answer": answer.mark,
    }


def preview(service: TaskService, answer: Answer, modality: str) -> Any:
    """A medium as the browser shows it, made once."""
    return service.cache.remember(("preview", answer.marks[modality]), lambda: previews.preview(modality, answer.media[modality]))


def panel(service: TaskService, answer: Answer, modality: str) -> dict[str, Any]:
    """What its encoder saw, made once."""
    colour = modality in ("image", "video") and not strategy_rows.draws(service.lab.task)
    key = ("panel", answer.marks[modality])
    made: dict[str, Any] = service.cache.remember(
        key, lambda: encoder_view.panel(answer.encoder_views[modality], answer.media[modality], colour)
    )
    return made


def details(prediction: Prediction) -> dict[str, Any]:
    """What only the views of one strategy draw: {"attention", "place"}, None where it has none."""
    return {"attention": encoder_view.attention(prediction, full=True) if prediction.attention else None, "place": place(prediction)}
