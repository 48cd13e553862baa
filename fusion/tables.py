"""Reports for a terminal: plain values as JSON knows them, one line for each number, columns that are aligned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def plain(value: Any) -> Any:
    """What JSON knows: arrays and NumPy numbers as Python's own, tuples as lists, numbers that are not finite as None."""
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def leaves(report: Any, name: str = "") -> list[tuple[str, str]]:
    """(dotted name, value) of every number and word of a nested report, in order."""
    parts = report.items() if isinstance(report, dict) else enumerate(report) if isinstance(report, list) else None
    if parts is None:
        return [(name, f"{report:.4f}" if isinstance(report, float) else str(report))]
    return [leaf for key, part in parts for leaf in leaves(part, f"{name}.{key}" if name else str(key))]


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Columns as wide as their widest cell, two spaces between them; those in `right` end flush."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if n in right else cell.ljust(width) for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
