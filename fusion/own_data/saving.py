"""Writes a lab: safetensors, JSON and a card, nothing else.

LAB/lab.json                      what the task is, and the report
LAB/encoders/<modality>/          the encoder of each modality
LAB/<strategy>/                   every strategy, and each modality alone
LAB/README.md                     the card
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.files import save_json, save_text
from fusion.model import FusionModel, fuser_state, save_weights
from fusion.own_data.encoders.base import OwnEncoder
from fusion.own_data.encoders.build import save_encoder
from fusion.own_data.own_task import FILE, VERSION
from fusion.own_data.report import FitReport
from fusion.own_data.samples import Samples
from fusion.own_data.targets import Target
from fusion.own_data.training import strategy_config
from fusion.strategies import STRATEGIES


def save_lab(
    folder: Path,
    samples: Samples,
    encoders: Mapping[str, OwnEncoder[Any]],
    models: Mapping[str, FusionModel],
    target: Target,
    report: FitReport,
) -> None:
    """Writes everything; strategies that an earlier lab in this folder had, and this one has not, are removed."""
    (folder / FILE).unlink(missing_ok=True)  # a lab that is half written is none
    for old in (*STRATEGIES, *(p.name for p in folder.glob("*_only"))):
        if old not in models and (folder / old / "config.json").is_file():
            shutil.rmtree(folder / old)
    width = next(iter(encoders.values())).embed_dim
    for m, encoder in encoders.items():
        save_encoder(folder / "encoders" / m, encoder)
    for name, model in models.items():
        save_weights(folder / name, fuser_state(model), strategy_config(name, samples.name, samples.kinds, target, width))
    save_text(folder / "README.md", card(samples, report))
    about = {
        "version": VERSION,
        "name": samples.name,
        "kinds": samples.kinds,
        "encoders": {m: f"own_{kind}" for m, kind in samples.kinds.items()},
        "target": {"answer": target.answer, "classes": list(target.classes), "edges": list(target.edges)},
        "label": samples.label,
        "columns": {c.name: c.kind for c in samples.columns},
        "column_modalities": {c.name: c.modality for c in samples.columns if c.modality and c.modality not in ("table", "sound")},
        "table_columns": samples.table_columns,
        "report": report.to_json() | {"folder": None},
    }
    save_json(folder / FILE, about)


def card(samples: Samples, report: FitReport) -> str:
    """The model card, in Markdown."""
    best = report.table[report.recommended]
    kinds = ", ".join(f"{m} ({kind})" for m, kind in samples.kinds.items())
    lines = [
        "---",
        "license: other  # yours to state: it depends on your data",
        "library_name: fusion-lab",
        "---",
        "",
        f"# {samples.name}",
        "",
        f"Predicts `{samples.label}` from {kinds}. {report.sentence}",
        "",
        f"Recommended: `{report.recommended}`, {report.measure} {best['mean']:.3f} (95 % interval {best['low']:.3f} to {best['high']:.3f},",
        f"{report.training['seeds']} seeds, {report.data['samples']} samples, split: {report.data['split']}).",
        "The weights here were trained on all samples that are not kept for the test; these figures are of trainings on a part of them.",
        "",
        "| strategy | " + report.measure + " | 95 % interval | to the best modality alone |",
        "|---|---|---|---|",
    ]
    for name, row in sorted(report.table.items(), key=lambda item: -item[1]["mean"]):
        single = row.get("to_single")
        difference = "" if single is None else f"{single['mean']:+.3f} ({single['low']:+.3f} to {single['high']:+.3f})"
        lines.append(f"| `{name}` | {row['mean']:.3f} | {row['low']:.3f} to {row['high']:.3f} | {difference} |")
    lines += ["", "## Data", "", f"SHA-256 of contents and labels: `{report.data['sha256']}`.", ""]
    findings = [f"- {finding['sentence']}" for finding in report.data["findings"]]
    lines += ["The data check found:", "", *findings] if findings else ["The data check found nothing."]
    lines += [
        "",
        "## Use",
        "",
        "```python",
        "import fusion",
        "",
        'lab = fusion.load("FOLDER")',
        f"lab.predict({{{example(samples)}}})",
        "```",
        "",
    ]
    return "\n".join(lines)


def example(samples: Samples) -> str:
    """Inputs of a call, for people."""
    shown = {"image": "a.jpg", "audio": "a.wav", "video": "a.mp4", "text": "words", "series": "a.npy", "vector": "a.npy"}
    parts = [f'"{m}": "{shown[kind]}"' for m, kind in samples.kinds.items() if kind in shown]
    parts += [f'"{name}": ...' for name in list(samples.table_columns)[:2]]
    return ", ".join(parts)
