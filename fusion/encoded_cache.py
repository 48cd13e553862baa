"""A bounded memory of what was computed from media: decoded media, features, answers, and what views draw of them.

A value is found again by a key that holds everything it depends on: the content of the medium, the severity of its corruption, and the
encoder. So a value in memory equals one that is computed anew. All visitors share one memory; the values that were not used for the
longest time are dropped first. Large values, such as decoded clips, are counted by themselves: a few of them would push out the features
and answers of everyone else.

    cache = EncodedCache()
    lab.encode(inputs, cache=cache)      # loads and encodes
    lab.encode(inputs, cache=cache)      # finds both
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from fusion.own_memory import in_own_memory

LIMIT = 192 << 20  # bytes of small values: features and pictures of all inputs of about a hundred visitors
LARGE_LIMIT = 128 << 20  # bytes of large values
LARGE = 1 << 20  # bytes; a larger value is a large one
OVERHEAD = 100  # bytes of a Python object beside its content


def fingerprint(value: Any) -> str:
    """A hash of media and settings: arrays, text and bytes by content, files by path, size and time.

    Raises:
        TypeError: it holds something whose content cannot be read without a side effect, such as an open file.
        OSError: a file is not there.
    """
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).data)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            digest.update(f"\0{key}=".encode("utf-8", "surrogatepass"))
            _feed(digest, value[key])
    elif is_dataclass(value) and not isinstance(value, type):
        _feed(digest, {f.name: getattr(value, f.name) for f in fields(value)})
    elif isinstance(value, list | tuple):
        digest.update(f"\0{len(value)}".encode())
        for part in value:
            _feed(digest, part)
    elif isinstance(value, Path):
        status = value.stat()
        digest.update(f"{value}{status.st_size}{status.st_mtime_ns}".encode("utf-8", "surrogateescape"))
    elif isinstance(value, bytes | bytearray | memoryview):
        digest.update(b"\0bytes")
        digest.update(value)
    elif value is None or isinstance(value, str | int | float | np.generic):
        digest.update(repr(value).encode())
    else:
        raise TypeError(f"{type(value).__name__} has no fingerprint.")


def size_of(value: Any) -> int:
    """About how many bytes a value holds: arrays, tensors, text, bytes, and containers of them."""
    if isinstance(value, np.ndarray):
        return value.nbytes + OVERHEAD
    if isinstance(value, torch.Tensor):
        return value.nelement() * value.element_size() + OVERHEAD
    if isinstance(value, str | bytes | bytearray):
        return len(value) + OVERHEAD
    if isinstance(value, Mapping):
        return OVERHEAD + sum(size_of(k) + size_of(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return OVERHEAD + sum(map(size_of, value))
    if is_dataclass(value) and not isinstance(value, type):
        return OVERHEAD + sum(size_of(getattr(value, f.name)) for f in fields(value))
    return OVERHEAD


class Bounded:
    """{key: value} of at most `limit` bytes; the values that were not used for the longest time are dropped first. Not safe for threads."""

    def __init__(self, limit: int) -> None:
        self.limit, self.bytes = limit, 0
        self.values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable) -> Any:
        """The value, which counts as used now; None where it is not there."""
        if key not in self.values:
            return None
        self.values.move_to_end(key)
        return self.values[key][0]

    def put(self, key: Hashable, value: Any, size: int) -> None:
        """Keeps a value of `size` bytes, unless it is larger than all that may be held."""
        if size > self.limit:
            return
        self.values[key] = value, size
        self.bytes += size
        while self.bytes > self.limit:
            self.bytes -= self.values.popitem(last=False)[1][1]

    def drop(self, key: Hashable) -> None:
        if key in self.values:
            self.bytes -= self.values.pop(key)[1]


class EncodedCache:
    """{key: value} of at most `limit` bytes in small and `large_limit` bytes in large values; safe to use from several threads."""

    def __init__(self, limit: int = LIMIT, large_limit: int = LARGE_LIMIT) -> None:
        self.name = secrets.token_hex(8)  # no other cache has it, in whatever process
        self._small, self._large = Bounded(limit), Bounded(large_limit)
        self._making: dict[Hashable, threading.Lock] = {}
        self._numbers: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._count = itertools.count()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._small.values) + len(self._large.values)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._small.values or key in self._large.values

    @property
    def bytes(self) -> int:
        """What all values hold together."""
        return self._small.bytes + self._large.bytes

    def number(self, thing: Any) -> int:
        """A number that belongs to this very object as long as it lives, and to no other, for keys: of an encoder, or of a lab."""
        with self._lock:
            if thing not in self._numbers:
                self._numbers[thing] = next(self._count)
            return self._numbers[thing]

    def get(self, key: Hashable) -> Any:
        """The value, or None where it is not there."""
        with self._lock:
            found = self._small.get(key)
            return self._large.get(key) if found is None else found

    def put(self, key: Hashable, value: Any, size: int | None = None) -> Any:
        """Keeps a value, unless it is larger than the memory for its kind, and returns it as it is kept: its arrays are copied.

        `size` in bytes, where the caller knows it.
        """
        size = size_of(value) if size is None else size
        values = self._large if size > LARGE else self._small
        if size <= values.limit:
            value = in_own_memory(value)
        with self._lock:
            self._small.drop(key)
            self._large.drop(key)
            values.put(key, value, size)
        return value

    def remember(self, key: Hashable, make: Callable[[], Any], measure: Callable[[Any], int] = size_of) -> Any:
        """The value of `make()`, which is called only where the value is not there; who asks meanwhile waits for the same call.

        A key of None is not remembered. An error is passed on and nothing is kept. `measure` says how many bytes a value holds.
        """
        if key is None:
            return make()
        found = self.get(key)
        if found is not None:
            return found
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            found = self.get(key)
            if found is None:
                try:
                    made = make()
                    found = self.put(key, made, measure(made))
                finally:
                    with self._lock:
                        self._making.pop(key, None)
        return found
