"""A few photos of ordinary size with boxes around their objects: the only sharp training pictures besides cats and dogs.

    outside/coco_mini/{*.jpg, captions.json}     COCO, licence by photo, mostly non-commercial; there may be none

Boxes of a class are pictures of the class. Photos whose boxes and captions show no class are pictures of none, as a whole and box by box.
"""

from __future__ import annotations

import json
from pathlib import Path

from fusion.tasks.scenes.captions import label_of
from fusion.tasks.scenes.sources import NONE, Item
from fusion.tasks.scenes.task import LABELS

NAMES = {"dog": "dog", "cat": "cat", "bird": "bird", "cow": "cow", "sheep": "sheep", "clock": "clock", "umbrella": "rain"}
LEAST = 48  # pixels of the shorter side of a box
MARGIN = 0.1  # margin around a box, as a share of its sides


def list_coco(data: Path) -> list[Item]:
    """Training pictures, each a photo or a box (left, top, right, bottom) of one in pixels."""
    folder = Path(data) / "outside" / "coco_mini"
    about = json.loads((folder / "captions.json").read_text()) if (folder / "captions.json").exists() else {}
    items = []
    for name, photo in sorted(about.items()):
        path = folder / name
        boxes = [(o["name"], [v * photo["scale"] for v in o["box"]]) for o in photo["objects"]]
        boxes = [(kind, box) for kind, box in boxes if min(box[2:]) >= LEAST]
        other = all(o["name"] not in NAMES for o in photo["objects"]) and all(label_of(c) == NONE for c in photo["captions"])
        if other:
            items.append(Item(path, NONE, "coco", "photo"))
        for kind, (x, y, w, h) in boxes:
            label = LABELS.index(NAMES[kind]) if kind in NAMES else NONE
            if label != NONE or other:
                around = (x - MARGIN * w, y - MARGIN * h, x + (1 + MARGIN) * w, y + (1 + MARGIN) * h)
                items.append(Item(path, label, "coco", kind, tuple(max(0, round(v)) for v in around)))
    return [i for i in items if i.path.exists()]
