"""Cards of distilled encoders: data and its known problems, teacher beside student, limits, licence; and "none of these"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusion.cards.calibration import rejection_table
from fusion.cards.markdown import limits_and_licence, percent, table
from fusion.config import CHECKPOINTS
from fusion.files import load_json
from fusion.tasks import TASKS

ALL_FOUR = "image+text+audio+video"
ALONE = ("image", "text", "audio", "video")
KINDS = {"image": "photos", "audio": "sounds", "video": "clips"}  # of media from other sources, see `fusion.evaluation.outside`
PROBES = {
    "tiny_imagenet_54": "linear probe, 54 classes of Tiny-ImageNet, macro recall",
    "scenes_11": "linear probe, the 11 classes, macro recall",
    "esc10_five_folds": "linear probe, ESC-10, five folds, accuracy",
}
SHOWN_TESTS = (  # test sets in the README's table
    ("image_64", "photo"),
    ("image_1024", "photo"),
    ("image_12_megapixels", "photo"),
    ("text_captions", "caption"),
    ("text_captions_without_the_word", "caption"),
    ("text_own_sentences", "caption"),
    ("audio_test", "sound"),
    ("video_moving_photos", "clip"),
)


def points(share: float) -> str:
    """Percent without the sign."""
    return f"{100 * share:.1f}"


def measured(task: str, file: str, checkpoints: Path = CHECKPOINTS) -> dict[str, Any]:
    """A report beside a task's checkpoints, `distilled.json` or `outside.json`; empty where there is none."""
    path = checkpoints / task / file
    found: dict[str, Any] = load_json(path) if path.exists() else {}
    return found


def comparison(modality: str, found: dict[str, Any]) -> list[str]:
    """Teacher and student side by side, of `distilled.json`."""
    rows = found.get(modality) or {}
    if modality == "text" and rows:
        return [
            f"{percent(rows['agreement'])} of each test sentence's ten nearest neighbours by the teacher are also among the ten nearest by the student ({rows['sentences']:,} captions).",
            "",
        ]
    probes = [[PROBES[k], percent(v["student"]), percent(v["teacher"])] for k, v in rows.items() if k in PROBES]
    if not probes:
        return []
    lines = [f"Before training with the labels of the task (`{found['command']}`):", "", *table(["", "student", "teacher"], probes), ""]
    if rows.get("same_answer_on_whole_photos"):
        same = percent(rows["same_answer_on_whole_photos"])
        lines += [f"Student and teacher predict the same ImageNet class for {same} of 200 photos of other things.", ""]
    return lines


def encoder_card(modality: str, report: dict[str, Any], title: str) -> str:
    """The card of an encoder on a distilled trunk; `title` is the encoder's."""
    task = report["task"]
    text = TASKS[task].card
    single = {name: found for name, found in report["single"].items() if name.startswith(modality)}
    rows = []
    for name, found in single.items():
        if name in text.test_sets:
            rows.append([text.test_sets[name], percent(found["recall"]), percent(found["accuracy"]), str(found["samples"])])
    lines = [
        f"# {modality.capitalize()} encoder of the task {task}: {title}",
        "",
        f"{report['encoder_parameters'][modality]:,} parameters, stored with 16 bits each. Distilled from {text.teachers[modality]}. The layers on top of the trunk were trained with labels on {text.data[modality]}.",
        "",
        f"    python -m fusion train --task {task} --strategy {modality}_only --data DIR",
        "",
        "One training run, one seed.",
        "",
        *comparison(modality, measured(task, "distilled.json")),
        f"With a linear head ({modality}_only), measured by `{report['command']}` on {report['date']}:",
        "",
        *table(["test set", "macro recall", "accuracy", "samples"], rows),
        "",
        "By class: " + ", ".join(f"{k} {percent(v)}" for k, v in recalls(modality, single).items()) + ".",
        *unknown_lines(modality, single, text.unknown_sets),
        "",
        *other_source_lines(modality, report),
        *outside_lines(task, modality),
    ]
    if text.cautions[modality]:
        lines += ["## Known problems of the data, and how they were handled", "", *[f"- {trap}" for trap in text.cautions[modality]], ""]
    return "\n".join([*lines, *limits_and_licence(text, modality)])


def recalls(modality: str, single: dict[str, Any]) -> dict[str, float]:
    """{class: recall} on the modality's main test set."""
    main = (f"{modality}_256", f"{modality}_test", f"{modality}_captions", "video_moving_photos")
    for name, found in single.items():
        if name in main:
            classes: dict[str, float] = found["by_class"]
            return classes
    return {}


def unknown_lines(modality: str, single: dict[str, Any], unknown_sets: dict[str, str]) -> list[str]:
    """How many media of none of the classes are called so."""
    lines = []
    for name, what in unknown_sets.items():
        if name.startswith(modality):
            found = single[name].get("called_none")
            if found is not None:
                lines.append(
                    f"Of {single[name]['samples']} {what} of none of the classes, of kinds that were not in training, {percent(found)} are called none of these."
                )
    return lines


