"""Cards of distilled encoders: data, traps and how each was handled, teacher beside student, limits, licence; and "none of these"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fusion.config import CHECKPOINTS
from fusion.tasks import TASKS


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def distilled(task: str, checkpoints: Path = CHECKPOINTS) -> dict[str, Any]:
    path = checkpoints / task / "distilled.json"
    return json.loads(path.read_text()) if path.exists() else {}


def comparison(modality: str, found: dict[str, Any]) -> list[str]:
    """Teacher and student side by side."""
    rows = found.get(modality) or {}
    if modality == "text" and rows:
        return [
            f"Of each test sentence's ten nearest neighbours by the teacher, {percent(rows['agreement'])} are so by the student ({rows['sentences']:,} captions).",
            "",
        ]
    names = {"tiny_imagenet_54": "linear probe, 54 classes of Tiny-ImageNet, macro recall", "scenes_11": "linear probe, the 11 classes, macro recall",
             "esc10_five_folds": "linear probe, ESC-10, five folds, accuracy"}  # fmt: skip
    lines = [f"| {names[k]} | {percent(v['student'])} | {percent(v['teacher'])} |" for k, v in rows.items() if k in names]
    if not lines:
        return []
    same = rows.get("same_answer_on_whole_photos")
    more = (
        [f"Both give the same of ImageNet's thousand answers on {percent(same)} of 200 whole photos of other things.", ""] if same else []
    )
    return [f"Before any label of the task (`{found['command']}`):", "", "| | student | teacher |", "|---|---|---|", *lines, "", *more]


def encoder_card(modality: str, report: dict[str, Any], title: str) -> str:
    single, task = report["single"], report["task"]
    text = TASKS[task].card
    rows = [f"| {text.test_sets[k]} | {percent(v['recall'])} | {percent(v['accuracy'])} | {v['samples']} |"
            for k, v in single.items() if k.startswith(modality) and k in text.test_sets]  # fmt: skip
    classes = next(
        (
            v["by_class"]
            for k, v in single.items()
            if k in (f"{modality}_256", f"{modality}_test", f"{modality}_captions", "video_moving_photos") and k.startswith(modality)
        ),
        {},
    )
    none = [f"Of {single[k]['samples']} {name} of none of the classes, of kinds that training never saw, {percent(single[k]['below_threshold'])} lie below the threshold of {modality} alone."
            for k, name in text.unknown_sets.items() if k.startswith(modality)]  # fmt: skip
    lines = [
        f"# {modality.capitalize()} encoder of the task {task}: {title}",
        "",
        f"{report['encoder_parameters'][modality]:,} parameters, stored with 16 bits each. Distilled from {text.teachers[modality]}. What lies on the trunk was trained with labels on {text.data[modality]}.",
        "",
        f"    python -m fusion train --task {task} --strategy {modality}_only --data DIR",
        "",
        "One training, one seed.",
        "",
        *comparison(modality, distilled(task)),
        f"With a linear head ({modality}_only), measured by `{report['command']}` on {report['date']}:",
        "",
        "| test set | macro recall | accuracy | samples |",
        "|---|---|---|---|",
        *rows,
        "",
        "By class: " + ", ".join(f"{k} {percent(v)}" for k, v in classes.items()) + ".",
        *none,
        "",
        *outside_lines(task, modality),
        *(
            ["## Traps in the data, and what was done", "", *[f"- {trap}" for trap in text.cautions[modality]], ""]
            if text.cautions[modality]
            else []
        ),
        "## Limits",
        "",
        text.limits[modality],
        "",
        "## Licence",
        "",
        text.licence,
        "",
    ]
    return "\n".join(lines)


def outside_lines(task: str, modality: str) -> list[str]:
    """Media from elsewhere, see `fusion.evaluation.outside`."""
    path, kind = CHECKPOINTS / task / "outside.json", {"image": "photos", "audio": "sounds", "video": "clips"}.get(modality, "")
    found = json.loads(path.read_text()) if path.exists() else {}
    if kind not in found:
        return []
    packages = ", ".join(f"{name} {count}" for name, count in found["packages"][kind].items())
    more = {f"{kind}_without_cut_outs": "those without cut-outs", f"{kind}_blind": "others, collected when all was chosen"}
    rows = [("all", found[kind])] + [(words, found[k]) for k, words in more.items() if k in found]
    blind = ", ".join(f"{k} {right} of {count}" for k, (right, count) in found.get(f"{kind}_blind", {}).get("classes", {}).items())
    return [
        f"## {kind.capitalize()} from elsewhere",
        "",
        f"Files out of packages of Debian and PyPI, sorted by hand by class, none of them ever in training (`{found['command']}`, {found['date']}):",
        "",
        "| | of the classes | right | macro recall | of none | noticed | AUROC |",
        "|---|---|---|---|---|---|---|",
        *[
            f"| {name} | {r['files']} | {percent(r['accuracy'])} | {percent(r['recall'])} | {r['none']} | {percent(r['noticed'])} | {r.get('auroc', 0):.2f} |"
            for name, r in rows
        ],
        "",
        "Right of all, by class: "
        + ", ".join(f"{k} {right} of {count}" for k, (right, count) in found[kind]["classes"].items())
        + f". How the encoders are trained and where answers become none was chosen with these files in view: development figures, no blind test. Packages and files: {packages}."
        + (f" Those collected afterwards were not: {blind}." if blind else ""),
        "",
    ]


def rejection_lines(name: str, report: dict[str, Any]) -> list[str]:
    """How well "none of these" is noticed, from each modality alone and from all."""
    rows = report["rejection"][name]
    shown = [k for k in rows if k.count("+") in (0, 3)]
    return [
        "None of these: an answer of less confidence than the threshold of what is given is called so (`python -m fusion calibrate --data DIR`). On kinds that training never saw:",
        "",
        "| given | AUROC | threshold | of the classes, accepted | of none, noticed |",
        "|---|---|---|---|---|",
        *[
            f"| {k.replace('+', ', ')} | {rows[k]['auroc']:.3f} | {rows[k]['threshold']:.2f} | {percent(rows[k]['accepted'])} | {percent(rows[k]['noticed'])} |"
            for k in shown
        ],
        "",
    ]


def marks(task: str) -> tuple[str, str]:
    """What encloses a task's tables in the README."""
    return f"<!-- {task}: python -m fusion cards -->", f"<!-- /{task} -->"


