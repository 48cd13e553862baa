"""Model cards beside the weights, and the tables of the two READMEs: all drawn from the tasks' `report.json`, never typed.

python -m fusion cards        rewrites all cards and tables from the reports at hand
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fusion.cards import distilled
from fusion.cards.intervals import wilson
from fusion.config import CHECKPOINTS
from fusion.encoders import ENCODERS
from fusion.files import load_json
from fusion.strategies import STRATEGIES
from fusion.tasks import DEFAULT, TASKS

TUNED = (
    "The steps of the corruptions were set after looking at the single encoders on the test split, so that severity 3 costs each modality a like amount. "
    "How far fusion leads there depends on that choice."
)
START, END = "<!-- strategies: python -m fusion cards -->", "<!-- /strategies -->"
RESULTS_START, RESULTS_END = "<!-- results: python -m fusion cards -->", "<!-- /results -->"
CONFLICT_START, CONFLICT_END = "<!-- conflict: python -m fusion cards -->", "<!-- /conflict -->"
TAUGHT_LOOK = "Pointing game: the cell that the questions look at most lies in the asked box. They were told to look there in training (Liu 2017), so this says that the lesson holds on new pictures, not that attention finds by itself what matters. A token of a sound hears a part of the word only, which is why a voice alone points worst."
POOLED_PLACE = "It sees one vector per modality, and a pooled vector hardly says where anything lies: box and mask are near to a guess."


def percent(value: float) -> str:
    """One decimal; only what is whole is called 100.0 %."""
    return f"{100 * value:.1f} %" if value == 1 else f"{min(100 * value, 99.9):.1f} %"


def probe_lines(facts: dict[str, Any]) -> list[str]:
    """How well a linear probe reads an encoder, where that was measured."""
    if not facts:
        return []
    figures = f"**{percent(facts['probe'])}** clean, {percent(facts['probe_severity_3'])} at severity 3"
    return ["", f"Linear probe on its vectors (logistic regression, `{facts['command']}`, {facts['date']}): {figures}."]


def encoder_card(modality: str, report: dict[str, Any], facts: dict[str, Any] | None = None) -> str:
    task = TASKS[report["task"]]
    text = task.card
    rows = [
        f"| {text.test_sets[k]} | {percent(v['accuracy'])} | {v['samples']} |"
        for k, v in report["single"].items()
        if k.startswith(modality)
    ]
    lines = [
        f"# {modality.capitalize()} encoder of the task {task.name}",
        "",
        f"Trained on {text.data[modality]}. {report['encoder_parameters'][modality]:,} parameters, 96-d tokens and embedding.",
        "",
        f"    python -m fusion train --task {task.name} --strategy {modality}_only --data DIR",
        *text.commands.get(modality, ()),
        "",
        f"With a linear head ({modality}_only), measured by `{report['command']}` on {report['date']}:",
        "",
        "| test set | accuracy | samples |",
        "|---|---|---|",
        *rows,
        *probe_lines(facts or {}),
    ]
    if modality in text.notes:
        lines += ["", text.notes[modality]]
    loso = report["leave_one_speaker_out"]
    if modality == "audio" and loso:
        each = ", ".join(f"{k} {percent(v)}" for k, v in loso["speakers"].items())
        lines += [
            "",
            f"FSDD's official split shares its speakers with training. Leave-one-speaker-out: **{percent(loso['mean'])}** ({each};",
        ]
        lines += [f"`{loso['command']}`, a shorter training than the shipped one's)."]
    return "\n".join([*lines, "", "## Limits", "", text.limits[modality], "", "## Licence", "", text.licence, ""])


def detection_card(report: dict[str, Any]) -> str:
    """The picture encoder of a task that asks where."""
    task = TASKS[report["task"]]
    text = task.card
    best, where = max(((n, t["text+audio+video"]) for n, t in report["places"].items()), key=lambda pair: pair[1]["iou"])
    lines = [f"# Image encoder of the task {task.name}", "", f"The compact CNN of `digits` on 96x96 pixels (12x12 tokens), begun with its weights and trained on scenes made of {text.data['image']}:",
             f"which digit covers each cell, where its edges are, where ink is. {report['encoder_parameters']['image']:,} parameters.", "",
             f"    python -m fusion train --task {task.name} --strategy detection --data DIR", "",
             "The shipped weights had 12 epochs, the last three on a schedule of their own: 9 of a planned 16, then 3 at the end of one of 12.", "",
             f"With the best strategy on top ({best}): mean IoU {where['iou']:.3f}, centre in the asked box {percent(where['centre_inside'])} (`{report['command']}`, {report['date']}).",
             "", "## Limits", "", text.limits["image"], "", "## Licence", "", text.licence, ""]  # fmt: skip
    return "\n".join(lines)


def seeds_lines(name: str, report: dict[str, Any]) -> list[str]:
    """Mean and deviation over seeds, where they were trained."""
    seeds = report["seeds"]
    if not seeds or name not in seeds["strategies"]:
        return ["One seed; the other seeds of this strategy were not trained."]
    figures = seeds["strategies"][name]
    count = len(figures["all-0"]["each"])
    shown = ("all-0", "all-3", "all-5", "area", "seen_pairs", "unseen_pairs", "iou", "centre_inside")
    each = ", ".join(
        f"{f.replace('_', ' ')} {100 * figures[f]['mean']:.2f} ± {100 * figures[f]['deviation']:.2f}" for f in shown if f in figures
    )
    return [f"Over {count} seeds (`{seeds['command']}`), mean ± standard deviation in %: {each}."]


def strategy_card(name: str, report: dict[str, Any]) -> str:
    kind, severity, task = STRATEGIES[name], report["severity"], report["task"]
    subsets, robust, share = report["subsets"][name], report["robustness"][name], report["shapley"][name]
    text = TASKS[task].card
    whole = max(subsets, key=lambda k: k.count("+"))
    low, high = wilson(subsets[whole]["accuracy"], subsets[whole]["samples"])
    price = report["cost"][name]
    lines = [
        f"# {kind.title} for the task {task}",
        "",
        f"{(kind.__doc__ or '').strip().splitlines()[0]} {kind.paper}. {price['parameters']:,} parameters and {price['multiply_adds']:,} multiply-adds",
        "on top of the encoders, which are shared by all strategies and were frozen.",
        "",
        f"    python -m fusion train --task {task} --strategy {name} --data DIR",
        "",
        text.about,
        *([text.remarks[name]] if name in text.remarks else []),
        *([POOLED_PLACE] if TASKS[task].heads.localization and kind.fuses != "tokens" else []),
        "",
        f"Measured by `{report['command']}` on {report['date']}, {subsets[whole]['samples']} test samples per setting"
        f" (95 % interval of the last row's accuracy: {percent(low)} to {percent(high)}):",
        "",
        "| modalities (clean) | accuracy | macro recall | macro F1 | calibration error |",
        "|---|---|---|---|---|",
        *[
            f"| {k.replace('+', ', ')} | {percent(v['accuracy'])} | {percent(v['recall'])} | {percent(v['f1'])} | {v['calibration_error']:.3f} |"
            for k, v in subsets.items()
        ],
        "",
        *seeds_lines(name, report),
        "",
        *held_out_lines(name, report),
        *conflict_lines(name, report),
        *place_lines(name, report),
        "| corrupted | severity 0 | 1 | 2 | 3 | 4 | 5 |",
        "|---|---|---|---|---|---|---|",
        *[f"| {m} | {' | '.join(percent(severity['all-0' if k == 0 else f'{m}-{k}'][name]['accuracy']) for k in range(6))} |" for m in ("all", *TASKS[task].modalities)],
        "",
        f"Area under the first row {robust['area']:.4f}, {robust['excess_over_late']:+.4f} against `late`. Shapley values of the modalities in the clean accuracy: "
        + ", ".join(f"{m} {v:+.3f}" for m, v in share["values"].items()) + f"; interaction share {share['interaction_share']:.2f}.",
        "",
        *explanation_lines(name, report),
        *(distilled.rejection_lines(name, report) if "rejection" in report else [TUNED, ""]),
        "## Data",
        "",
        *[f"- {m}: {text}." for m, text in text.data.items()],
        "",
        "## Licence",
        "",
        text.licence,
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def explanation_lines(name: str, report: dict[str, Any]) -> list[str]:
    """How much better than chance each explainer orders the tokens."""
    rows = report.get("explanations", {}).get(name)
    if not rows:
        return []
    count = next(iter(rows.values()))["samples"]
    lines = [f"| explanation ({count} samples) | deletion, gain on random order | insertion, gain on random order |", "|---|---|---|"]
    for kind, v in rows.items():
        lines.append(
            f"| {kind} | {v['deletion_gain']:+.3f} ± {v['deletion_error']:.3f} | {v['insertion_gain']:+.3f} ± {v['insertion_error']:.3f} |"
        )
    return [
        *lines,
        "",
        "Areas in the probability of the answer, tokens of all modalities in one order; ± is the standard error (Petsiuk 2018, RISE).",
        "",
    ]


def held_out_lines(name: str, report: dict[str, Any]) -> list[str]:
    if "held_out" not in report:
        return []
    row = report["held_out"][name]
    return [
        f"Pairs of digits from training: {percent(row['seen_pairs']['accuracy'])}. Pairs that training never saw: **{percent(row['unseen_pairs']['accuracy'])}**.",
        "",
    ]


def conflict_lines(name: str, report: dict[str, Any]) -> list[str]:
    """Whom it believes when modalities contradict one another."""
    if "conflict" not in report:
        return []
    row = report["conflict"][name]
    strong = max(row["one"], key=lambda m: row["one"][m])
    each = ", ".join(f"{m} {percent(v)}" for m, v in row["each"].items())
    return [
        f"In made-up conflicts of clean test media, {row['samples']:,} for each choice of the fourth and as many where all differ: when three modalities name one label and the fourth another, it"
        f" follows the three in {percent(row['three'])}, the fourth most often where that is {strong} ({percent(row['one'][strong])}). When all four"
        f" differ, the answer is what one of them says ({each}) or what nobody says, **{percent(row['nobody'])}**.",
        "",
    ]


def place_lines(name: str, report: dict[str, Any]) -> list[str]:
    if "places" not in report:
        return []
    rows = report["places"][name]
    point = "pointing" in next(iter(rows.values()))
    head = "| asked by | mean IoU | centre in the asked box | mask IoU | there or not | absent noticed |" + (
        " pointing game |" if point else ""
    )
    lines = [head, "|---|---|---|---|---|---|" + ("---|" if point else "")]
    for asked, v in rows.items():
        cells = [
            f"{v['iou']:.3f}",
            percent(v["centre_inside"]),
            f"{v['mask_iou']:.3f}",
            percent(v["found_accuracy"]),
            percent(v["absent_noticed"]),
        ]
        lines.append(f"| {asked.replace('+', ', ')} | {' | '.join(cells + ([percent(v['pointing'])] if point else []))} |")
    return [*lines, "", *([TAUGHT_LOOK, ""] if point else [])]


def baseline_card(name: str, task: str) -> str:
    modality = name.removesuffix("_only")
    home = TASKS[task].encoder_tasks[modality]
    place = "../encoders" if home == task else f"../../{home}/encoders"
    return f"# {modality.capitalize()} alone for the task {task}\n\nA linear head on the {modality} encoder; data, figures, limits and licence are on [its card]({place}/{modality}/README.md).\n"


def with_seeds(report: dict[str, Any], name: str, figure: str, one: float) -> str:
    """Mean ± deviation over seeds where there are several, else the one figure."""
    seeds = (report["seeds"] or {"strategies": {}})["strategies"].get(name)
    return f"{100 * seeds[figure]['mean']:.1f} ± {100 * seeds[figure]['deviation']:.1f}" if seeds else f"{bare_percent(one)}"


def overview_table() -> str:
    """Every strategy with its idea, paper and file."""
    lines = ["| strategy | idea | paper | file |", "|---|---|---|---|"]
    for name, kind in STRATEGIES.items():
        idea = (kind.__doc__ or "").strip().splitlines()[0]
        lines.append(f"| `{name}` | {idea} | {kind.paper} | [{name}.py](fusion/strategies/{name}.py) |")
    return "\n".join(lines)


FIGURES: dict[str, Callable[[dict[str, Any], str], float]] = {  # figures of a report that a column of the results can show
    "all-3": lambda report, name: report["severity"]["all-3"][name]["accuracy"],
    "seen_pairs": lambda report, name: report["held_out"][name]["seen_pairs"]["accuracy"],
    "unseen_pairs": lambda report, name: report["held_out"][name]["unseen_pairs"]["accuracy"],
    "centre_inside": lambda report, name: report["places"][name]["text+audio+video"]["centre_inside"],
}


def results_table(reports: dict[str, dict[str, Any]]) -> str:
    """What each strategy and baseline reaches in every task, in %, and the cost of one answer."""
    columns = [(task.name, figure, title) for task in TASKS.values() for figure, title in task.card.columns.items()]
    titles = ["strategy", *(title for _, _, title in columns), "parameters", "ms"]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    first = reports[DEFAULT]
    for name in STRATEGIES:
        figures = []
        for task, figure, _ in columns:
            known = task in reports and name in reports[task]["subsets"]
            figures.append(with_seeds(reports[task], name, figure, FIGURES[figure](reports[task], name)) if known else "not trained")
        lines.append(_row(name, figures, first["cost"].get(name)))
    for name in (n for n in first["severity"]["all-0"] if n not in STRATEGIES):
        figures = [alone(reports.get(task), name, figure) for task, figure, _ in columns]
        lines.append(_row(name, figures, first["cost"][name]))
    return "\n".join(lines)


def alone(report: dict[str, Any] | None, name: str, figure: str) -> str:
    """A baseline's accuracy in the setting nearest to a column of the table; empty where one modality alone makes no sense."""
    setting = {"all-3": "all-3", "seen_pairs": "all-0"}.get(figure)
    if report is None or setting is None:
        return ""
    return bare_percent(report["severity"][setting][name]["accuracy"])