def other_source_lines(modality: str, report: dict[str, Any]) -> list[str]:
    """Test sets of sources that training does not use, where the report has any."""
    found = {name: row for name, row in report.get("outside", {}).items() if name.startswith(modality) and "recall" in row}
    if not found:
        return []
    rows = [[row["source"], percent(row["recall"]), percent(row["accuracy"]), str(row["samples"])] for row in found.values()]
    return ["From sources that training does not use:", "", *table(["source", "macro recall", "accuracy", "samples"], rows), ""]


def outside_lines(task: str, modality: str) -> list[str]:
    """Media from other sources, see `fusion.evaluation.outside`."""
    found = measured(task, "outside.json")
    kind = KINDS.get(modality, "")
    if kind not in found:
        return []
    packages = ", ".join(f"{name} {count}" for name, count in found["packages"][kind].items())
    groups = {
        "all": kind,
        "those without cut-outs": f"{kind}_without_cut_outs",
        "others, collected after all choices were made": f"{kind}_blind",
    }
    rows = [outside_cells(name, found[key]) for name, key in groups.items() if key in found]
    text = (
        f'Correct by class: {right_by_class(found[kind])}. The training of the encoders and the thresholds for "none of these" were chosen with these files in view: '
        f"these are development figures, not a blind test. Packages and files: {packages}."
    )
    blind = right_by_class(found.get(f"{kind}_blind", {}))
    if blind:
        text += f" The files collected afterwards were not used for any choice: {blind}."
    return [
        f"## {kind.capitalize()} from other sources",
        "",
        f"Files from packages of Debian and PyPI, sorted into classes by hand; none was used in training (`{found['command']}`, {found['date']}):",
        "",
        *table(["", "of the classes", "correct", "macro recall", "of none", "rejected", "AUROC"], rows),
        "",
        text,
        "",
    ]


def outside_cells(name: str, found: dict[str, Any]) -> list[str]:
    """A row of the table of media from other sources."""
    right, recall, noticed = (percent(found[key]) for key in ("accuracy", "recall", "noticed"))
    return [name, str(found["files"]), right, recall, str(found["none"]), noticed, f"{found.get('auroc', 0):.2f}"]


def right_by_class(found: dict[str, Any]) -> str:
    return ", ".join(f"{k} {right} of {count}" for k, (right, count) in found.get("classes", {}).items())


def marks(task: str) -> tuple[str, str]:
    """What encloses a task's tables in the README."""
    return f"<!-- {task}: python -m fusion cards -->", f"<!-- /{task} -->"


def readme_table(report: dict[str, Any]) -> str:
    """What each modality reaches alone, what all reach together, and how well none of these is noticed."""
    return "\n".join(
        [
            *recall_table(report),
            "",
            *rejection_table(report),
            *outside_table(measured(report["task"], "outside.json")),
            *probe_table(measured(report["task"], "distilled.json")),
        ]
    )


def recall_table(report: dict[str, Any]) -> list[str]:
    """Macro recall of each modality alone and of all four together."""
    test_sets = TASKS[report["task"]].card.test_sets
    rows = [[what, test_sets[name], points(report["single"][name]["recall"])] for name, what in SHOWN_TESTS]
    fused = {name: found[ALL_FOUR] for name, found in report["subsets"].items()}
    low = min(fused, key=lambda n: fused[n]["recall"])
    high = max(fused, key=lambda n: fused[n]["recall"])
    worst, best = points(fused[low]["recall"]), points(fused[high]["recall"])
    reached = f"{worst} (`{low}`) to {best} (`{high}`)" if worst != best else f"{worst} (all strategies)"
    rows.append(["all four", f"{fused[high]['samples']:,} samples", reached])
    return table(["given", "test set", "macro recall, %"], rows)


def outside_table(outside: dict[str, Any]) -> list[str]:
    """Media from other sources, where they were measured."""
    if not outside:
        return []
    rows = []
    for kind, found in outside.items():
        if isinstance(found, dict) and "auroc" in found and found["files"] > 20:
            name = kind.replace("_cut_", "_cut-").replace("_blind", ", collected after all choices were made").replace("_", " ")
            figures = [points(found[key]) for key in ("accuracy", "recall", "noticed")]
            rows.append([name, f"{found['files']} and {found['none']} of none", *figures, f"{found['auroc']:.2f}"])
    head = [
        "from other sources (files from packages of Debian and PyPI), %",
        "files",
        "correct",
        "macro recall",
        "of none, rejected",
        "AUROC",
    ]
    return ["", *table(head, rows)]


def probe_table(found: dict[str, Any]) -> list[str]:
    """Linear probes of student and teacher, where they were measured."""
    if not found:
        return []
    image, audio = found["image"], found["audio"]
    probes = {
        "ESC-10, five folds": audio["esc10_five_folds"],
        "photos, 54 classes": image["tiny_imagenet_54"],
        "photos, 11 classes": image["scenes_11"],
        "sounds, 11 classes": audio["scenes_11"],
    }
    rows = [[what, points(v["student"]), points(v["teacher"])] for what, v in probes.items()]
    return ["", *table(["linear probe, %", "student", "teacher"], rows)]
