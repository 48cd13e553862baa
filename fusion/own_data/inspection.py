"""What was understood of a data set, and what the data check found: `fusion.inspect("DATA")`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fusion.messages import message
from fusion.own_data.checks.duplicates import Keys, check_equal, check_near
from fusion.own_data.checks.finding import Finding
from fusion.own_data.checks.groups import check_counts, check_groups, check_missing
from fusion.own_data.checks.metadata import check_metadata
from fusion.own_data.checks.words import check_words
from fusion.own_data.encoding import Encoded
from fusion.own_data.feature_cache import content_key
from fusion.own_data.reading import read_samples
from fusion.own_data.samples import Column, Samples
from fusion.own_data.splits import Plan, make_plan
from fusion.tables import aligned, plain
from fusion.types import FusionError

SEEDS = 5


@dataclass(frozen=True)
class Inspection:
    """A data set as it was understood.

    columns     how each was understood, and why
    modalities  {name: kind}
    label       its column; answer: "class", "labels" or "value"; classes {label: number of samples}
    splits      {"train": number of samples, ...}; split: "given", "group" or "random"
    findings    of the data check; none in clean data
    notes       what was assumed or left out
    """

    name: str
    rows: int
    columns: tuple[Column, ...]
    modalities: dict[str, str]
    label: str
    answer: str
    classes: dict[str, int]
    split: str
    splits: dict[str, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        found: dict[str, Any] = plain(
            {
                "name": self.name,
                "rows": self.rows,
                "columns": [column.to_json() for column in self.columns],
                "modalities": self.modalities,
                "label": self.label,
                "answer": self.answer,
                "classes": self.classes,
                "split": self.split,
                "splits": self.splits,
                "findings": [finding.to_json() for finding in self.findings],
                "notes": list(self.notes),
            }
        )
        return found

    def lines(self) -> list[str]:
        """For a terminal."""
        rows = [["column", "kind", "why", "example", "missing"]]
        rows += [[c.name, c.kind, str(c.why), c.example, f"{c.missing:.0%}"] for c in self.columns[:200]]
        counts = ", ".join(f"{name} {count:,}" for name, count in list(self.classes.items())[:20])
        told = [f"{self.name}: {self.rows:,} samples, {self.answer}: {counts or self.label}", f"split ({self.split}): {self.splits}"]
        found = [f"! {f.sentence} ({', '.join(f.examples)})" for f in self.findings] or ["The data check found nothing."]
        return [*aligned(rows), "", *told, *self.notes, "", *found]


def inspect(
    data: str | os.PathLike[str],
    label: str | None = None,
    group: str | None = None,
    columns: Mapping[str, str] | None = None,
    answer: str | None = None,
) -> Inspection:
    """Reads and checks a data set without training anything; see `fusion.own_data.reading.read_samples` for the arguments.

    Raises:
        FusionError: it cannot be read, in one sentence.
    """
    samples = read_samples(data, label, group, columns, answer)
    return check_samples(samples, None, make_plan(samples, SEEDS))


def check_samples(samples: Samples, encoded: Encoded | None, plan: Plan) -> Inspection:
    """Everything that can be said before training."""
    keys = keys_of(samples) if encoded is None else encoded.keys
    findings = [
        *giveaways(samples),
        *check_equal(samples, plan, keys),
        *check_near(samples, plan, keys),
        *check_words(samples),
        *check_groups(samples, plan),
        *check_counts(samples, plan),
        *check_missing(samples),
        *check_metadata(samples, plan),
    ]
    count: Counter[str] = Counter()
    for one in samples.labels:
        count.update(one if isinstance(one, tuple) else [] if one is None else [str(one)])
    fold = plan.folds[0]
    return Inspection(
        name=samples.name,
        rows=len(samples),
        columns=samples.columns,
        modalities=dict(samples.kinds),
        label=samples.label,
        answer=samples.answer,
        classes={} if samples.answer == "value" else {c: count[c] for c in samples.classes},
        split=plan.kind,
        splits={"train": len(fold.train), "val": len(fold.val), "test": len(fold.test)},
        findings=tuple(findings),
        notes=tuple(map(str, (*samples.notes, *plan.notes))),
    )


def giveaways(samples: Samples) -> list[Finding]:
    """Columns that were left out because they give the class away."""
    found = [c for c in samples.columns if c.kind == "ignore" and str(c.why) == "it gives the class away"]
    return [
        Finding("giveaway", message("The column {name!r} gives the class away and is left out; --columns {name}=KIND keeps it.",
                                    name=c.name,), len(samples), (c.example,))
        for c in found
    ]  # fmt: skip


def keys_of(samples: Samples) -> Keys:
    """Content hashes of all media; None where a file cannot be read."""
    keys: Keys = {}
    for m, values in samples.media.items():
        keys[m] = [None] * len(values)
        for i, value in enumerate(values):
            if value is not None:
                try:
                    keys[m][i] = content_key(value)
                except FusionError:
                    continue
    return keys
