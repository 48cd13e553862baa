"""What gives the label away without anybody looking at the media: a column, or metadata such as size, duration and length."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

PURE = 0.85  # share of the rows of each class that have its main value of a column, where there are many classes
PURE_OF_TWO = 0.98  # ... where there are two, which a good feature may well tell apart
LEAST_ROWS = 4  # per class, so that this is no chance
MOST_VALUES = 20  # of a column that was set by hand; measurements have more


def giveaway(values: list[Any], labels: list[Any]) -> bool:
    """Whether a column of numbers or categories was set by class: every class has one value of it, and there are several values.

    That is how days of recording, folders and batches look, and hardly any property of the things themselves.
    """
    rows: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    for value, label in zip(values, labels, strict=True):
        if value is not None and label is not None:
            rows[label][str(value)] += 1
    if len(rows) < 2 or len({value for count in rows.values() for value in count}) > MOST_VALUES:
        return False
    if min(sum(count.values()) for count in rows.values()) < LEAST_ROWS:
        return False
    main = [count.most_common(1)[0] for count in rows.values()]
    least = PURE if len(rows) > 2 else PURE_OF_TWO
    pure = all(most >= least * sum(count.values()) for (_, most), count in zip(main, rows.values(), strict=True))
    return pure and len({value for value, _ in main}) > 1
