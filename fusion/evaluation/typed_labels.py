"""How well typed labels are told apart, and what the numbers of their calibration are.

    python -m fusion calibrate --task open --data DIR       writes checkpoints/open/calibration.json
    python -m fusion evaluate --task open --data DIR        writes checkpoints/open/report.json

    typed       ten typed names on photos, ten on sounds; the same with other wordings of these names
    coco        80 names of objects: is the likeliest one, or one of the five likeliest, in the photo; which photo a caption is of
    esc10       the names of ESC-10, by folds; the encoder of the sounds was distilled on them, without their names
    none        how well what shows none of the typed names is told from what shows one (AUROC)
    fusion      strategies on photos and sounds that share a typed name, and nothing else

Each floor stands beside what was reached.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from fusion.config import CHECKPOINTS
from fusion.encoders.text_minilm import TextMiniLM
from fusion.files import save_json
from fusion.heads.label_readers import NamedLabels
from fusion.lab import Lab
from fusion.strategies.zero_shot import REACHED
from fusion.tasks.open import sets
from fusion.tasks.open.task import OpenTask
from fusion.types import Features

FLOORS = {
    "typed photos": 0.90,
    "typed sounds": 0.833,
    "coco top-1": 0.50,
    "coco top-5": 0.78,
    "caption to photo, recall at 10": 0.65,
    "esc10": 0.70,
    "none, photos": 0.85,
    "none, sounds": 0.85,
}
MOST_LOST = 0.10  # recall that other wordings may cost
SEED = 2026


class Encoded:
    """The vectors (N, F) of media of one modality."""

    def __init__(self, lab: Lab, modality: str, paths: Sequence[Path | str]) -> None:
        self.modality = modality
        rows = [lab.encode({modality: str(path)}).features[modality].pooled[0] for path in paths]
        self.vectors = torch.stack(rows)

    def features(self, rows: Tensor | None = None) -> dict[str, Features]:
        vectors = self.vectors if rows is None else self.vectors[rows]
        ones = torch.ones(len(vectors), 1)
        return {self.modality: Features(vectors[:, None], ones.bool(), vectors, ones)}


@torch.inference_mode()
def answers(lab: Lab, features: dict[str, Features], strategy: str) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities (N, K), and log-odds (N,) that it is one of the labels."""
    model = lab.models[strategy]
    rows = len(next(iter(features.values())).pooled)
    present = torch.tensor([m in features for m in model.strategy.modalities]).expand(rows, -1)
    fused = model.fuse({m: f for m, f in features.items() if m in model.strategy.modalities}, present)
    assert fused.output.auxiliary is not None
    return fused.logits.log_softmax(-1).numpy(), fused.output.auxiliary[REACHED][:, 0].numpy()


