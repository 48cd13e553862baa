"""Writes the model cards beside the weights, and the tables of the two READMEs, from the reports at hand.

python -m fusion cards
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fusion.cards import distilled, encoders, steps, typed_labels
from fusion.cards.markdown import fill
from fusion.cards.strategies import Report, baseline_card, strategy_card
from fusion.cards.tables import (
    CONFLICT_END,
    CONFLICT_START,
    END,
    RESULTS_END,
    RESULTS_START,
    START,
    conflict_table,
    overview_table,
    results_table,
)
from fusion.cards.task_encoders import card_of
from fusion.config import CHECKPOINTS
from fusion.describe import About
from fusion.encoder_metrics import read_metrics
from fusion.files import load_json
from fusion.paths import METRICS
from fusion.tasks import DEFAULT, TASKS


@dataclass(frozen=True)
class Described:
    """{name: what it is} of all strategies and encoders, see `fusion.describe`."""

    strategies: Mapping[str, About]
    encoders: Mapping[str, About]


def load_reports(checkpoints: Path = CHECKPOINTS) -> dict[str, Report]:
    """{task: its report} of every task that has one; where labels are typed it is of another form and fills no table."""
    paths = {name: checkpoints / name / "report.json" for name, task in TASKS.items() if not task.open_labels}
    return {task: load_json(path) for task, path in paths.items() if path.exists()}


def write_task(task: str, described: Described, checkpoints: Path = CHECKPOINTS, readme: Path = CHECKPOINTS.parent / "README.md") -> None:
    """Writes every card of a task, and the tables of the README and of `checkpoints/README.md` where these have a place for them."""
    reports = load_reports(checkpoints)
    report = reports[task]
    home = checkpoints / task
    for modality, owner in TASKS[task].encoder_tasks.items():
        if owner == task:
            folder = home / "encoders" / modality
            metrics = read_metrics(folder) if (folder / METRICS).exists() else {}
            title = described.encoders[TASKS[task].encoders[modality]].title
            (folder / "README.md").write_text(card_of(modality, title, report, metrics))
    for name in report["parameters"]:
        about = described.strategies.get(name)
        card = strategy_card(name, about, report) if about else baseline_card(name, task)
        (home / name / "README.md").write_text(card)
    fill(readme, {(START, END): overview_table(described.strategies)})
    tables = {}
    if DEFAULT in reports:
        tables[RESULTS_START, RESULTS_END] = results_table(reports, described.strategies)
        tables[CONFLICT_START, CONFLICT_END] = conflict_table(reports, described.strategies)
    for name, each in reports.items():
        if TASKS[name].card.teachers:
            tables[distilled.marks(name)] = distilled.readme_table(each)
    fill(checkpoints / "README.md", tables)


def write_all(described: Described) -> None:
    """All cards and tables."""
    for name in load_reports():
        write_task(name, described)
    for name, task in TASKS.items():
        if task.open_labels and (CHECKPOINTS / name / "report.json").exists():
            typed_labels.write(CHECKPOINTS / name)
    encoders.write(described.encoders)
    fill(CHECKPOINTS / "README.md", {(steps.START, steps.END): steps.tables(TASKS)})