def bare_percent(share: float) -> str:
    """Percent without the sign."""
    return percent(share).removesuffix(" %")


def _row(name: str, figures: list[str], cost: dict[str, Any] | None) -> str:
    costs = [f"{cost['parameters']:,}", f"{cost['milliseconds']:.1f}"] if cost else ["", ""]
    return "| " + " | ".join([f"`{name}`", *figures, *costs]) + " |"


def conflict_table(reports: dict[str, dict[str, Any]]) -> str:
    """In % whom each strategy believes when modalities contradict one another, in the tasks where all of them say the same otherwise."""
    tasks = [task for task, report in reports.items() if "conflict" in report]
    head = [
        f"`{task}`: {asked}" for task in tasks for asked in ("three against one, follows the three", "all differ, says what nobody says")
    ]
    lines = [f"| strategy | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for name in STRATEGIES:
        rows = [reports[task]["conflict"].get(name) for task in tasks]
        cells = [bare_percent(row[key]) if row else "not trained" for row in rows for key in ("three", "nobody")]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def load_reports(checkpoints: Path = CHECKPOINTS) -> dict[str, dict[str, Any]]:
    """{task: its report} of every task that has one."""
    paths = {task: checkpoints / task / "report.json" for task in TASKS}
    return {task: load_json(path) for task, path in paths.items() if path.exists()}


def card_of(task: str, modality: str, report: dict[str, Any], facts: dict[str, Any]) -> str:
    """The card of an encoder that belongs to the task."""
    if TASKS[task].heads.localization:
        return detection_card(report)
    if modality in TASKS[task].card.teachers:
        return distilled.encoder_card(modality, report, ENCODERS[TASKS[task].encoders[modality]].title)
    return encoder_card(modality, report, facts)


def write(task: str, checkpoints: Path = CHECKPOINTS, readme: Path = CHECKPOINTS.parent / "README.md") -> None:
    """Writes every card of a task, and the tables of the README and of `checkpoints/README.md` where these have a place for them."""
    reports = load_reports(checkpoints)
    report, home = reports[task], checkpoints / task
    for modality, owner in TASKS[task].encoder_tasks.items():
        if owner == task:
            path = home / "encoders" / modality / "facts.json"
            facts = load_json(path) if path.exists() else {}
            (home / "encoders" / modality / "README.md").write_text(card_of(task, modality, report, facts))
    for name in report["parameters"]:
        (home / name / "README.md").write_text(strategy_card(name, report) if name in STRATEGIES else baseline_card(name, task))
    fill(readme, {(START, END): overview_table()})
    tables = {}
    if DEFAULT in reports:
        tables |= {(RESULTS_START, RESULTS_END): results_table(reports), (CONFLICT_START, CONFLICT_END): conflict_table(reports)}
    for name, each in reports.items():
        if TASKS[name].card.teachers:
            tables |= {distilled.marks(name): distilled.readme_table(each)}
    fill(checkpoints / "README.md", tables)


def fill(path: Path, tables: Mapping[tuple[str, str], str]) -> None:
    """Writes each table {(mark before, mark after): table} into a file; a file that is missing stays so."""
    if not path.exists():
        return
    text = path.read_text()
    for (start, end), table in tables.items():
        text = between(text, start, end, table)
    path.write_text(text)


def between(text: str, start: str, end: str, table: str) -> str:
    """The text with what lies between two marks replaced; without the marks as it is."""
    if start not in text or end not in text:
        return text
    before, rest = text.split(start, 1)
    return f"{before}{start}\n{table}\n{end}{rest.split(end, 1)[1]}"


def write_all() -> None:
    """The cards of every task that has a report."""
    for each in load_reports():
        write(each)