def readme_table(report: dict[str, Any]) -> str:
    """What each modality reaches alone, what all reach together, and how well none of these is noticed."""
    single, reject = report["single"], report["rejection"]
    best = max(reject, key=lambda n: reject[n].get("image+text+audio+video", {"auroc": 0.0})["auroc"])
    whole = {n: row["image+text+audio+video"] for n, row in report["subsets"].items()}
    low, high = (pick(whole, key=lambda n: whole[n]["recall"]) for pick in (min, max))
    test_sets = TASKS[report["task"]].card.test_sets
    lines = ["| given | test set | macro recall, % |", "|---|---|---|"]
    for name, what in (("image_64", "photo"), ("image_1024", "photo"), ("image_12_megapixels", "photo"), ("text_captions", "caption"),
                       ("text_captions_without_the_word", "caption"), ("text_own_sentences", "caption"), ("audio_test", "sound"),
                       ("video_moving_photos", "clip")):  # fmt: skip
        lines.append(f"| {what} | {test_sets[name]} | {100 * single[name]['recall']:.1f} |")
    reached = [f"{100 * whole[n]['recall']:.1f}" for n in (low, high)]
    found = f"{reached[0]} (`{low}`) to {reached[1]} (`{high}`)" if reached[0] != reached[1] else f"{reached[0]} (all strategies)"
    lines.append(f"| all four | {whole[high]['samples']:,} samples | {found} |")
    lines += [
        "",
        "| none of these: area under the ROC curve of the confidence | photo alone | caption alone | sound alone | clip alone | all four |",
        "|---|---|---|---|---|---|",
    ]
    alone = [reject[f"{m}_only"][m]["auroc"] for m in ("image", "text", "audio", "video")]
    lines.append(
        f"| against kinds that training never saw (all four: `{best}`) | "
        + " | ".join(f"{v:.2f}" for v in (*alone, reject[best]["image+text+audio+video"]["auroc"]))
        + " |"
    )
    path = CHECKPOINTS / report["task"] / "outside.json"
    if path.exists():
        outside = json.loads(path.read_text())
        lines += [
            "",
            "| from elsewhere (files out of packages of Debian and PyPI), % | files | right | macro recall | of none, noticed | AUROC |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {kind.replace('_cut_', '_cut-').replace('_blind', ', collected when all was chosen').replace('_', ' ')} | {r['files']} and {r['none']} of none | {100 * r['accuracy']:.1f} | {100 * r['recall']:.1f} | {100 * r['noticed']:.1f} | {r['auroc']:.2f} |"
            for kind, r in outside.items()
            if isinstance(r, dict) and "auroc" in r and r["files"] > 20
        ]
    found = distilled(report["task"])
    if found:
        image, audio = found["image"], found["audio"]
        lines += ["", "| linear probe, % | student | teacher |", "|---|---|---|"]
        rows = (("ESC-10, five folds", audio["esc10_five_folds"]), ("photos, 54 classes", image["tiny_imagenet_54"]),
                ("photos, 11 classes", image["scenes_11"]), ("sounds, 11 classes", audio["scenes_11"]))  # fmt: skip
        lines += [f"| {what} | {100 * v['student']:.1f} | {100 * v['teacher']:.1f} |" for what, v in rows]
    return "\n".join(lines)
