"""digits-add: the sum, the pairs kept from training, and what can be known from one side."""

import numpy as np
import pytest

from fusion.tasks import TASKS
from fusion.tasks.digits_add.examples import EXAMPLES, make_example
from fusion.tasks.digits_add.pairs import HELD_OUT, add, decide, held_out, partners, parts


def test_sum() -> None:
    a, b = np.divmod(np.arange(100), 10)
    assert (add(a, b) == [int(str(x + y)[-1]) for x, y in zip(a, b, strict=True)]).all()


def test_held_out_pairs_have_every_digit_once_on_either_side() -> None:
    a, b = np.divmod(np.arange(100), 10)
    pairs = set(zip(a[held_out(a, b)].tolist(), b[held_out(a, b)].tolist(), strict=True))
    assert pairs == HELD_OUT and len(pairs) == 10
    assert {x for x, _ in pairs} == {y for _, y in pairs} == set(range(10))


@pytest.mark.parametrize("held", [True, False, None])
def test_partners(held: bool | None) -> None:
    rng = np.random.default_rng(0)
    seen, said = rng.integers(0, 10, 4000), rng.integers(0, 10, 300)
    other = said[partners(seen, said, np.random.default_rng(1), held)]
    kept = held_out(seen, other)
    assert kept.all() if held else held is None or not kept.any()
    if held is None:
        assert 0.07 < kept.mean() < 0.13
    if not held:  # every allowed pair is about as frequent as any other
        counts = np.bincount(seen * 10 + other, minlength=100)
        allowed = counts[counts > 0]
        assert len(allowed) == (90 if held is False else 100) and allowed.max() < 2.5 * allowed.min()


def test_one_side_decides_nothing() -> None:
    """Columns are image, text, audio, video; -1 says nothing."""
    content = np.array([[3, 5, 5, 3], [3, -1, -1, 3], [-1, 9, -1, -1], [-1, -1, 7, 8], [-1, -1, -1, -1]])
    assert decide(content).tolist() == [8, -1, -1, 5, -1]
    assert parts(decide(content), content)["seen"].tolist() == [3, 3, -1, 8, -1]
    assert parts(decide(content), content)["said"].tolist() == [5, -1, 9, 7, -1]
    assert TASKS["digits"].decide(content[:4]).tolist() == [5, 3, 9, 8]  # there whoever says something is believed


@pytest.mark.parametrize("name", [*EXAMPLES])
def test_examples(name: str) -> None:
    media, example = make_example(name), EXAMPLES[name]
    assert set(media) == set(example.modalities)
    if name == "unseen-pair":
        assert (example.seen, example.said) in HELD_OUT
