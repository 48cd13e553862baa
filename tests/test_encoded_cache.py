"""The memory of media, features and answers: bounded, the same answers with and without it, and each encoder runs once per medium."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fusion import media
from fusion.encoded_cache import EncodedCache, fingerprint, size_of
from fusion.lab import Lab
from fusion.tasks.digits.examples import make_medium
from fusion.types import MODALITIES, Audio, FusionError
from tests.tiny import make_checkpoints


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab("digits", "cpu", make_checkpoints(tmp_path_factory.mktemp("checkpoints")))


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, object]:
    Image.fromarray(make_medium("image", 3)).save(tmp_path / "a.png")
    return {m: make_medium(m, 3) for m in MODALITIES} | {"image": tmp_path / "a.png"}


class Counted:
    """How often encoders prepare and media are decoded."""

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        self.encoded: list[str] = []
        self.decoded: list[str] = []
        load = media.load
        monkeypatch.setattr("fusion.inputs.media.load", lambda m, source: self.decoded.append(m) or load(m, source))
        for m, encoder in lab.encoders.items():
            monkeypatch.setattr(encoder, "prepare", lambda x, m=m, real=encoder.prepare: self.encoded.append(m) or real(x))


def test_answers_are_the_same_with_and_without(lab: Lab, inputs: dict[str, object]) -> None:
    cache = EncodedCache()
    for severity in ({}, {"audio": 2}, {}):  # the last one is found
        plain, remembered = lab.encode(inputs, severity), lab.encode(inputs, severity, cache=cache)
        assert plain.notes == remembered.notes and list(plain.media) == list(remembered.media)
        for m in MODALITIES:
            assert torch.equal(plain.features[m].tokens, remembered.features[m].tokens)
            assert np.array_equal(lab.encoder_views(plain)[m].embedding, lab.encoder_views(remembered, cache=cache)[m].embedding)
        for name, p in lab.compare(plain).items():
            assert lab.compare(remembered)[name].probs == p.probs


def test_an_encoder_runs_when_its_own_medium_or_severity_changed(lab: Lab, inputs: dict[str, object], monkeypatch) -> None:
    cache, counted = EncodedCache(), Counted(lab, monkeypatch)
    lab.encode(inputs, cache=cache)
    assert counted.encoded == counted.decoded == list(MODALITIES)
    lab.encode(inputs, {"image": 3}, cache=cache)  # a slider
    assert counted.encoded[4:] == ["image"] and counted.decoded[4:] == []
    lab.encode(inputs | {"text": "four"}, cache=cache)
    assert counted.encoded[5:] == counted.decoded[4:] == ["text"]
    lab.encode({"video": inputs["video"]}, cache=cache)
    lab.encode({"text": "four"}, cache=cache)
    lab.encode(inputs, {"image": 3}, cache=cache)
    assert len(counted.encoded) == 6 and len(counted.decoded) == 5


def test_a_file_that_changed_is_read_again(lab: Lab, inputs: dict[str, object]) -> None:
    cache = EncodedCache()
    before = lab.encode({"image": inputs["image"]}, cache=cache).media["image"]
    Image.fromarray(make_medium("image", 8)).resize((300, 300)).save(inputs["image"])
    assert lab.encode({"image": inputs["image"]}, cache=cache).media["image"].shape != before.shape


def test_what_has_no_fingerprint_is_never_mistaken(lab: Lab, inputs: dict[str, object]) -> None:
    cache = EncodedCache()
    for digit in (1, 2):
        Image.fromarray(make_medium("image", digit)).save(inputs["image"])
        with open(inputs["image"], "rb") as file:
            found = lab.encode({"image": file}, cache=cache)
        assert np.array_equal(found.media["image"], make_medium("image", digit)) and "image" not in found.keys


def test_two_labs_share_media_and_not_features(lab: Lab, inputs: dict[str, object], tmp_path: Path) -> None:
    cache, other = EncodedCache(), Lab("digits", "cpu", lab.registry.checkpoints)
    one, two = lab.encode(inputs, cache=cache), other.encode(inputs, cache=cache)
    assert one.keys["image"] != two.keys["image"] and one.media["image"] is two.media["image"]


def test_an_input_that_cannot_be_read_is_not_remembered(lab: Lab, tmp_path: Path) -> None:
    cache, path = EncodedCache(), tmp_path / "late.png"
    with pytest.raises(FusionError, match="late.png does not exist"):
        lab.encode({"image": str(path)}, cache=cache)
    Image.fromarray(make_medium("image", 3)).save(path)
    assert lab.encode({"image": str(path)}, cache=cache).features


def test_it_never_holds_more_than_its_limit() -> None:
    cache = EncodedCache(10_000)
    for i in range(50):
        cache.put(i, np.zeros(1000, np.uint8))
        cache.get(0)
        assert cache.bytes <= 10_000
    assert 0 in cache and 49 in cache and 1 not in cache and len(cache) == 9  # what is used stays
    cache.put("large", np.zeros(20_000, np.uint8))
    assert "large" not in cache and len(cache) == 9
    cache.put(0, np.zeros(10, np.uint8))
    assert cache.bytes == sum(size_of(cache.get(i)) for i in range(50) if i in cache)


def test_large_values_do_not_push_out_small_ones() -> None:
    cache = EncodedCache(10_000, 5 << 20)
    cache.put("small", np.zeros(1000, np.uint8))
    for i in range(20):
        cache.put(i, np.zeros(2 << 20, np.uint8))
    assert "small" in cache and 19 in cache and 18 in cache and 17 not in cache
    cache.put(19, np.zeros(10, np.uint8))  # the same key, now small
    assert cache.get(19).nbytes == 10 and cache.bytes == sum(size_of(cache.get(k)) for k in ("small", 18, 19))


def test_a_medium_whose_features_are_remembered_is_decoded_only_when_asked_for(
    lab: Lab, inputs: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = EncodedCache(large_limit=0)
    first = lab.encode({"image": inputs["image"]}, cache=cache)
    cache._small.drop(("loaded", "image", first.keys["image"][2]))
    counted = Counted(lab, monkeypatch)
    again = lab.encode({"image": inputs["image"]}, cache=cache)
    assert counted.decoded == counted.encoded == [] and again.notes == first.notes
    assert np.array_equal(again.media["image"], first.media["image"]) and counted.decoded == ["image"]
    assert np.array_equal(lab.encoder_views(again)["image"].array, lab.encoder_views(lab.encode({"image": inputs["image"]}))["image"].array)


def test_sizes_count_arrays_tensors_and_text() -> None:
    array, tensor = np.zeros((10, 100), np.float32), torch.zeros(100, dtype=torch.float64)
    assert 4000 <= size_of(array) < 4300 and 800 <= size_of(tensor) < 1100
    assert size_of({"a": [array, tensor], "b": Audio(8000, array)}) > 8800
    assert size_of("x" * 5000) >= 5000


def test_who_asks_for_the_same_waits_for_one_computation() -> None:
    cache, started, go, calls = EncodedCache(), threading.Event(), threading.Event(), []

    def make() -> str:
        calls.append(1)
        started.set()
        go.wait(5)
        return "value"

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(cache.remember("key", make))) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait(5)
    go.set()
    for thread in threads:
        thread.join()
    assert found == ["value"] * 4 and len(calls) == 1


def test_an_error_is_passed_on_and_the_next_one_tries_again() -> None:
    cache = EncodedCache()
    with pytest.raises(ZeroDivisionError):
        cache.remember("key", lambda: 1 / 0)
    assert cache.remember("key", lambda: 5) == 5 and cache.remember(None, lambda: 6) == 6 and len(cache) == 1


def test_fingerprints() -> None:
    different = [
        "a",
        b"a",
        ("a",),
        ["a", "b"],
        "ab",
        1,
        1.5,
        None,
        np.zeros(3),
        np.zeros((3, 1)),
        Audio(1, np.zeros(3)),
        Audio(2, np.zeros(3)),
    ]
    assert len({fingerprint(v) for v in different}) == len(different)
    assert fingerprint("\ud800") == fingerprint("\ud800")  # half an emoji
    with pytest.raises(TypeError):
        fingerprint(object())
