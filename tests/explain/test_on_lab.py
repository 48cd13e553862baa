"""The callables of a lab say what the lab says, and every explainer runs on every strategy of untrained models."""

import numpy as np
import pytest
import torch

from fusion.explain import (
    TOKEN_EXPLAINERS,
    interaction_share,
    kept_function,
    leave_one_out,
    measure_faithfulness,
    medium_function,
    relevance,
    shapley_values,
    token_function,
    value_of,
)
from fusion.explain.on_lab import log_odds
from fusion.lab import Encoded, Lab
from fusion.tasks.digits.examples import make_example
from fusion.types import FusionError
from tests.tiny import make_checkpoints

ALL = ("image", "text", "audio", "video")


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Lab:
    return Lab("digits", "cpu", make_checkpoints(tmp_path_factory.mktemp("checkpoints")))


@pytest.fixture(scope="module")
def encoded(lab: Lab) -> Encoded:
    return lab.encode(make_example("seven") | {"text": "a seven, seven"})


def odds(p: float) -> float:
    return float(np.log(p / (1 - p)))


def test_log_odds_do_not_round_to_infinity() -> None:
    logits = torch.tensor([[1.0, 2.0, -1.0], [200.0, 0.0, 0.0]])
    assert log_odds(logits, 0)[0].item() == pytest.approx(odds(logits[0].softmax(-1)[0].item()), abs=1e-5)
    assert log_odds(logits, 0)[1].item() == pytest.approx(200 - np.log(2), abs=1e-4)


def test_the_functions_say_what_the_lab_says(lab: Lab, encoded: Encoded) -> None:
    for name in (*lab.strategies, *lab.baselines):
        p = lab.predict(encoded, name)
        ask, tokens = token_function(lab, encoded, name, "3")
        assert ask(tokens).item() == pytest.approx(odds(p.probs["3"]), abs=1e-4)
        assert ask({m: x.expand(3, -1, -1) for m, x in tokens.items()}).tolist() == pytest.approx([odds(p.probs["3"])] * 3, abs=1e-4)
    p = lab.predict(encoded, "cross_attention")
    for m in ALL:
        values = medium_function(lab, encoded, "cross_attention", "3", m, "probability")(iter([encoded.media[m]] * 2))
        np.testing.assert_allclose(values, p.probs["3"], atol=1e-5)


def test_kept_tokens_are_subsets_of_modalities(lab: Lab, encoded: Encoded) -> None:
    counts = [encoded.features[m].tokens.shape[1] for m in ALL]
    rows = [[True] * 4, [False] * 4, [True, False, False, True], [False, True, False, False]]
    kept = np.array([np.repeat(row, counts) for row in rows])
    for name in lab.strategies:
        p = lab.predict(encoded, name)
        expected = [p.subsets[tuple(m for m, k in zip(ALL, row, strict=True) if k)][3] if any(row) else 0.1 for row in rows]
        np.testing.assert_allclose(kept_function(lab, encoded, name, "3", ALL)(kept), expected, atol=1e-5)
        audio = kept_function(lab, encoded, name, "3", ["audio"])(np.zeros((1, counts[2]), bool))
        np.testing.assert_allclose(audio, p.subsets["image", "text", "video"][3], atol=1e-5)


def test_every_strategy_is_relevant_through_its_pool(lab: Lab, encoded: Encoded) -> None:
    for name in lab.strategies:
        scores = relevance(*token_function(lab, encoded, name, "7"))
        assert set(scores) == set(ALL)
        for m, s in scores.items():
            assert s.shape == encoded.features[m].tokens.shape[1:2] and np.isfinite(s).all() and np.abs(s).sum() > 1e-5, (name, m)


@pytest.mark.parametrize("name", ["early", "late", "cross_attention", "image_only"])
def test_completeness_through_pool_strategy_and_head(lab: Lab, encoded: Encoded, name: str) -> None:
    ask, tokens = token_function(lab, encoded, name, "7")
    with torch.no_grad():
        change = (ask(tokens) - ask({m: torch.zeros_like(x) for m, x in tokens.items()})).item()
    assert sum(s.sum() for s in relevance(ask, tokens).values()) == pytest.approx(change, abs=2e-3)


def test_token_explainers_on_one_scale(lab: Lab, encoded: Encoded) -> None:
    assert list(TOKEN_EXPLAINERS) == ["attention", "relevance", "occlusion"]
    for explain in TOKEN_EXPLAINERS.values():
        scores = explain(lab, encoded, "cross_attention", "7")
        assert set(scores) == set(ALL)
        assert all(s.shape == (len(encoded.prepared[m].layout.places),) and np.isfinite(s).all() for m, s in scores.items())
    assert TOKEN_EXPLAINERS["attention"](lab, encoded, "late", "7") == {}
    word = TOKEN_EXPLAINERS["occlusion"](lab, encoded, "text_only", "7")["text"]
    full, without = (lab.predict({"text": t}, "text_only").probs["7"] for t in ("a seven, seven", "a        seven"))
    assert word[1] == pytest.approx(odds(full) - odds(without), abs=1e-4)


def test_faithfulness_of_all_modalities_together(lab: Lab, encoded: Encoded) -> None:
    scores = TOKEN_EXPLAINERS["relevance"](lab, encoded, "early", "7")
    found = measure_faithfulness(lab, encoded, "early", "7", scores, steps=4, orders=2)
    whole = lab.predict(encoded, "early").probs["7"]
    np.testing.assert_allclose(found.deletion_curve[[0, -1]], [whole, 0.1], atol=1e-5)
    np.testing.assert_allclose(found.insertion_curve[[0, -1]], [0.1, whole], atol=1e-5)


def test_modalities_of_a_prediction(lab: Lab, encoded: Encoded) -> None:
    for name in lab.strategies:
        p = lab.predict(encoded, name)
        players = tuple(p.contributions)
        assert leave_one_out(value_of(p), players) == pytest.approx(p.contributions, abs=1e-6)
        assert sum(shapley_values(value_of(p), players).values()) == pytest.approx(p.confidence - 0.1, abs=1e-6)
    late, early = (interaction_share(value_of(lab.predict(encoded, n), None, "centred_log"), ALL) for n in ("late", "early"))
    assert late < 1e-4 < 0.05 < early, "an additive vote has no interaction"


def test_refusals(lab: Lab, encoded: Encoded) -> None:
    for refused, words in (
        (lambda: token_function(lab, encoded, "magic", "7"), "no strategy named 'magic'"),
        (lambda: token_function(lab, encoded, "early", "ten"), "no label named 'ten'"),
        (lambda: token_function(lab, encoded, "early", "7", "percent"), "no output named 'percent'"),
        (lambda: medium_function(lab, encoded, "image_only", "7", "text"), "was not given text"),
        (lambda: token_function(lab, lab.encode({"text": "one"}), "image_only", "7"), "needs image"),
        (lambda: measure_faithfulness(lab, encoded, "early", "7", {}), "no scores to evaluate"),
        (lambda: measure_faithfulness(lab, encoded, "early", "7", {"text": np.zeros(9)}), "3 tokens of text, but 9 scores"),
    ):
        with pytest.raises(FusionError, match=words):
            refused()
