"""The cache: nothing is encoded twice, several writers do no harm, damaged shards are made anew, broken files are listed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fusion.own_data import feature_cache
from fusion.own_data.encoders.build import build_encoders
from fusion.own_data.encoding import encode_samples
from fusion.own_data.feature_cache import FeatureStore, RawRows, content_key
from fusion.own_data.reading import read_samples
from fusion.types import FusionError
from tests.own_data.make import series


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))


def rows(values: list[int]) -> RawRows:
    """Sample v has v % 3 tokens and v grams of its own number."""
    lengths = torch.tensor([v % 3 for v in values])
    grams = torch.tensor([v % 4 for v in values])
    zero = torch.zeros(1, dtype=torch.long)
    number = torch.tensor(values)
    return RawRows(
        number.repeat_interleave(lengths)[:, None].float(), torch.cat([zero, lengths.cumsum(0)]), number[:, None].float(),
        number.repeat_interleave(grams).to(torch.int16), torch.cat([zero, grams.cumsum(0)]),
    )  # fmt: skip


def test_shards_of_several_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "SHARD", 4)
    one, two = FeatureStore.open("x"), FeatureStore.open("x")
    for start in (0, 3, 6):
        one.put([f"k{v}" for v in range(start, start + 3)], rows(list(range(start, start + 3))))
    two.put(["k8", "k9"], rows([8, 9]))  # k8 twice
    assert len(list(one.folder.glob("*.safetensors"))) == 1, "two batches made a shard, the third waits"
    one.flush()
    two.flush()
    found = FeatureStore.open("x")
    assert all(f"k{v}" in found for v in range(10))
    order = [9, 0, 8, 5, 1, 7]
    got, wanted = found.get([f"k{v}" for v in order]), rows(order)
    assert all(torch.equal(a, b) for a, b in zip(got.tensors().values(), wanted.tensors().values(), strict=True))


def test_a_shard_that_was_not_finished_does_not_count() -> None:
    store = FeatureStore.open("x")
    store.put(["a"], rows([1]))
    store.flush()
    shard = next(store.folder.glob("*.safetensors"))
    (store.folder / "other.safetensors").write_bytes(b"half")  # killed before its keys were written
    assert FeatureStore.open("x").get(["a"]).pooled.tolist() == [[1.0]]
    shard.write_bytes(shard.read_bytes()[:-3])
    with pytest.raises(FusionError, match="made anew"):
        FeatureStore.open("x").get(["a"])
    assert "a" not in FeatureStore.open("x")


def test_keys_are_of_the_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"same")
    assert content_key(tmp_path / "a") == content_key(tmp_path / "b") != content_key("same")
    assert content_key(np.arange(3)) != content_key(np.arange(3.0))
    with pytest.raises(FusionError, match="cannot be read"):
        content_key(tmp_path / "c")


def test_nothing_is_encoded_twice_and_broken_files_are_listed(tmp_path: Path) -> None:
    root = series(tmp_path / "s", 40)
    (root / "move" / "7.npy").write_bytes(b"broken")
    samples = read_samples(root)
    said: list[int] = []
    encoders = build_encoders(samples)
    first = encode_samples(samples, encoders, lambda m, done, total: said.append(done) if m == "move" else None)
    assert said[-1] == 39 and [name for name, _ in first.broken["move"]] == ["7.npy"]
    assert first.place["move"][7] == -1 and not first.present[7, 0] and first.present[7, 1]
    said.clear()
    again = encode_samples(samples, encoders, lambda m, done, total: said.append(done) if m == "move" else None)
    assert not said and torch.equal(first.rows["move"].pooled, again.rows["move"].pooled)


def test_many_broken_files_are_one_sentence(tmp_path: Path) -> None:
    root = series(tmp_path / "s", 30)
    for i in range(12):
        (root / "move" / f"{i}.npy").write_bytes(b"broken")
    samples = read_samples(root)
    with pytest.raises(FusionError, match=r"12 of 30 files of move cannot be read, for example: 0.npy") as error:
        encode_samples(samples, build_encoders(samples))
    assert "\n" not in str(error.value)
