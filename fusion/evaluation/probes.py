"""Teacher and student side by side: linear probes on their vectors, none of which has seen a label of these classes.

    python -m fusion probes --data DIR --yamnet FILE        writes checkpoints/scenes/distilled.json

image   54 classes of Tiny-ImageNet (its own test split) and the 11 of the task, macro recall; the same ImageNet answer on whole photos
audio   ESC-10, its five folds; the 11 classes' sounds
text    share of each sentence's ten nearest neighbours that are the same (`python -m fusion distill text` measures it at the end)
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusion.config import CHECKPOINTS
from fusion.distill.teachers import YAMNet, image_maps, load_image_teacher, patches_of
from fusion.encoders.audio_mobilenet import AudioMobileNet
from fusion.encoders.base import collate
from fusion.encoders.image_efficientnet import ImageEfficientNet
from fusion.files import save_json
from fusion.model import load_encoder
from fusion.tasks.scenes.photos import read_photo
from fusion.tasks.scenes.sounds import read_sound
from fusion.tasks.scenes.sources import NONE, list_outside, list_photos, list_sounds
from fusion.tasks.scenes.task import ScenesTask

SHARPNESS, PER_CLASS = 0.003, 60  # of the probes' regularisation; training pictures of each class
Vectors = tuple[np.ndarray, np.ndarray]  # of the student, of the teacher


def probe(train: np.ndarray, labels: list, test: np.ndarray, wanted: list) -> float:
    """Macro recall of a linear classifier."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=SHARPNESS, max_iter=300, class_weight="balanced"))
    return round(float(recall_score(wanted, model.fit(train, labels).predict(test), average="macro")), 4)


@torch.inference_mode()
def image_vectors(student: ImageEfficientNet, teacher: torch.nn.Module, paths: list[Path]) -> tuple[Vectors, float]:
    """Mean of the last maps, and how often both give the same of ImageNet's thousand answers."""
    found, same = [], 0
    for start in range(0, len(paths), 50):
        values = collate([student.prepare(read_photo(p)) for p in paths[start : start + 50]])[0]
        with torch.autocast("cpu", torch.bfloat16):
            mine, theirs = student.trunk(values).float().mean((2, 3)), image_maps(teacher, values).float().mean((2, 3))
        same += int((teacher._fc(mine).argmax(-1) == teacher._fc(theirs).argmax(-1)).sum())
        found.append((mine, theirs))
    return tuple(torch.cat(part).numpy() for part in zip(*found, strict=True)), same / max(1, len(paths))


@torch.inference_mode()
def audio_vectors(student: AudioMobileNet, teacher: YAMNet, paths: list[Path]) -> Vectors:
    """Mean over each whole recording."""
    mine, theirs = [], []
    for path in paths:
        prepared = student.prepare(read_sound(path))
        mel, mask = collate([prepared])
        mine.append(student.hidden(mel, mask).mean(1)[0])
        theirs.append(teacher(patches_of(mel).flatten(0, 1))[0].mean(0))
    return torch.stack(mine).numpy(), torch.stack(theirs).numpy()


def both(measure: Callable[[int], float]) -> dict[str, float]:
    return {"student": measure(0), "teacher": measure(1)}


def compare_images(data: Path, student: ImageEfficientNet) -> dict[str, dict[str, float] | float]:
    teacher = load_image_teacher()
    kinds: dict[str, list[Path]] = {}
    for wnid in sorted(p.name for p in (data / "tiny-imagenet-200" / "train").iterdir()):
        kinds[wnid] = sorted((data / "tiny-imagenet-200" / "train" / wnid / "images").iterdir())[:PER_CLASS]
    lines = [line.split("\t") for line in (data / "tiny-imagenet-200" / "val" / "val_annotations.txt").read_text().splitlines()]
    tests = [(data / "tiny-imagenet-200" / "val" / "images" / name, wnid) for name, wnid, *_ in lines][::2]
    names = [w for w, paths in kinds.items() for _ in paths]
    train, _ = image_vectors(student, teacher, [p for paths in kinds.values() for p in paths])
    test, _ = image_vectors(student, teacher, [p for p, _ in tests])
    wanted = [w for _, w in tests]
    label = {i.kind: i.label for i in list_photos(data, "val") if i.origin == "tiny-imagenet" and i.label != NONE}
    ours, theirs = ([k for k, w in enumerate(those) if w in label] for those in (names, wanted))
    whole, same = image_vectors(student, teacher, [i.path for i in list_outside(data, "photos")])
    return {
        "tiny_imagenet_54": both(lambda i: probe(train[i], names, test[i], wanted)),
        "scenes_11": both(
            lambda i: probe(train[i][ours], [label[names[k]] for k in ours], test[i][theirs], [label[wanted[k]] for k in theirs])
        ),
        "same_answer_on_whole_photos": round(same, 4),
    }


def compare_sounds(data: Path, student: AudioMobileNet, yamnet: Path) -> dict[str, dict[str, float]]:
    teacher = YAMNet(yamnet)
    with (data / "esc50" / "meta" / "esc50.csv").open() as file:
        rows = list(csv.DictReader(file))
    vectors = audio_vectors(student, teacher, [data / "esc50" / "audio" / r["filename"] for r in rows])
    names, folds = [r["category"] for r in rows], np.array([r["fold"] for r in rows])

    def five_folds(i: int) -> float:
        right = 0
        for fold in sorted(set(folds)):
            kept, held = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            model = make_pipeline(StandardScaler(), LogisticRegression(C=SHARPNESS * 10, max_iter=500))
            model.fit(vectors[i][kept], [names[k] for k in kept])
            right += int((model.predict(vectors[i][held]) == np.array(names)[held]).sum())
        return round(right / len(names), 4)

    parts = {s: [x for x in list_sounds(data, s) if x.label != NONE] for s in ("train", "test")}
    found = {s: audio_vectors(student, teacher, [x.path for x in items]) for s, items in parts.items()}
    labels = {s: [x.label for x in items] for s, items in parts.items()}
    return {
        "esc10_five_folds": both(five_folds),
        "scenes_11": both(lambda i: probe(found["train"][i], labels["train"], found["test"][i], labels["test"])),
    }


def run(data: Path, yamnet: Path, home: Path = CHECKPOINTS / ScenesTask.name) -> dict[str, object]:
    encoders = {m: load_encoder(home / "encoders" / m) for m in ("image", "audio")}
    text = home / "encoders" / "text" / "distilled.json"
    found = {
        "command": "python -m fusion probes --data DIR --yamnet FILE",
        "image": compare_images(data, encoders["image"]),
        "audio": compare_sounds(data, encoders["audio"], yamnet),
        "text": json.loads(text.read_text()) if text.exists() else None,
    }
    save_json(home / "distilled.json", found)
    return found
