"""The public interface on untrained models: any subset, the same answer every way it is asked, and clear refusals."""

from itertools import combinations

import numpy as np
import pytest
import torch

from fusion.encoded_cache import EncodedCache
from fusion.lab import Lab, pick_device
from fusion.strategies import STRATEGIES
from fusion.tasks.digits.examples import make_example
from fusion.types import FusionError, Layout
from tests.tiny import make_checkpoints

ALL = ("image", "text", "audio", "video")


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Lab:
    return Lab("digits", "cpu", make_checkpoints(tmp_path_factory.mktemp("checkpoints")))


@pytest.fixture(scope="module")
def inputs() -> dict:
    return make_example("seven")


def close(a: dict[str, float], b: dict[str, float]) -> None:
    np.testing.assert_allclose(list(a.values()), list(b.values()), atol=2e-5)


def test_names(lab: Lab) -> None:
    assert lab.strategies == tuple(STRATEGIES)
    assert lab.baselines == ("image_only", "text_only", "audio_only", "video_only")
    assert lab.labels == tuple("0123456789") and lab.modalities == ALL
    assert all(lab.describe(n).idea.endswith(".") for n in (*lab.strategies, *lab.baselines))
    assert lab.parameters["image_only"] == 97 * 10


@pytest.mark.parametrize("subset", [c for n in range(1, 5) for c in combinations(ALL, n)])
def test_any_subset(lab: Lab, inputs: dict, subset: tuple[str, ...]) -> None:
    given = {m: inputs[m] for m in subset}
    for name, p in lab.compare(given).items():
        assert sum(p.probs.values()) == pytest.approx(1, abs=1e-5) and p.label == max(p.probs, key=p.probs.get)
        assert set(p.contributions) == set(subset) & set(lab.models[name].strategy.modalities)
        if p.weights is not None:
            assert set(p.weights) == set(subset) and sum(p.weights.values()) == pytest.approx(1, abs=1e-5)
        assert set(p.attention) <= {(q, k) for q in subset for k in subset if q != k}
    assert set(lab.compare(given)) == {*lab.strategies, *(f"{m}_only" for m in subset)}


def test_same_answer_twice_alone_compared_and_in_a_batch(lab: Lab, inputs: dict) -> None:
    text_only = {"text": "eight of them"}
    compared = lab.compare(inputs)
    for name in lab.strategies:
        one = lab.predict(inputs, name)
        assert one.probs == lab.predict(inputs, name).probs == compared[name].probs
        batch = lab.predict_batch([inputs, text_only, {**inputs, "image": None}], name)
        close(batch[0].probs, one.probs)
        close(batch[0].contributions, one.contributions)
        close(batch[1].probs, lab.predict(text_only, name).probs)
        close(batch[2].contributions, lab.predict({m: inputs[m] for m in ALL[1:]}, name).contributions)


def test_contribution_is_the_change_when_left_out(lab: Lab, inputs: dict) -> None:
    for name in lab.strategies:
        p = lab.predict(inputs, name)
        for m in ALL:
            without = lab.predict({k: v for k, v in inputs.items() if k != m}, name)
            assert p.contributions[m] == pytest.approx(p.probs[p.label] - without.probs[p.label], abs=2e-5)
    alone = lab.predict({"text": "seven"}, "early")
    assert alone.contributions["text"] == pytest.approx(alone.probs[alone.label] - 0.1, abs=1e-6)


def test_attention_lies_on_the_layouts(lab: Lab, inputs: dict) -> None:
    p = lab.predict(inputs, "cross_attention")
    assert len(p.attention) == 12
    for (query, key), weights in p.attention.items():
        assert weights.shape[2:] == (len(p.layouts[query].places), len(p.layouts[key].places))
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


def test_see_tells_what_the_encoder_saw(lab: Lab, inputs: dict) -> None:
    views = lab.encoder_views(inputs)
    assert views["image"].array.shape == (64, 64) and views["video"].array.ndim == 3 and views["text"].array is None
    start, end = views["audio"].extent  # the sound and the quiet margins at both ends
    assert (
        views["audio"].array.shape[0] == 48
        and start == pytest.approx(-0.16, abs=0.01)
        and end == pytest.approx(inputs["audio"].seconds + 0.16, abs=0.08)
    )
    for s in views.values():
        assert isinstance(s.layout, Layout) and len(s.weights) == len(s.norms) == len(s.layout.places)
        assert s.weights.sum() == pytest.approx(1, abs=1e-5) and s.seconds > 0 and len(s.embedding) == 96


