"""The label's word in the texts or the file names of its own samples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fusion.messages import message
from fusion.own_data.checks.finding import Finding, some
from fusion.own_data.columns import number_of
from fusion.own_data.samples import Samples

SHORTEST = 3  # characters of a label that is looked for
SHARE = 0.25  # of the samples whose label can be looked for
TIMES = 4  # as often as in the samples of other labels


def check_words(samples: Samples) -> Iterator[Finding]:
    if samples.answer != "class":
        return
    sought = {
        c: re.compile(rf"(?<![^\W_]){re.escape(c.lower())}(?![^\W\d_])")
        for c in samples.classes
        if len(c) >= SHORTEST and number_of(c) is None
    }
    if not sought:
        return
    for m, kind in samples.kinds.items():
        if kind == "text":
            texts = [v.lower() if isinstance(v, str) else None for v in samples.media[m]]
            yield from _found(samples, texts, sought, m)
        elif any(isinstance(v, Path) for v in samples.media[m]):
            names = [v.stem.lower() if isinstance(v, Path) else None for v in samples.media[m]]
            yield from _found(samples, names, sought, "")


def _found(samples: Samples, words: list[str | None], sought: dict[str, re.Pattern[str]], modality: str) -> Iterator[Finding]:
    """A finding where many samples have the word of their own label, and few the word of another."""
    own, other, looked, lookups = [], 0, 0, 0
    for i, (text, label) in enumerate(zip(words, samples.labels, strict=True)):
        if text is None or label not in sought:
            continue
        looked += 1
        lookups += len(sought) - 1
        hits = {c for c, pattern in sought.items() if pattern.search(text)}
        own += [i] if label in hits else []
        other += len(hits - {label})
    if not looked or len(own) < SHARE * looked or len(own) / looked < TIMES * other / max(lookups, 1):
        return
    names = [samples.rows[i] for i in own]
    if modality:
        said = message(
            "{count:,} of {total:,} texts ({modality}) contain the word of their own label.",
            count=len(own),
            total=looked,
            modality=modality,
        )
    else:
        said = message("{count:,} of {total:,} file names contain the word of their own label.", count=len(own), total=looked)
    yield Finding("label in words", said, len(own), some(names))
