"""Model cards of the encoders that belong to a task, drawn from its `report.json` and the `metrics.json` beside the weights."""

from __future__ import annotations

from typing import Any

from fusion.cards import distilled
from fusion.cards.markdown import limits_and_licence, percent, table
from fusion.cards.strategies import Report
from fusion.encoder_metrics import EncoderMetrics
from fusion.tasks import TASKS


def card_of(modality: str, title: str, report: Report, metrics: EncoderMetrics) -> str:
    """The card of an encoder, by what it was trained for; `title` is the encoder's."""
    task = TASKS[report["task"]]
    if task.heads.localization:
        return detection_card(report)
    if modality in task.card.teachers:
        return distilled.encoder_card(modality, report, title)
    return encoder_card(modality, report, metrics)


def encoder_card(modality: str, report: Report, metrics: EncoderMetrics | None = None) -> str:
    """An encoder that was trained on the labels of the task."""
    task = TASKS[report["task"]]
    text = task.card
    trained_on = f"Trained on {text.data[modality]}. " if modality in text.data else ""
    lines = [
        f"# {modality.capitalize()} encoder of the task {task.name}",
        "",
        f"{trained_on}{report['encoder_parameters'][modality]:,} parameters, 96-d tokens and embedding.",
        "",
        f"    python -m fusion train --task {task.name} --strategy {modality}_only --data DIR",
        *text.commands.get(modality, ()),
        "",
        f"With a linear head ({modality}_only), measured by `{report['command']}` on {report['date']}:",
        "",
        *table(["test set", "accuracy", "samples"], test_rows(modality, report)),
        *outside_lines(modality, report),
        *probe_lines(metrics),
    ]
    if modality in text.notes:
        lines += ["", text.notes[modality]]
    if modality == "audio" and report["leave_one_speaker_out"]:
        lines += speaker_lines(report["leave_one_speaker_out"])
    return "\n".join([*lines, "", *limits_and_licence(text, modality)])


def test_rows(modality: str, report: Report) -> list[list[str]]:
    """The encoder's test sets; the clean samples that strategies are measured on where the task has none."""
    text = TASKS[report["task"]].card
    if "single" in report:
        tests = {name: found for name, found in report["single"].items() if name.startswith(modality)}
        return [[text.test_sets[name], percent(found["accuracy"]), str(found["samples"])] for name, found in tests.items()]
    found = report["severity"]["all-0"].get(f"{modality}_only")
    return [["test samples of the task", percent(found["accuracy"]), str(report["samples"])]] if found else []


def outside_lines(modality: str, report: Report) -> list[str]:
    """Test sets of sources that training does not use, where the report has any."""
    found = {name: row for name, row in report.get("outside", {}).items() if name.startswith(modality) and "accuracy" in row}
    if not found:
        return []
    rows = [[row["source"], percent(row["accuracy"]), f"{row['calibration_error']:.3f}", str(row["samples"])] for row in found.values()]
    return ["", "From sources that training does not use:", "", *table(["source", "accuracy", "calibration error", "samples"], rows)]


def probe_lines(metrics: EncoderMetrics | None) -> list[str]:
    """How well a linear probe reads an encoder, where that was measured."""
    if not metrics:
        return []
    figures = f"**{percent(metrics['probe'])}** clean, {percent(metrics['probe_severity_3'])} at severity 3"
    return ["", f"Linear probe on its vectors (logistic regression, `{metrics['command']}`, {metrics['date']}): {figures}."]


def speaker_lines(found: dict[str, Any]) -> list[str]:
    """What `python -m fusion leave-out` measured."""
    each = ", ".join(f"{speaker} {percent(accuracy)}" for speaker, accuracy in found["speakers"].items())
    return [
        "",
        f"FSDD's official split shares its speakers with training. Leave-one-speaker-out: **{percent(found['mean'])}** ({each};",
        f"`{found['command']}`, a shorter training than the shipped one's).",
    ]


def detection_card(report: Report) -> str:
    """The picture encoder of a task that asks where."""
    task = TASKS[report["task"]]
    text = task.card
    places = {name: found["text+audio+video"] for name, found in report["places"].items()}
    best = max(places, key=lambda name: places[name]["iou"])
    figures = f"mean IoU {places[best]['iou']:.3f}, centre in the asked box {percent(places[best]['centre_inside'])}"
    lines = [
        f"# Image encoder of the task {task.name}",
        "",
        "The compact CNN of `digits` on 96x96 pixels (12x12 tokens), initialised with its weights and trained on images of several digits from "
        f"{text.data['image']}.",
        f"It predicts for each cell which digit covers it, the edges of that digit, and the ink. {report['encoder_parameters']['image']:,} parameters.",
        "",
        f"    python -m fusion train --task {task.name} --strategy detection --data DIR",
        "",
        "The shipped weights were trained for 12 epochs: nine of a schedule of 16 epochs, then the last three of a schedule of 12.",
        "",
        f"With the best strategy on top ({best}): {figures} (`{report['command']}`, {report['date']}).",
        "",
        *limits_and_licence(text, "image"),
    ]
    return "\n".join(lines)
