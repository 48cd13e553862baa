"""Calibration and "none of these" on the cards: sections `calibration` and `rejection` of a report, see `fusion.evaluation.calibrate`."""

from __future__ import annotations

from typing import Any

from fusion.cards.markdown import percent, table

Report = dict[str, Any]


def calibration_lines(name: str, report: Report) -> list[str]:
    """Temperatures of a strategy, and expected calibration error before and after."""
    found = report.get("calibration", {}).get(name)
    if not found:
        return []
    rows = []
    for given, row in found.items():
        figures = f"{row['temperature']:.2f}", f"{row['before']:.3f}", f"{row['after']:.3f}"
        rows.append([given.replace("+", ", "), *figures])
    samples = next(iter(found.values()))["samples"]
    return [
        f"Temperatures (Guo 2017), fitted on validation data by `python -m fusion calibrate --task {report['task']} --data DIR`,"
        f" and expected calibration error in ten bins, on {samples:,} clean test samples:",
        "",
        *table(["given", "temperature", "error without", "error with"], rows),
        "",
    ]


def rejection_lines(report: Report) -> list[str]:
    """How well "none of these" is told by each modality and subset; the same for all strategies of the task."""
    found = report.get("rejection")
    if not found or "subsets" not in found:
        return []
    rows = [
        [given.replace("+", ", "), percent(row["accepted"]), percent(row["accepted_with_one_known"]), percent(row["noticed"])]
        for given, row in found["subsets"].items()
    ]
    return [
        "None of these, told by what the encoders find and the same for all strategies, on kinds of other media that training never saw:",
        "",
        *table(["given", "of the labels: accepted", "one of them of the labels: accepted", "none of the labels: noticed"], rows),
        "",
    ]


def rejection_table(report: Report) -> list[str]:
    """A README table: each modality, and what was noticed by kind."""
    found = report.get("rejection", {}).get("modalities", {})
    rows = []
    for modality, row in found.items():
        kinds = ", ".join(f"{kind} {percent(value)}" for kind, value in row["noticed_by_kind"].items())
        rows.append([modality, f"{row['auroc']:.3f}", percent(row["accepted"]), percent(row["noticed"]), kinds])
    head = ["none of these, by one modality", "AUROC", "of the labels: accepted", "others: noticed", "by kind, none of them in training"]
    return table(head, rows) if rows else []
