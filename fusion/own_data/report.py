"""What `fusion.fit` returns: the answer, the table behind it, and where the lab lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusion.tables import aligned, plain


@dataclass(frozen=True)
class FitReport:
    """The comparison of a data set.

    sentence     whether fusion helps; recommended: the strategy or modality to take
    verdict      how that was decided, see `fusion.own_data.verdict.Verdict`
    table        {strategy or modality: mean, low, high, validation, seconds, to_single, to_late}
    further      of the recommended and of the best strategy: recall, calibration, confusion, subsets, Shapley values
    data         name, hash, numbers of samples, columns, and the findings of the data check
    folder       of the lab
    """

    sentence: str
    recommended: str
    measure: str
    verdict: dict[str, Any]
    table: dict[str, Any]
    further: dict[str, Any]
    data: dict[str, Any]
    training: dict[str, Any]
    folder: Path | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    inspection: Any = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `--json` prints them."""
        found: dict[str, Any] = plain(
            {
                "sentence": self.sentence,
                "recommended": self.recommended,
                "measure": self.measure,
                "verdict": self.verdict,
                "table": self.table,
                "further": self.further,
                "data": self.data,
                "training": self.training,
                "folder": None if self.folder is None else str(self.folder),
                "notes": list(self.notes),
                "seconds": round(self.seconds, 1),
            }
        )
        return found

    def lines(self) -> list[str]:
        """For a terminal: the sentence, the table, the notes."""
        rows = [["strategy", self.measure, "95 % interval", "to the best modality", "to late"]]
        for name, row in sorted(self.table.items(), key=lambda item: -item[1]["mean"]):
            rows.append(
                [
                    name + (" *" if name == self.recommended else ""),
                    f"{row['mean']:.3f}",
                    f"{row['low']:.3f} to {row['high']:.3f}",
                    shown(row.get("to_single")),
                    shown(row.get("to_late")),
                ]
            )
        warned = [f"Data check: {finding['sentence']}" for finding in self.data["findings"]]
        return [*warned, self.sentence, f"Recommended: {self.recommended}.", "", *aligned(rows, right=(1,)), "", *self.notes]


def shown(difference: dict[str, float] | None) -> str:
    if difference is None:
        return "-"
    star = " (shown)" if difference["p_holm"] < 0.05 else ""
    return f"{difference['mean']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f}){star}"
