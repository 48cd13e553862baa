"""Corruptions of a text: each of its characters but spaces is changed with a probability that grows with the severity, 1 to 5."""

from __future__ import annotations

import numpy as np

STEP = 0.095  # probability per severity
NEIGHBOURS = {a: b for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm") for a, b in zip(row, row[1:] + row[-2], strict=True)}
NOTHING = "_"


def mix(text: str, severity: int, rng: np.random.Generator) -> str:
    """Characters dropped, swapped with the next, replaced by a keyboard neighbour or masked with `_`."""
    out: list[str] = []
    i = 0
    while i < len(text):
        c = text[i]
        if not _is_hit(c, severity, rng):
            out.append(c)
            i += 1
            continue
        kind = rng.random()
        if kind < 0.3:
            pass
        elif kind < 0.5 and i + 1 < len(text):
            out += [text[i + 1], c]
            i += 1
        elif kind < 0.7 and c.lower() in NEIGHBOURS:
            out.append(NEIGHBOURS[c.lower()])
        else:
            out.append(NOTHING)
        i += 1
    return "".join(out) or NOTHING


def drop(text: str, severity: int, rng: np.random.Generator) -> str:
    """Characters left out."""
    return "".join(c for c in text if not _is_hit(c, severity, rng)) or NOTHING


def swap(text: str, severity: int, rng: np.random.Generator) -> str:
    """Characters swapped with the next one."""
    out = list(text)
    i = 0
    while i + 1 < len(out):
        if _is_hit(out[i], severity, rng):
            out[i], out[i + 1] = out[i + 1], out[i]
            i += 1
        i += 1
    return "".join(out)


def typos(text: str, severity: int, rng: np.random.Generator) -> str:
    """Letters replaced by their neighbour on an English keyboard."""
    return "".join(NEIGHBOURS.get(c.lower(), c) if _is_hit(c, severity, rng) else c for c in text)


def mask(text: str, severity: int, rng: np.random.Generator) -> str:
    """Characters replaced by `_`."""
    return "".join(NOTHING if _is_hit(c, severity, rng) else c for c in text)


def _is_hit(c: str, severity: int, rng: np.random.Generator) -> bool:
    return not c.isspace() and rng.random() < STEP * severity
