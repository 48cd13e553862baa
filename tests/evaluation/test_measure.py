"""The figures of the reports, on answers that are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, recall_score
from torch.nn import functional as F

from fusion.evaluation.evaluate import measure_shapley, robustness
from fusion.evaluation.measure import Answers, answer, area, metrics, place_metrics, pointing, summary
from fusion.heads.localization import Location, question_attention
from fusion.model import Fused
from fusion.tasks import TASKS
from fusion.types import MODALITIES, Features, FusionOutput
from tests.training.test_data import make_cache


class Reader:
    """Reads the digit off the pooled vector (it is the sample's number) of the first modality it is given."""

    strategy = SimpleNamespace(modalities=MODALITIES, fuses="embeddings")

    def fuse(self, features, present, need_attention=False) -> Fused:
        first = next(iter(features.values())).pooled[:, 0].long() % 10
        return Fused(FusionOutput(torch.zeros(len(first), 1), weights=present / present.sum(-1, keepdim=True)), F.one_hot(first, 10) * 20.0)


@pytest.mark.parametrize("subset", [("image",), ("text", "audio"), MODALITIES])
def test_answer_sees_the_subset_and_knows_the_label(subset: tuple[str, ...]) -> None:
    found = answer(Reader(), TASKS["digits"], make_cache(), subset)
    assert metrics(found.probs, found.label)["accuracy"] == 1.0
    assert found.weights == pytest.approx({m: (m in subset) / len(subset) for m in MODALITIES})


def test_answer_in_digits_add_is_the_sum_of_two_samples() -> None:
    """Who only reads a is right where b is 0, which is in a tenth of all pairs."""
    found = answer(Reader(), TASKS["digits-add"], make_cache(), MODALITIES)
    right = (found.probs.argmax(-1) == found.label).float().mean()
    assert 0 <= right < 0.3 and not torch.equal(found.label, torch.arange(60) % 10)


def test_metrics_are_those_of_scikit_learn() -> None:
    probs, labels = torch.rand(200, 10).softmax(-1), torch.arange(200) % 10
    found = metrics(probs, labels)
    guess = probs.argmax(-1)
    assert found["accuracy"] == pytest.approx(float((guess == labels).float().mean()), abs=1e-5)
    assert found["recall"] == pytest.approx(recall_score(labels, guess, average="macro", zero_division=0), abs=1e-5)
    assert found["f1"] == pytest.approx(f1_score(labels, guess, average="macro", zero_division=0), abs=1e-5)


def test_calibration_error_of_the_sure_and_half_right_is_one_half() -> None:
    probs = F.one_hot(torch.zeros(100, dtype=torch.long), 10).float()
    assert metrics(probs, torch.arange(100) % 2)["calibration_error"] == pytest.approx(0.5, abs=1e-5)


def test_area() -> None:
    assert area([0.7] * 6) == pytest.approx(0.7) and area([1, 0.8, 0.6, 0.4, 0.2, 0]) == pytest.approx(0.5)


def test_robustness_is_measured_against_late() -> None:
    severity = {f"all-{k}": {"late": {"accuracy": 0.5}, "early": {"accuracy": 0.6}} for k in range(6)}
    assert robustness(severity, ["late", "early"])["early"] == {"area": 0.6, "excess_over_late": 0.1}


def test_summary() -> None:
    assert summary([1.0, 2.0, 3.0]) == {"mean": 2.0, "deviation": 1.0, "each": [1.0, 2.0, 3.0]}


def test_place_metrics_by_hand() -> None:
    """Four samples: exact, half beside, far off, and one where nothing is there and the model says so."""
    box = torch.tensor([[0.2, 0.2, 0.4, 0.4]] * 4)
    said = torch.tensor([[0.2, 0.2, 0.4, 0.4], [0.25, 0.2, 0.45, 0.4], [0.7, 0.7, 0.9, 0.9], [0, 0, 1, 1]])
    mask = torch.zeros(4, 48, 48, dtype=torch.uint8)
    mask[:, :24] = 255
    drawn = torch.full((4, 48, 48), -1.0)
    drawn[:, :12] = 1.0
    placed = Location(said, torch.tensor([1.0, 1.0, -1.0, -1.0]), drawn, None)
    targets = {"found": torch.tensor([True, True, True, False]), "box": box, "mask": mask}
    found = place_metrics(Answers(torch.zeros(4, 10), torch.zeros(4), None, placed, targets, torch.tensor([True, False, False, True])))
    assert found["iou"] == pytest.approx((1 + 0.6 + 0) / 3, abs=1e-4)
    assert found["centre_inside"] == pytest.approx(2 / 3, abs=1e-4) and found["pointing"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["mask_iou"] == pytest.approx(0.5) and found["found_accuracy"] == 0.75 and found["absent_noticed"] == 1.0


def test_pointing_takes_the_peak_of_what_the_question_attention_at() -> None:
    """Sample 0 asks by text (cell 13) and audio (13), sample 1 by text alone; clip, padding and the picture's own questions are ignored."""
    mask = {m: torch.ones(2, 4, dtype=torch.bool) for m in MODALITIES}
    features = {m: Features(torch.zeros(2, 4, 1), mask[m], torch.zeros(2, 1), torch.ones(2, 4)) for m in MODALITIES}
    features["text"].mask[:, 2:] = False
    maps = {(q, "image"): torch.full((2, 2, 3, 4, 144), 0.5 / 143) for q in ("text", "audio", "video")}
    for a in maps.values():
        a[..., 13] = 0.5
    maps["text", "image"][..., 2:, :] = F.one_hot(torch.tensor(40), 144).float()
    maps["video", "image"] = F.one_hot(torch.tensor(77), 144).float().expand(2, 2, 3, 4, 144)
    maps["image", "text"] = torch.rand(2, 2, 3, 144, 4)
    there = {"image": [True, True], "text": [True, True], "audio": [True, False], "video": [False, False]}
    look = question_attention(maps, features, {m: torch.tensor(v) for m, v in there.items()})
    torch.testing.assert_close(look.sum(1), torch.ones(2))
    torch.testing.assert_close(look[:, 13], torch.full((2,), 0.5))
    around = torch.tensor([[1 / 12, 1 / 12, 2 / 12, 2 / 12]] * 2)
    assert pointing(look, around, 12).tolist() == [True, True] and pointing(look, around + 0.5, 12).tolist() == [False, False]
    nobody = question_attention(maps, features, {m: torch.zeros(2, dtype=torch.bool) for m in MODALITIES})
    assert (nobody == 0).all()


def test_shapley_of_a_sum_that_needs_both_sides() -> None:
    """Accuracy 1 with one of (image, video) and one of (text, audio), chance otherwise: equal shares, nothing but interaction."""
    table = {}
    for number in range(1, 16):
        given = [m for i, m in enumerate(MODALITIES) if number >> i & 1]
        whole = {"image", "video"} & set(given) and {"text", "audio"} & set(given)
        table["+".join(given)] = {"accuracy": 1.0 if whole else 0.1}
    found = measure_shapley({"early": table}, TASKS["digits-add"])["early"]
    assert found["values"] == pytest.approx(dict.fromkeys(MODALITIES, 0.225)) and found["interaction_share"] == 1.0
    assert np.isclose(sum(found["values"].values()), 0.9)
