"""Task `digits-add`: the last digit of a + b, a is seen (picture, clip), b is said or written (sound, text). Both sides are needed.

A sample combines the seen half of one sample of `digits` with the said half of another, so the encoders of `digits` are used as they are.
Ten of the hundred pairs (a, b) never occur in training: a model that learned to add generalises to them, a lookup table does not.

`late` cannot do this. Its log-odds are f_k(a) + g_k(b), a sum without mixed terms; the loss is convex in them and the task is
unchanged under (a + s, b - s), so the best such model gives the same answer for every a and every b: chance (about 10 %).
"""

from __future__ import annotations

import numpy as np

from fusion.types import MODALITIES

SEEN = ("image", "video")
SAID = ("text", "audio")
HELD_OUT = frozenset((a, (3 * a + 7) % 10) for a in range(10))  # every a once and every b once


def add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(a + b) mod 10."""
    last: np.ndarray = (a + b) % 10
    return last


def held_out(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N,) bool: pairs that are held out from training."""
    held: np.ndarray = b == (3 * a + 7) % 10
    return held


def partners(seen: np.ndarray, said: np.ndarray, rng: np.random.Generator, held: bool | None) -> np.ndarray:
    """For each seen digit (N,) the index of a sample (of `said`, (P,) digits) whose said half it is paired with.

    Args:
        held: only held-out pairs (True), only the others (False), or any (None).
    """
    pools = [np.flatnonzero(said == k) for k in range(10)]
    if held:
        other = (3 * seen + 7) % 10
    else:
        other = rng.integers(0, 10, len(seen))
        if held is False:
            other = np.where(held_out(seen, other), (other + rng.integers(1, 10, len(seen))) % 10, other)
    return np.array([rng.choice(pools[k]) for k in other], int)


def decide(content: np.ndarray) -> np.ndarray:
    """(a + b) mod 10 where both sides show a digit, else -1."""
    both = parts(content.max(1), content)
    return np.where((both["seen"] >= 0) & (both["said"] >= 0), add(both["seen"], both["said"]), -1)


def parts(label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
    """The two digits from the label that each modality shows; -1 where no modality of that side shows one."""
    seen, said = ([MODALITIES.index(m) for m in side] for side in (SEEN, SAID))
    return {"seen": content[:, seen].max(1), "said": content[:, said].max(1)}
