"""Tables of the README and of `checkpoints/README.md`, drawn from the tasks' reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fusion.cards.markdown import bare_percent, table
from fusion.cards.strategies import Report
from fusion.describe import About
from fusion.tasks import DEFAULT, TASKS

START, END = "<!-- strategies: python -m fusion cards -->", "<!-- /strategies -->"
RESULTS_START, RESULTS_END = "<!-- results: python -m fusion cards -->", "<!-- /results -->"
CONFLICT_START, CONFLICT_END = "<!-- conflict: python -m fusion cards -->", "<!-- /conflict -->"

FIGURES: dict[str, Callable[[Report, str], float]] = {  # figures of a report that a column of the results can show
    "all-3": lambda report, name: report["severity"]["all-3"][name]["accuracy"],
    "seen_pairs": lambda report, name: report["held_out"][name]["seen_pairs"]["accuracy"],
    "unseen_pairs": lambda report, name: report["held_out"][name]["unseen_pairs"]["accuracy"],
    "centre_inside": lambda report, name: report["places"][name]["text+audio+video"]["centre_inside"],
}
BASELINE_SETTINGS = {"all-3": "all-3", "seen_pairs": "all-0"}  # {figure: the setting in which a baseline is nearest to it}


def overview_table(strategies: Mapping[str, About]) -> str:
    """Every strategy with its idea, paper and file."""
    rows = [[f"`{name}`", about.idea, about.paper, f"[{about.file}](fusion/strategies/{about.file})"] for name, about in strategies.items()]
    return "\n".join(table(["strategy", "idea", "paper", "file"], rows))


def results_table(reports: Mapping[str, Report], strategies: Mapping[str, About]) -> str:
    """What each strategy and baseline reaches in every task, in %, and the cost of one answer."""
    columns = [(task.name, figure, title) for task in TASKS.values() for figure, title in task.card.columns.items()]
    cost = reports[DEFAULT]["cost"]
    rows = []
    for name in strategies:
        figures = [strategy_figure(reports.get(task), name, figure) for task, figure, _ in columns]
        rows.append([f"`{name}`", *figures, *cost_cells(cost.get(name))])
    for name in reports[DEFAULT]["severity"]["all-0"]:
        if name.endswith("_only"):
            figures = [baseline_figure(reports.get(task), name, figure) for task, figure, _ in columns]
            rows.append([f"`{name}`", *figures, *cost_cells(cost[name])])
    return "\n".join(table(["strategy", *(title for _, _, title in columns), "parameters", "ms"], rows))


def strategy_figure(report: Report | None, name: str, figure: str) -> str:
    """A figure in %, mean ± deviation over seeds where there are several."""
    if report is None or name not in report["subsets"]:
        return "not trained"
    seeds = report["seeds"]["strategies"].get(name) if report["seeds"] else None
    if seeds:
        return f"{100 * seeds[figure]['mean']:.1f} ± {100 * seeds[figure]['deviation']:.1f}"
    return bare_percent(FIGURES[figure](report, name))


def baseline_figure(report: Report | None, name: str, figure: str) -> str:
    """A baseline's accuracy in the setting nearest to a column of the table; empty where one modality alone makes no sense."""
    setting = BASELINE_SETTINGS.get(figure)
    if report is None or setting is None:
        return ""
    return bare_percent(report["severity"][setting][name]["accuracy"])


def cost_cells(cost: dict[str, Any] | None) -> list[str]:
    """Parameters and milliseconds, where they were measured."""
    return [f"{cost['parameters']:,}", f"{cost['milliseconds']:.1f}"] if cost else ["", ""]


def conflict_table(reports: Mapping[str, Report], strategies: Mapping[str, About]) -> str:
    """In % which modalities each strategy follows when they contradict one another, in the tasks where all of them agree otherwise."""
    tasks = [task for task, report in reports.items() if "conflict" in report]
    head = ["strategy"]
    for task in tasks:
        head.append(f"`{task}`: three against one, follows the three")
        head.append(f"`{task}`: all differ, says what nobody says")
    rows = []
    for name in strategies:
        cells = [f"`{name}`"]
        for task in tasks:
            found = reports[task]["conflict"].get(name)
            cells += [bare_percent(found[key]) if found else "not trained" for key in ("three", "nobody")]
        rows.append(cells)
    return "\n".join(table(head, rows))
