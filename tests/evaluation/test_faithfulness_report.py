"""Explanations are judged by what they order, known here by construction."""

import numpy as np
import pytest

from fusion.evaluation import faithfulness as faithful
from fusion.explain import kept_function
from fusion.lab import Lab
from fusion.tasks import TASKS
from fusion.tasks.digits.examples import make_medium
from fusion.tasks.digits.task import DigitsTask
from tests.tiny import make_checkpoints


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Lab:
    return Lab("digits", "cpu", make_checkpoints(tmp_path_factory.mktemp("checkpoints")))


def by_effect(lab, encoded, name, label) -> dict[str, np.ndarray]:
    """What the answer's probability is with each token alone: the best first step of an insertion."""
    ask = kept_function(lab, encoded, name, label, ["image"])
    T = encoded.features["image"].tokens.shape[1]
    return {"image": ask(np.eye(T, dtype=bool))}


def test_an_order_by_effect_beats_its_reverse(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    explainers = {
        "effect": by_effect,
        "reverse": lambda *a: {m: -s for m, s in by_effect(*a).items()},
        "nothing": lambda *a: {},
    }
    monkeypatch.setattr(faithful, "TOKEN_EXPLAINERS", explainers)
    monkeypatch.setattr(lab, "strategies", ("late", "early"))
    inputs = [lab.encode({"image": make_medium("image", digit)}) for digit in (3, 7)]
    found = faithful.judge(lab, inputs)
    for name in ("late", "early"):
        assert set(found[name]) == {"effect", "reverse"} and found[name]["effect"]["samples"] == 2
        assert found[name]["effect"]["insertion_gain"] > 0 > found[name]["reverse"]["insertion_gain"]


def test_halves_of_two_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """In `digits-add` picture and clip are of one sample, words and voice of the next; elsewhere all are of one."""

    class Samples:
        def sample(self, index: int, seed: int):
            return type("Sample", (), {"inputs": {m: (m, index, seed) for m in ("image", "text", "audio", "video")}})

    monkeypatch.setattr(DigitsTask, "samples", lambda task, split, data, *rest: Samples())
    halves = faithful.make_inputs(TASKS["digits-add"], None, 2, 5)
    assert [{m: number for m, number, _ in one.values()} for one in halves] == [
        {"image": i, "text": i + 1, "audio": i + 1, "video": i} for i in range(2)
    ]
    assert {i for _, i, _ in faithful.make_inputs(TASKS["digits"], None, 1, 5)[0].values()} == {0}
