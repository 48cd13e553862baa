"""Teacher and student side by side: linear probes on their vectors, none of which has seen a label of these classes.

    python -m fusion probes --data DIR --yamnet FILE        writes checkpoints/scenes/distilled.json

image   54 classes of Tiny-ImageNet (its own test split) and the 11 of the task, macro recall; the same ImageNet answer on whole photos
audio   ESC-10, its five folds; the 11 classes' sounds
text    share of each sentence's ten nearest neighbours that are the same (`python -m fusion distill text` measures it at the end)
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from fusion.config import CHECKPOINTS
from fusion.distill.teachers import YAMNet, image_classifier, image_maps, load_image_teacher, patches_of
from fusion.encoders.audio_mobilenet import AudioMobileNet
from fusion.encoders.base import collate
from fusion.encoders.image_efficientnet import ImageEfficientNet
from fusion.files import save_json
from fusion.model import load_encoder
from fusion.tasks.scenes.photos import read_photo
from fusion.tasks.scenes.sounds import read_sound
from fusion.tasks.scenes.sources import NONE, list_outside, list_photos, list_sounds
from fusion.tasks.scenes.task import ScenesTask

REGULARISATION = 0.003  # C of the probes
PER_CLASS = 60  # training pictures
Vectors = tuple[np.ndarray, np.ndarray]  # of the student, of the teacher


def probe(train: np.ndarray, labels: Sequence[int | str], test: np.ndarray, wanted: Sequence[int | str]) -> float:
    """Macro recall of a linear classifier."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=REGULARISATION, max_iter=300, class_weight="balanced"))
    predicted = model.fit(train, labels).predict(test)
    return round(float(recall_score(wanted, predicted, average="macro")), 4)


@torch.inference_mode()
def image_vectors(student: ImageEfficientNet, teacher: torch.nn.Module, paths: list[Path]) -> tuple[Vectors, float]:
    """Mean of the last maps of student and teacher, and how often both give the same of ImageNet's thousand answers."""
    classify = image_classifier(teacher)
    mine: list[Tensor] = []
    theirs: list[Tensor] = []
    same = 0
    for start in range(0, len(paths), 50):
        values, _ = collate([student.prepare(read_photo(p)) for p in paths[start : start + 50]])
        with torch.autocast("cpu", torch.bfloat16):
            mine.append(student.trunk(values).float().mean((2, 3)))
            theirs.append(image_maps(teacher, values).float().mean((2, 3)))
        same += int((classify(mine[-1]).argmax(-1) == classify(theirs[-1]).argmax(-1)).sum())
    return (torch.cat(mine).numpy(), torch.cat(theirs).numpy()), same / max(1, len(paths))


@torch.inference_mode()
def audio_vectors(student: AudioMobileNet, teacher: YAMNet, paths: list[Path]) -> Vectors:
    """Mean over each whole recording."""
    mine: list[Tensor] = []
    theirs: list[Tensor] = []
    for path in paths:
        mel, mask = collate([student.prepare(read_sound(path))])
        mine.append(student.hidden(mel, mask).mean(1)[0])
        theirs.append(teacher(patches_of(mel).flatten(0, 1))[0].mean(0))
    return torch.stack(mine).numpy(), torch.stack(theirs).numpy()


def both(measure: Callable[[int], float]) -> dict[str, float]:
    """A figure of the student (0) and of the teacher (1)."""
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
            model = make_pipeline(StandardScaler(), LogisticRegression(C=REGULARISATION * 10, max_iter=500))
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
    image = load_encoder(home / "encoders" / "image")
    audio = load_encoder(home / "encoders" / "audio")
    assert isinstance(image, ImageEfficientNet) and isinstance(audio, AudioMobileNet)
    text = home / "encoders" / "text" / "distilled.json"
    found = {
        "command": "python -m fusion probes --data DIR --yamnet FILE",
        "image": compare_images(data, image),
        "audio": compare_sounds(data, audio, yamnet),
        "text": json.loads(text.read_text()) if text.exists() else None,
    }
    save_json(home / "distilled.json", found)
    return found
