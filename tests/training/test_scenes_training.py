"""How the task `scenes` is measured: media of none of the classes, probes, test captions, cards."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fusion.cards.markdown import between
from fusion.distill import text
from fusion.evaluation.probes import probe
from fusion.evaluation.unimodal_test_sets import measure_single
from fusion.lab import Lab
from fusion.model import Fused
from fusion.tasks.scenes.captions import leaks
from fusion.tasks.scenes.sources import LABELS
from fusion.tasks.scenes.test_sets import named
from fusion.types import Features, FusionOutput


def test_none_has_a_confidence_and_classes_have_recalls() -> None:
    """A baseline that reads the class off a picture's first pixel and is unsure of dark ones."""

    class Encoder:
        def prepare(self, medium: np.ndarray) -> SimpleNamespace:
            return SimpleNamespace(values=torch.from_numpy(medium[0, :1, 0].astype(np.float32))[:, None])

        def __call__(self, values: torch.Tensor, mask: torch.Tensor) -> Features:
            pooled = values[:, 0]
            return Features(values, mask, pooled, mask.float())

    class Model:
        def fuse(self, features: dict, present: torch.Tensor) -> Fused:
            value = features["image"].pooled[:, 0]
            logits = torch.nn.functional.one_hot(value.long() % 11, 11) * (value > 100)[:, None] * 20.0
            return Fused(FusionOutput(value[:, None]), logits)

    lab = SimpleNamespace(
        models={"image_only": Model()},
        encoders={"image": Encoder()},
        device="cpu",
        labels=LABELS,
        open_set=SimpleNamespace(scores=lambda features: features["image"].pooled[:, 0], known=lambda value: value > 100),
    )
    bright, dark = (np.full((2, 2, 3), v, np.uint8) for v in (121, 7))  # 121 % 11 is 0: a dog
    found = measure_single(lab, "image", [(bright, 0), (bright, 0), (bright, 3), (dark, 7)])
    assert found["by_class"] == {"dog": 1.0, "cow": 0.0, "sea": 0.0} and found["called_none"] == 0.25
    none = measure_single(lab, "image", [(bright, -1), (dark, -1)])
    assert none == {"confidence": pytest.approx((1 + 1 / 11) / 2, abs=1e-3), "samples": 2, "called_none": 0.5}


def test_half_of_the_test_captions_do_without_the_word() -> None:
    told = ["a dog runs", "the dog", "a puppy", "barking", "dogs", "my dog"]
    kept = named(told, 0)
    assert kept == ["a dog runs", "the dog"] and all(leaks(t, 0) for t in kept)


def test_a_probe_reads_what_is_linear() -> None:
    x = np.random.default_rng(0).normal(size=(300, 6))
    label = [int(v) for v in (x[:, 0] + x[:, 1] > 0)]
    assert probe(x[:200], label[:200], x[200:], label[200:]) > 0.9
    assert probe(x[:200, 2:], label[:200], x[200:, 2:], label[200:]) < 0.65


def test_phrases_become_a_classifier_in_the_space_of_the_teacher() -> None:
    """The teacher's space is a known linear map of the student's: the phrase itself is then its own nearest."""
    torch.manual_seed(0)
    student = text.TextBERT(vocabulary=("[UNK]", *"abcdefgh"), phrases=(("a b", "c"), ("d e f",))).eval()
    to_teacher = torch.randn(128, 384) / 12
    sentences = [" ".join(row) for row in np.random.default_rng(0).choice(list("abcdefgh"), (400, 4))] + ["a b", "c", "d e f"]
    with torch.no_grad():
        values, mask = text.collate([student.prepare(s) for s in sentences])
        vectors = student.sentence(student.hidden(values, mask), mask) @ to_teacher
        vectors = torch.nn.functional.normalize(vectors - vectors.mean(0), dim=-1)
        text.name_concepts(student, sentences, vectors, vectors[-3:])
        found = [student.concepts.probs(student.sentence(student.hidden(*x), x[1])).argmax().item() for x in
                 (text.collate([student.prepare(s)]) for s in sentences[-3:])]  # fmt: skip
    assert found == [0, 1, 2]


def test_marks_of_the_readme() -> None:
    assert between("a <x> old </x> b", "<x>", "</x>", "new") == "a <x>\nnew\n</x> b"
    assert between("no marks", "<x>", "</x>", "new") == "no marks"


def test_a_lab_without_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no trained weights"):
        Lab("scenes", "cpu", tmp_path)
