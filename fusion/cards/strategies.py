"""Model cards of strategies and baselines, drawn from a task's `report.json`."""

from __future__ import annotations

from typing import Any

from fusion.cards.calibration import calibration_lines, rejection_lines
from fusion.cards.intervals import wilson
from fusion.cards.markdown import licence, percent, table
from fusion.cut_paths import falls
from fusion.describe import About
from fusion.tasks import TASKS
from fusion.tasks.base import CardText

Report = dict[str, Any]  # what `python -m fusion evaluate` writes of a task, as JSON

TAUGHT_LOOK = "Pointing game: how often the cell with the most attention from the request lies in the requested box. Attention was supervised to lie there in training (Liu 2017), so this shows that the supervision carries over to new images, not that attention finds by itself what matters. Each token of a sound covers only a part of the word, which is why audio alone points worst."
POOLED_PLACE = "It reads one pooled vector per modality, which hardly contains any positions: box and mask are close to a guess."


def seeds_lines(name: str, report: Report) -> list[str]:
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


def strategy_card(name: str, about: About, report: Report) -> str:
    """The card of a strategy: cost, accuracy on every subset of the modalities, robustness, explanations, data."""
    task = TASKS[report["task"]]
    text = task.card
    subsets, cost = report["subsets"][name], report["cost"][name]
    whole = max(subsets, key=lambda k: k.count("+"))
    low, high = wilson(subsets[whole]["accuracy"], subsets[whole]["samples"])
    lines = [
        f"# {about.title} for the task {task.name}",
        "",
        f"{about.idea} {about.paper}. {cost['parameters']:,} parameters and {cost['multiply_adds']:,} multiply-adds",
        "on top of the encoders, which are shared by all strategies and were frozen.",
        "",
        f"    python -m fusion train --task {task.name} --strategy {name} --data DIR",
        "",
        text.about,
        *([text.remarks[name]] if name in text.remarks else []),
        *([POOLED_PLACE] if task.heads.localization and about.fuses != "tokens" else []),
        "",
        f"Measured by `{report['command']}` on {report['date']}, {subsets[whole]['samples']} test samples per setting"
        f" (95 % interval of the last row's accuracy: {percent(low)} to {percent(high)}):",
        "",
        *subset_table(subsets),
        "",
        *seeds_lines(name, report),
        "",
        *cut_lines(name, report),
        *expert_lines(name, report),
        *held_out_lines(name, report),
        *conflict_lines(name, report),
        *place_lines(name, report),
        *severity_table(name, report),
        "",
        *importance_lines(name, report),
        *explanation_lines(name, report),
        *calibration_lines(name, report),
        *rejection_lines(report),
        *([text.severities, ""] if text.severities else []),
        *data_lines(text),
        *licence(text),
    ]
    return "\n".join(lines)


def data_lines(text: CardText) -> list[str]:
    """The section on data, where the task says what they are."""
    if not text.data:
        return []
    return ["## Data", "", *[f"- {m}: {source}." for m, source in text.data.items()], ""]


def subset_table(subsets: dict[str, Any]) -> list[str]:
    """Clean accuracy and its kin for every subset of the modalities."""
    rows = []
    for given, found in subsets.items():
        rows.append(
            [
                given.replace("+", ", "),
                percent(found["accuracy"]),
                percent(found["recall"]),
                percent(found["f1"]),
                f"{found['calibration_error']:.3f}",
            ]
        )
    return table(["modalities (clean)", "accuracy", "macro recall", "macro F1", "calibration error"], rows)


def severity_table(name: str, report: Report) -> list[str]:
    """Accuracy with all modalities, or one of them, corrupted at each severity."""
    severity = report["severity"]
    rows = []
    for m in ("all", *TASKS[report["task"]].modalities):
        settings = ["all-0", *(f"{m}-{level}" for level in range(1, 6))]
        rows.append([m, *(percent(severity[setting][name]["accuracy"]) for setting in settings)])
    return table(["corrupted", "severity 0", "1", "2", "3", "4", "5"], rows)


def importance_lines(name: str, report: Report) -> list[str]:
    """Robustness in one figure, and the Shapley values of the modalities."""
    robust, shapley = report["robustness"][name], report["shapley"][name]
    against = f", {robust['excess_over_late']:+.4f} against `late`" if "excess_over_late" in robust else ""
    values = ", ".join(f"{m} {v:+.3f}" for m, v in shapley["values"].items())
    return [
        f"Area under the first row {robust['area']:.4f}{against}. Shapley values of the modalities in the clean accuracy: "
        f"{values}; interaction share {shapley['interaction_share']:.2f}.",
        "",
    ]


