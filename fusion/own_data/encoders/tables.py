"""Columns of a table: numbers with a flag where they are missing, categories as one number per level."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from fusion.encoders.base import Prepared
from fusion.own_data.columns import number_of
from fusion.own_data.encoders.vectors import StandardisedVector, one_place
from fusion.types import FusionError

LEVELS = 50  # of a category; rarer ones are one level together
Row = Mapping[str, Any]


class TableColumns(StandardisedVector):
    """The numbers and categories of a row. One token."""

    title = "Numbers and categories"
    paper = "baseline"
    modality = "table"

    def __init__(self, embed_dim: int, columns: Mapping[str, Sequence[str] | None]) -> None:
        """`columns` {name: its levels, or None for a number}."""
        self.columns = {name: None if levels is None else list(levels) for name, levels in columns.items()}
        super().__init__(embed_dim, sum(2 if levels is None else len(levels) + 1 for levels in self.columns.values()))

    def prepare(self, medium: Any) -> Prepared:
        if not isinstance(medium, Mapping):
            raise FusionError("The columns of a table are given by name, as {known}.", known=list(self.columns)[:10])
        values: list[float] = []
        for name, levels in self.columns.items():
            cell = medium.get(name)
            if levels is None:
                number = None if cell is None else number_of(cell)
                if cell is not None and number is None:
                    raise FusionError("The column {name} takes a number, not {value!r}.", name=name, value=str(cell))
                values += [np.nan if number is None else number, float(number is None)]
            else:
                values += [float(cell is not None and str(cell) == level) for level in levels]
                values.append(float(cell is not None and str(cell) not in levels))
        return Prepared(torch.tensor([values]), one_place(), (0.0, 1.0))

    def options(self) -> dict[str, Any]:
        return {"columns": self.columns}


def levels_of(rows: Sequence[Row | None], columns: Mapping[str, str]) -> dict[str, list[str] | None]:
    """{column: its most frequent levels, or None for a number}."""
    found: dict[str, list[str] | None] = {}
    for name, kind in columns.items():
        count = Counter(str(row[name]) for row in rows if row and name in row)
        found[name] = None if kind == "number" else [level for level, _ in count.most_common(LEVELS)]
    return found
