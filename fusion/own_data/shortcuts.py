"""What gives the label away without anybody looking at the media: a column, or metadata such as size, duration and length."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

PURE = 0.98  # share of the rows of a class that have one value of a column
LEAST_ROWS = 4  # per class, so that this is no chance


def giveaway(values: list[Any], labels: list[Any]) -> bool:
    """Whether a column of numbers or categories was set by class: every class has one value of it, and there are several values.

    That is how days of recording, folders and batches look, and hardly any property of the things themselves.
    """
    rows = defaultdict(Counter)
    for value, label in zip(values, labels, strict=True):
        if value is not None and label is not None:
            rows[label][str(value)] += 1
    if len(rows) < 2 or min(sum(count.values()) for count in rows.values()) < LEAST_ROWS:
        return False
    main = [count.most_common(1)[0] for count in rows.values()]
    pure = all(most >= PURE * sum(count.values()) for (_, most), count in zip(main, rows.values(), strict=True))
    return pure and len({value for value, _ in main}) > 1
