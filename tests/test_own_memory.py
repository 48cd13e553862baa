"""Kept arrays in memory of their own: equal to what was given, apart from it, and gone with the last of them."""

from __future__ import annotations

import gc
import mmap
import weakref
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from fusion import own_memory
from fusion.own_memory import in_own_memory
from fusion.types import Audio, Features, Layout


class Pair(NamedTuple):
    first: Any
    second: Any


@dataclass(frozen=True)
class Box:
    inside: Any
    name: str = "box"


def features() -> Features:
    tokens = torch.randn(1, 30, 96)
    spans = np.arange(60, dtype=np.float32).reshape(30, 2)
    return Features(tokens, torch.ones(1, 30, dtype=torch.bool), tokens.mean(1), torch.rand(1, 30), (Layout("seconds", spans),))


def test_arrays_are_equal_copies() -> None:
    strided = np.arange(4000.0).reshape(40, 100)[::2, ::-1]
    with torch.inference_mode():
        inferred = torch.randn(3, 200).half()
    value = {"a": Pair(strided, [inferred, "text", None]), "b": Box((np.zeros((30, 20, 3), np.uint8),))}
    found = in_own_memory(value)
    assert isinstance(found["a"], Pair) and isinstance(found["b"], Box) and found["b"].name == "box"
    assert found["a"].second[1:] == ["text", None]
    np.testing.assert_array_equal(found["a"].first, strided)
    assert found["a"].first.dtype == strided.dtype and not np.shares_memory(found["a"].first, strided)
    copy = found["a"].second[0]
    assert torch.equal(copy, inferred) and copy.dtype == torch.float16 and not copy.is_inference()
    assert copy.data_ptr() != inferred.data_ptr() and copy.data_ptr() % 64 == 0
    np.testing.assert_array_equal(found["b"].inside[0], value["b"].inside[0])
    assert found["b"].inside[0].flags.writeable


def test_the_projects_own_records() -> None:
    before = features()
    after = in_own_memory(before)
    assert torch.equal(after.tokens, before.tokens) and torch.equal(after.pooled, before.pooled)
    assert after.layout[0].kind == "seconds"
    sound = Audio(8000, np.linspace(-1, 1, 8000, dtype=np.float32))
    kept = in_own_memory(sound)
    assert kept.rate == 8000 and np.array_equal(kept.samples, sound.samples)


def test_an_array_that_stands_twice_is_copied_once() -> None:
    array = np.arange(1000)
    found = in_own_memory([array, array])
    assert found[0] is found[1]


@pytest.mark.parametrize("value", [None, "text", b"bytes" * 500, 3, np.zeros(10), torch.zeros(10), np.array([{}] * 100), {1, 2}])
def test_other_values_are_the_same_object(value: Any) -> None:
    assert in_own_memory(value) is value


def test_the_block_goes_with_the_last_array(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks: list[weakref.ref[Any]] = []

    class Watched(mmap.mmap):
        def __new__(cls, *arguments: Any) -> Watched:
            block = super().__new__(cls, *arguments)
            blocks.append(weakref.ref(block))
            return block

    monkeypatch.setattr(own_memory.mmap, "mmap", Watched)
    first, second = in_own_memory([np.ones(1000), torch.ones(1000)])
    assert len(blocks) == 1
    del first
    gc.collect()
    assert blocks[0]() is not None and float(second.sum()) == 1000
    del second
    gc.collect()
    assert blocks[0]() is None