def test_encoders_run_once(lab: Lab, inputs: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, calls = lab.encode(inputs), []
    monkeypatch.setattr(lab, "_features", lambda *a: calls.append(a))
    lab.compare(encoded)
    lab.encoder_views(encoded)
    assert not calls


def test_severity_corrupts_the_same_way_twice(lab: Lab, inputs: dict) -> None:
    one, two = (lab.encode(inputs, {"image": 4, "text": 3}) for _ in range(2))
    assert np.array_equal(one.media["image"], two.media["image"]) and one.media["text"] == two.media["text"]
    assert not np.array_equal(one.media["image"], lab.encode(inputs).media["image"])
    assert one.media["audio"] is not None and torch.equal(one.features["audio"].tokens, two.features["audio"].tokens)


def test_one_corruption_by_name(lab: Lab, inputs: dict) -> None:
    plain, mixed = lab.encode(inputs), lab.encode(inputs, {"image": ("mix", 3)})
    blurred = lab.encode(inputs, {"image": ("blur", 3), "audio": ["gaps", 2]})
    assert np.array_equal(mixed.media["image"], lab.encode(inputs, {"image": 3}).media["image"])
    assert not np.array_equal(blurred.media["image"], mixed.media["image"])
    assert np.array_equal(lab.encode(inputs, {"image": ("blur", 0)}).media["image"], plain.media["image"])
    assert not np.array_equal(blurred.media["audio"].samples, plain.media["audio"].samples)
    cache = EncodedCache()
    found = [lab.encode(inputs, {"image": choice}, cache).media["image"] for choice in (3, ("blur", 3), ("mix", 3), ("blur", 3))]
    assert np.array_equal(found[0], found[2]) and np.array_equal(found[1], found[3]) and not np.array_equal(found[0], found[1])
    with pytest.raises(FusionError, match="no image corruption named 'fog'"):
        lab.encode(inputs, {"image": ("fog", 3)})


@pytest.mark.parametrize(
    ("given", "strategy", "words"),
    [
        ({}, "early", "No input is given"),
        ({"image": None}, "early", "No input is given"),
        ({"smell": "rose"}, "early", "no modality named 'smell'"),
        ({"text": "one"}, "magic", "no strategy named 'magic'"),
        ({"text": "one"}, "image_only", "Image alone needs image"),
        ({"image": b"not a picture"}, "early", ""),
    ],
)
def test_refusals_are_one_sentence(lab: Lab, given: dict, strategy: str, words: str) -> None:
    with pytest.raises(FusionError) as caught:
        lab.predict(given, strategy)
    message = str(caught.value)
    assert words in message and message.endswith(".") and "\n" not in message
    assert lab.predict({"text": "one"}, "early").label in lab.labels, "the next request works"


def test_refusals_at_the_door(tmp_path) -> None:
    with pytest.raises(FusionError, match="Unknown task 'smells'"):
        Lab("smells")
    with pytest.raises(FusionError, match="no trained weights"):
        Lab("digits", "cpu", tmp_path)
    with pytest.raises(FusionError, match="not available"):
        pick_device("warp")
    assert pick_device("auto") in ("cpu", "cuda", "mps")


def test_a_strategy_that_cannot_be_used_is_named_and_the_others_answer(tmp_path) -> None:
    home = make_checkpoints(tmp_path)
    (home / "digits" / "early" / "model.safetensors").write_bytes(b"broken")
    lab = Lab("digits", "cpu", home)
    assert "early" not in lab.strategies and set(lab.compare({"text": "one"})) == {*STRATEGIES, "text_only"} - {"early"}
    with pytest.raises(FusionError, match="The strategy early cannot be used: .*differs from its checksum"):
        lab.predict({"text": "one"}, "early")
