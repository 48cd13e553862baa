"""The numbers with which the evidence of a modality becomes probabilities of typed labels: `python -m fusion calibrate --task open`.

Label sets are drawn at random: the name of what a medium shows among others that it does not show, and sets without its name. Photos come
from outside/photos_other with ImageNet's names and from COCO where they show one kind of thing, sounds from ESC-10 with its names,
words are captions of COCO that mention one object.

    temperature     least cross-entropy on sets with the name (Guo 2017)
    threshold       from which on a medium more likely shows one of the labels than none, with its slope, by logistic regression
    coverage        as near as all but a tenth of the names are to their nearest other name

Clips have the numbers of photos: there are too few to fit their own.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from fusion.config import CHECKPOINTS
from fusion.encoders.text_minilm import TextMiniLM
from fusion.evaluation.typed_labels import Encoded
from fusion.files import save_json
from fusion.heads.label_readers import Calibration, LabelReader, NamedLabels, SentenceLabels
from fusion.lab import Lab
from fusion.label_space import CALIBRATION, NameTables
from fusion.tasks.open import sets
from fusion.tasks.open.task import OpenTask, names

START = {
    "image": Calibration(narrow=0.06, wide=1.0, softness=1.5),
    "audio": Calibration(),
    "text": Calibration(),
}
SIZES = (2, 3, 5, 10, 20)  # labels in a set
TEMPERATURES = np.geomspace(0.02, 8.0, 60)
UNCOVERED = 0.1  # share of the names that lie farther from their nearest neighbour than `coverage`
ALIKE = 0.6  # cosine above which a name is no wrong answer
SEED = 7


@dataclass(frozen=True)
class Shown:
    """Vectors (N, F) of media, and of the names of what they show (N, D)."""

    vectors: Tensor
    names: Tensor


def photos_shown(lab: Lab, words: TextMiniLM, data: Path) -> Shown:
    """Photos with a name of ImageNet, and photos of COCO with the one thing in them besides people."""
    named = [
        (path, path.stem.split("_", 1)[1].replace("_", " ")) for path in sorted(sets.need(data / "outside" / "photos_other").iterdir())
    ]
    for scene in sets.list_scenes(data):
        things = scene.objects - {"person"}
        if len(things) == 1:
            named.append((scene.path, min(things)))
    return Shown(Encoded(lab, "image", [path for path, _ in named]).vectors, words.vectors([name for _, name in named]))


def sounds_shown(lab: Lab, words: TextMiniLM, data: Path) -> Shown:
    items = sets.list_esc(data)[::2]
    return Shown(Encoded(lab, "audio", [item.path for item in items]).vectors, words.vectors([i.label.replace("_", " ") for i in items]))


def words_shown(words: TextMiniLM, data: Path) -> Shown:
    """Captions that mention one of the names of objects."""
    pairs = []
    for scene in sets.list_scenes(data):
        for caption in scene.captions:
            plain = f" {caption.lower().rstrip('.')} "
            mentioned = [name for name in scene.objects if f" {name} " in plain]
            if len(mentioned) == 1:
                pairs.append((caption, mentioned[0]))
    return Shown(words.vectors([caption for caption, _ in pairs]), words.vectors([name for _, name in pairs]))


def fit(shown: Shown, table: Tensor | None, pool: Tensor, start: Calibration) -> Calibration:
    """The calibration of a modality.

    Args:
        table: vectors (N, D) of the names it is known by; None for words.
        pool: vectors (P, D) of names from which wrong labels are drawn.
    """
    rng = np.random.default_rng(SEED)
    right: list[Tensor] = []
    reaches: list[tuple[float, bool]] = []
    for row in range(len(shown.vectors)):
        others = pool[(pool @ shown.names[row]) < ALIKE]
        count = int(rng.choice(SIZES))
        wrong = others[torch.tensor(rng.choice(len(others), count, replace=False))]
        named = torch.cat([shown.names[row : row + 1], wrong[1:]])
        for labels, holds in ((named, True), (wrong, False)):
            found = reader(labels, table, start).evidence(shown.vectors[row : row + 1])
            reaches.append((float(found.reach.max()), holds))
            if holds:
                right.append(found.logits[0])
    losses = [np.mean([-float((z / t).log_softmax(-1)[0]) for z in right]) for t in TEMPERATURES]
    x, y = np.array([[reach] for reach, _ in reaches]), np.array([holds for _, holds in reaches])
    line = LogisticRegression(C=100.0).fit(x, y)
    slope = float(line.coef_[0, 0])
    return replace(
        start,
        temperature=round(float(TEMPERATURES[int(np.argmin(losses))]), 4),
        threshold=round(-float(line.intercept_[0]) / slope, 4),
        slope=round(slope, 4),
        coverage=start.coverage if table is None else round(coverage_of(table), 4),
    )


def reader(labels: Tensor, table: Tensor | None, calibration: Calibration) -> LabelReader:
    return SentenceLabels(labels, calibration) if table is None else NamedLabels(labels, table, calibration)


def coverage_of(table: Tensor) -> float:
    """The cosine that all but a tenth of the names have to their nearest other name."""
    cosine = table @ table.T
    return float(cosine.fill_diagonal_(-1).amax(1).quantile(UNCOVERED))


@torch.inference_mode()
def run(data: Path, home: Path = CHECKPOINTS) -> dict[str, Any]:
    """Fits all modalities and writes calibration.json."""
    lab = Lab(OpenTask.name, "cpu", home)
    words = lab.encoders["text"]
    assert isinstance(words, TextMiniLM)
    folder = home / OpenTask.name
    tables = NameTables.load(folder)
    pools: dict[str, Tensor] = {kind: words.vectors(list(found)) for kind, found in names().items()}
    found = {
        "image": fit(photos_shown(lab, words, data), tables.vectors["image"], pools["image"], START["image"]),
        "audio": fit(sounds_shown(lab, words, data), tables.vectors["audio"], pools["audio"], START["audio"]),
        "text": fit(words_shown(words, data), None, pools["image"], START["text"]),
    }
    found["video"] = found["image"]
    report = {
        "command": f"python -m fusion calibrate --task {OpenTask.name} --data DIR",
        "modalities": {m: asdict(found[m]) for m in lab.modalities},
    }
    save_json(folder / CALIBRATION, report)
    return report
