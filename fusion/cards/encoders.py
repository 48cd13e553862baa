"""Cards of the encoders that can be chosen, and the README's table of them: drawn from the `metrics.json` beside their weights.

python -m fusion cards        rewrites cards and table from the metrics at hand
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.cards.markdown import bare_percent, fill, licence, limits_and_licence, percent
from fusion.cards.markdown import table as table_of
from fusion.config import CHECKPOINTS
from fusion.describe import About, trained_on
from fusion.encoder_metrics import EncoderMetrics, read_metrics
from fusion.paths import METRICS, encoder_folder
from fusion.tasks import DEFAULT, TASKS, Task

START, END = "<!-- encoders: python -m fusion cards -->", "<!-- /encoders -->"
PROBE = (
    "A linear probe is a logistic regression on the vectors of 4,000 training samples, all severities; measured on 2,000 test samples "
    "each, clean and at severity 3. It measures how well a linear model predicts the digit from the vectors, nothing else."
)


def card(task: Task, modality: str, name: str, about: About, metrics: EncoderMetrics) -> str:
    """The model card of an encoder that is not a compact one; those have cards with more figures."""
    training = f"python -m fusion train --task {task.name} --strategy {name} --data DIR"
    rows = [["clean", percent(metrics["probe"])], ["severity 3", percent(metrics["probe_severity_3"])]]
    lines = [
        f"# {about.title}",
        "",
        about.story,
        "",
        str(trained_on(task, modality, about.learned)),
        "",
        f"    {training if about.learned else metrics['command']}",
        "",
        f"Linear probe, `{metrics['command']}`, {metrics['date']}:",
        "",
        *table_of(["test samples", "accuracy"], rows),
        "",
        PROBE,
        "",
        *limits_and_licence(task.card, modality),
    ]
    return "\n".join(lines)


def heads_card(task: Task, report: dict[str, Any]) -> str:
    """The card of strategies on encoders of choice."""
    rows = [[f"`{name}`", percent(found["clean"]), percent(found["severity_3"])] for name, found in report["accuracy"].items()]
    lines = [
        f"# Strategies on other encoders: {', '.join(report['choice'].values())}",
        "",
        "Trained on 12,000 samples combined from 4,000 reference vectors of each encoder (see their cards), with modality dropout; one "
        "seed. Strategies that fuse tokens are trained on the compact encoders only.",
        "",
        f"    {report['command']}",
        "",
        f"Accuracy on {report['samples']} test samples with all four modalities, clean and all at severity 3, {report['date']}:",
        "",
        *table_of(["strategy", "clean", "severity 3"], rows),
        "",
        f"Data: {'; '.join(task.card.data.values())}.",
        "",
        *licence(task.card),
    ]
    return "\n".join(lines)


def measured(task: Task, encoders: Mapping[str, About], checkpoints: Path) -> dict[str, tuple[str, EncoderMetrics]]:
    """{encoder: its modality and metrics} of those that have any, modality after modality."""
    found = {}
    for modality in task.modalities:
        for name, about in encoders.items():
            folder = encoder_folder(checkpoints, task, modality, name)
            if about.modality == task.kinds[modality] and (folder / METRICS).exists():
                found[name] = modality, read_metrics(folder)
    return found


def table(task: Task, encoders: Mapping[str, About], checkpoints: Path = CHECKPOINTS) -> str:
    """One row for every encoder that was measured."""
    rows = []
    for name, (modality, metrics) in measured(task, encoders, checkpoints).items():
        about = encoders[name]
        link = f"[{about.file}](../fusion/encoders/{about.file})"
        figures = bare_percent(metrics["probe"]), bare_percent(metrics["probe_severity_3"])
        rows.append([modality, f"`{name}`", about.idea, about.paper, link, *figures])
    return "\n".join(table_of(["modality", "encoder", "idea", "paper", "file", "probe, clean", "probe, severity 3"], rows))


def write(encoders: Mapping[str, About], checkpoints: Path = CHECKPOINTS) -> None:
    """Cards of all encoders but the compact ones, and the table in `checkpoints/README.md` where that has a place for it."""
    task = TASKS[DEFAULT]
    for name, (modality, metrics) in measured(task, encoders, checkpoints).items():
        if name != task.encoders[modality]:
            text = card(task, modality, name, encoders[name], metrics)
            (encoder_folder(checkpoints, task, modality, name) / "README.md").write_text(text)
    fill(checkpoints / "README.md", {(START, END): table(task, encoders, checkpoints)})