def macro_recall(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the labels that occur of the share that is right."""
    right = scores.argmax(1) == labels
    return float(np.mean([right[labels == k].mean() for k in np.unique(labels)]))


def measure_typed(
    lab: Lab, encoded: Encoded, none: Encoded, items: list[sets.Item], names: Mapping[str, tuple[tuple[str, ...], Any]]
) -> dict[str, Any]:
    """Recall with the names as typed and with each other wording, and the AUROC of "none of these"."""
    order = list(names)
    labels = np.array([order.index(item.label) for item in items])
    strategy = f"{encoded.modality}_only"
    typed = lab.with_labels(order)
    scores, known = answers(typed, encoded.features(), strategy)
    _, unknown = answers(typed, none.features(), strategy)
    others = []
    for number in range(2):
        wording = [names[name][0][number] for name in order]
        others.append(macro_recall(answers(lab.with_labels(wording), encoded.features(), strategy)[0], labels))
    truth = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    return {
        "labels": order,
        "recall": macro_recall(scores, labels),
        "by_label": {name: float((scores[labels == k].argmax(1) == k).mean()) for k, name in enumerate(order)},
        "other_wordings": others,
        "samples": len(items),
        "none_auroc": float(roc_auc_score(truth, np.r_[known, unknown])),
        "none_samples": len(unknown),
        "accepted": float((known >= 0).mean()),
        "noticed": float((unknown < 0).mean()),
    }


def measure_scenes(lab: Lab, encoded: Encoded, scenes: list[sets.Scene]) -> dict[str, Any]:
    """COCO's 80 names, and from a caption to its photo."""
    scores, _ = answers(lab.with_labels(sets.OBJECTS), encoded.features(), "image_only")
    order = np.argsort(-scores, axis=1)
    shown = np.array([[name in scene.objects for name in sets.OBJECTS] for scene in scenes])
    hits = np.take_along_axis(shown, order[:, :5], 1)
    captions = [(caption, row) for row, scene in enumerate(scenes) for caption in scene.captions]
    ranks = caption_ranks(lab, encoded, captions)
    return {
        "top1": float(hits[:, 0].mean()),
        "top5": float(hits.any(1).mean()),
        "recall_at_10": float((ranks < 10).mean()),
        "photos": len(scenes),
        "captions": len(captions),
    }


@torch.inference_mode()
def caption_ranks(lab: Lab, encoded: Encoded, captions: list[tuple[str, int]]) -> np.ndarray:
    """How many photos fit each caption better than its own (C,); a photo's evidence is compared with what it says of all captions."""
    reader = lab.encoders["text"]
    named = lab.models["image_only"].strategy.get_submodule("readers.image")
    assert isinstance(reader, TextMiniLM)
    assert isinstance(named, NamedLabels)
    vectors = reader.vectors([caption for caption, _ in captions])
    found = NamedLabels(vectors, named.names, named.calibration).evidence(encoded.vectors).logits  # (photos, captions)
    rows = torch.tensor([row for _, row in captions])
    own = found[rows, torch.arange(len(captions))]
    return (found > own).sum(0).numpy()


def measure_folds(lab: Lab, encoded: Encoded, items: list[sets.Item]) -> dict[str, Any]:
    """ESC-10's own names."""
    order = sorted({item.label for item in items})
    scores, _ = answers(lab.with_labels([name.replace("_", " ") for name in order]), encoded.features(), "audio_only")
    labels = np.array([order.index(item.label) for item in items])
    parts = np.array([item.part for item in items])
    by_fold = {str(part): macro_recall(scores[parts == part], labels[parts == part]) for part in np.unique(parts)}
    return {"recall": float(np.mean(list(by_fold.values()))), "by_fold": by_fold, "samples": len(items)}


def measure_fusion(lab: Lab, photos: Encoded, pictures: list[sets.Item], sounds: Encoded, noises: list[sets.Item]) -> dict[str, Any]:
    """Every strategy on pairs of a photo and a sound that share a name, among all typed names of both sets."""
    names = sorted({item.label for item in pictures} | {item.label for item in noises})
    rng = np.random.default_rng(SEED)
    shared = sorted({item.label for item in pictures} & {item.label for item in noises})
    pairs = [(i, k) for name in shared for i, k in _pairs(name, pictures, noises, rng)]
    first, second = (torch.tensor(rows) for rows in zip(*pairs, strict=True))
    features = photos.features(first) | sounds.features(second)
    labels = np.array([names.index(pictures[i].label) for i, _ in pairs])
    typed = lab.with_labels(names)
    found = {}
    for strategy in (*typed.strategies, "image_only", "audio_only"):
        found[strategy] = macro_recall(answers(typed, features, strategy)[0], labels)
    return {"recall": found, "pairs": len(pairs), "labels": names, "note": "Photo and sound of a pair share the name only."}


def _pairs(name: str, pictures: list[sets.Item], noises: list[sets.Item], rng: np.random.Generator) -> list[tuple[int, int]]:
    photos = [i for i, item in enumerate(pictures) if item.label == name]
    sounds = [i for i, item in enumerate(noises) if item.label == name]
    return [(i, int(rng.choice(sounds))) for i in photos]


def run(data: Path, out: Path | None = None, home: Path = CHECKPOINTS) -> dict[str, Any]:
    """Measures, and writes report.json."""
    lab = Lab(OpenTask.name, "cpu", home)
    pictures, noises, scenes, folds = sets.list_photos(data), sets.list_sounds(data), sets.list_scenes(data), sets.list_esc(data)
    photos = Encoded(lab, "image", [item.path for item in pictures])
    sounds = Encoded(lab, "audio", [item.path for item in noises])
    typed = {
        "photos": measure_typed(lab, photos, Encoded(lab, "image", sets.other_photos(data)), pictures, sets.PHOTOS),
        "sounds": measure_typed(lab, sounds, Encoded(lab, "audio", sets.other_sounds(data)), noises, sets.SOUNDS),
    }
    coco = measure_scenes(lab, Encoded(lab, "image", [scene.path for scene in scenes]), scenes)
    esc = measure_folds(lab, Encoded(lab, "audio", [item.path for item in folds]), folds)
    reached = {
        "typed photos": typed["photos"]["recall"],
        "typed sounds": typed["sounds"]["recall"],
        "coco top-1": coco["top1"],
        "coco top-5": coco["top5"],
        "caption to photo, recall at 10": coco["recall_at_10"],
        "esc10": esc["recall"],
        "none, photos": typed["photos"]["none_auroc"],
        "none, sounds": typed["sounds"]["none_auroc"],
    }
    floors = {name: {"floor": floor, "reached": round(reached[name], 4)} for name, floor in FLOORS.items()}
    for kind, found in typed.items():
        floors[f"other wordings, {kind}"] = {
            "floor": round(found["recall"] - MOST_LOST, 4),
            "reached": round(min(found["other_wordings"]), 4),
        }
    report = {
        "task": OpenTask.name,
        "command": f"python -m fusion evaluate --task {OpenTask.name} --data DIR",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "floors": floors,
        "typed": typed,
        "coco": coco,
        "esc10": esc,
        "fusion": measure_fusion(lab, photos, pictures, sounds, noises),
    }
    save_json((out or home / OpenTask.name) / "report.json", _rounded(report))
    return report


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value
