"""Photos, sounds and clips that come from nowhere near the training data: how often each modality alone is right, and notices none.

    python -m fusion outside DIR [BLIND]        DIR/{photos,sounds,clips}/{dog,cat,...,none}/PACKAGE_NAME.*

BLIND is another such folder, of files that were collected when everything had been chosen.
The files lie in packages of Debian and PyPI (examples, wallpapers, games, stamps of a drawing program) and were sorted by hand; what comes
before the first underscore of a name is the package. Names that begin with `cut_` are animals cut out on white. None of them ever trained
anything. Writes checkpoints/scenes/outside.json.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from fusion.config import CHECKPOINTS
from fusion.files import save_json
from fusion.lab import Lab
from fusion.tasks.scenes.task import ScenesTask

KINDS = {"photos": "image", "sounds": "audio", "clips": "video"}


def package_of(path: Path) -> str:
    return path.name.removeprefix("cut_").split("_")[0]


def measure(lab: Lab, files: list[tuple[Path, str]], modality: str) -> dict[str, Any]:
    """Files with the name of their class, "none" for those of no class."""
    rows = [(label, lab.predict({modality: str(path)}, f"{modality}_only")) for path, label in files]
    named = [(label, p) for label, p in rows if label != "none"]
    others = [p for label, p in rows if label == "none"]
    by_class = {k: [p.label == label for label, p in named if label == k] for k in dict.fromkeys(label for label, _ in named)}
    found: dict[str, Any] = {
        "files": len(named),
        "accuracy": round(float(np.mean([r for right in by_class.values() for r in right])), 4) if named else None,
        "recall": round(float(np.mean([np.mean(right) for right in by_class.values()])), 4) if named else None,
        "classes": {k: [sum(right), len(right)] for k, right in by_class.items()},
        "accepted": round(float(np.mean([p.known for _, p in named])), 4) if named else None,
        "none": len(others),
        "noticed": round(float(np.mean([not p.known for p in others])), 4) if others else None,
    }
    if named and others:
        sure = [max(p.probs.values()) for _, p in rows]
        found["auroc"] = round(float(roc_auc_score([label != "none" for label, _ in rows], sure)), 4)
    return found


def run(folder: Path, blind: Path | None = None, home: Path = CHECKPOINTS) -> dict[str, Any]:
    lab = Lab(ScenesTask.name, "cpu", home)
    report: dict[str, Any] = {
        "command": "python -m fusion outside DIR BLIND",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "packages": {},
    }
    for end, root in {"": folder, "_blind": blind}.items():
        for kind, modality in KINDS.items():
            files = [(p, p.parent.name) for p in sorted(root.glob(f"{kind}/*/*"))] if root else []
            if not files:
                continue
            report["packages"][kind + end] = dict(sorted(Counter(package_of(p) for p, _ in files).items()))
            report[kind + end] = measure(lab, files, modality)
            uncut = [(p, label) for p, label in files if not p.name.startswith("cut_")]
            if len(uncut) < len(files) and not end:
                report[f"{kind}_without_cut_outs"] = measure(lab, uncut, modality)
    save_json(home / ScenesTask.name / "outside.json", report)
    return report