def explanation_lines(name: str, report: Report) -> list[str]:
    """How much better than chance each explainer orders the tokens."""
    rows = report.get("explanations", {}).get(name)
    if not rows:
        return []
    count = next(iter(rows.values()))["samples"]
    cells = []
    for kind, v in rows.items():
        deletion = f"{v['deletion_gain']:+.3f} ± {v['deletion_error']:.3f}"
        insertion = f"{v['insertion_gain']:+.3f} ± {v['insertion_error']:.3f}"
        cells.append([kind, deletion, insertion])
    return [
        *table([f"explanation ({count} samples)", "deletion, gain on random order", "insertion, gain on random order"], cells),
        "",
        "Area under the curve of the answer's probability while tokens of all modalities are deleted or inserted in one order; ± is the standard error (Petsiuk 2018, RISE).",
        "",
    ]


def held_out_lines(name: str, report: Report) -> list[str]:
    """Pairs that training saw and pairs that it never saw, where samples are halves of two."""
    if "held_out" not in report:
        return []
    row = report["held_out"][name]
    return [
        f"Pairs of digits from training: {percent(row['seen_pairs']['accuracy'])}. Pairs that training never saw: **{percent(row['unseen_pairs']['accuracy'])}**.",
        "",
    ]


def cut_lines(name: str, report: Report) -> list[str]:
    """What closing the paths between modalities costs, where it was measured."""
    figures = report.get("cut", {}).get(name)
    if not figures:
        return []
    each = ", ".join(f"{column.replace('_', ' ')} {percent(f['open'])} to {percent(f['cut'])}" for column, f in figures.items())
    verdict = "" if falls(figures) else " **It does not fall:** the readout fuses, and attention between modalities decides little here."
    return [f"With all paths between modalities cut except the readout: {each}.{verdict}", ""]


def expert_lines(name: str, report: Report) -> list[str]:
    """The map of subsets to experts, where the strategy has experts."""
    rows = report.get("experts", {}).get(name)
    if not rows:
        return []
    count = len(next(iter(rows.values())))
    cells = [[subset.replace("+", ", "), *(f"{100 * share:.0f}" for share in shares)] for subset, shares in rows.items()]
    return [
        *table(["given", *(str(e + 1) for e in range(count))], cells),
        "",
        "Share of each expert in the answer, in %, on clean test samples.",
        "",
    ]


def conflict_lines(name: str, report: Report) -> list[str]:
    """Which modality it follows when they contradict one another."""
    if "conflict" not in report:
        return []
    row = report["conflict"][name]
    strong = max(row["one"], key=lambda m: row["one"][m])
    each = ", ".join(f"{m} {percent(v)}" for m, v in row["each"].items())
    return [
        f"In synthetic conflicts of clean test inputs ({row['samples']:,} for each modality in the minority, and as many in which all differ): when three modalities show one label and the fourth"
        f" another, the answer follows the three in {percent(row['three'])}; it follows the fourth most often if that is {strong} ({percent(row['one'][strong])}). When all four"
        f" differ, the answer is the label of one of them ({each}) or of none, **{percent(row['nobody'])}**.",
        "",
    ]


def place_lines(name: str, report: Report) -> list[str]:
    """Where the answer is, in tasks that ask for it."""
    if "places" not in report:
        return []
    rows = report["places"][name]
    pointing = "pointing" in next(iter(rows.values()))
    head = ["asked by", "mean IoU", "centre in the asked box", "mask IoU", "there or not", "absent noticed"]
    cells = []
    for asked, v in rows.items():
        figures = [
            asked.replace("+", ", "),
            f"{v['iou']:.3f}",
            percent(v["centre_inside"]),
            f"{v['mask_iou']:.3f}",
            percent(v["found_accuracy"]),
            percent(v["absent_noticed"]),
        ]
        cells.append([*figures, percent(v["pointing"])] if pointing else figures)
    lines = table([*head, "pointing game"] if pointing else head, cells)
    return [*lines, "", *([TAUGHT_LOOK, ""] if pointing else [])]


def baseline_card(name: str, task: str) -> str:
    """The card of a unimodal baseline, which refers to that of its encoder."""
    modality = name.removesuffix("_only")
    home = TASKS[task].encoder_tasks[modality]
    place = "../encoders" if home == task else f"../../{home}/encoders"
    return (
        f"# {modality.capitalize()} alone for the task {task}\n\n"
        f"A linear head on the {modality} encoder; data, figures, limits and licence are on [its card]({place}/{modality}/README.md).\n"
    )
