"""Cards of the encoders that can be chosen, and the README's table of them: drawn from the `facts.json` beside their weights.

python -m fusion cards        rewrites cards and table from the facts at hand
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from fusion.cards.strategies import fill, percent
from fusion.config import CHECKPOINTS
from fusion.encoder_choice import encoder_folder, names_of
from fusion.encoder_registry import EncoderRegistry
from fusion.encoders import ENCODERS, FixedEncoder
from fusion.tasks import DEFAULT, TASKS, Task

START, END = "<!-- encoders: python -m fusion cards -->", "<!-- /encoders -->"
PROBE = (
    "A linear probe is a logistic regression on the vectors of 4,000 training samples, all severities; measured on 2,000 test samples "
    "each, clean and at severity 3. It says how much of the digit lies open in the vectors, not how good the encoder is for anything else."
)


def trained_on(task: Task, modality: str, name: str) -> str:
    """What an encoder learned from, as a sentence."""
    data = re.sub(r" \(`[^`]*`\)", "", task.card.data[modality])  # for people: without file names
    if issubclass(ENCODERS[name], FixedEncoder):
        return f"Not trained; whitening, and a vocabulary where it has one, fitted without labels on 2,000 samples of {data}."
    return f"Trained on {data}."


def card(task: Task, modality: str, name: str, facts: dict[str, Any]) -> str:
    """The model card of an encoder that is not a compact one; those have cards with more figures."""
    kind = ENCODERS[name]
    idea = (sys.modules[kind.__module__].__doc__ or "").strip()
    fitted = issubclass(kind, FixedEncoder)
    train = facts["command"] if fitted else f"python -m fusion train --task {task.name} --strategy {name} --data DIR"
    lines = [
        f"# {kind.title}",
        "",
        idea,
        "",
        facts["trained_on"],
        "",
        f"    {train}",
        "",
        f"Linear probe, `{facts['command']}`, {facts['date']}:",
        "",
        "| test samples | accuracy |",
        "|---|---|",
        f"| clean | {percent(facts['probe'])} |",
        f"| severity 3 | {percent(facts['probe_severity_3'])} |",
        "",
        PROBE,
        "",
        "## Limits",
        "",
        task.card.limits[modality],
        "",
        "## Licence",
        "",
        task.card.licence,
        "",
    ]
    return "\n".join(lines)


def heads_card(task: Task, report: dict[str, Any]) -> str:
    """The card of strategies on encoders of choice."""
    rows = [f"| `{name}` | {percent(row['clean'])} | {percent(row['severity_3'])} |" for name, row in report["accuracy"].items()]
    lines = [
        f"# Strategies on other encoders: {', '.join(report['choice'].values())}",
        "",
        "Trained on 12,000 samples put together from 4,000 reference vectors of each encoder (see their cards), with modality dropout; one "
        "seed. Those that read tokens are trained on the compact encoders only.",
        "",
        f"    {report['command']}",
        "",
        f"Accuracy on {report['samples']} test samples, all four modalities, clean and all of them at severity 3, {report['date']}:",
        "",
        "| strategy | clean | severity 3 |",
        "|---|---|---|",
        *rows,
        "",
        f"Data: {'; '.join(task.card.data.values())}.",
        "",
        "## Licence",
        "",
        task.card.licence,
        "",
    ]
    return "\n".join(lines)


def table(library: EncoderRegistry, task: Task) -> str:
    """One row per encoder that has facts, modality after modality."""
    lines = ["| modality | encoder | idea | paper | file | probe, clean | probe, severity 3 |", "|---|---|---|---|---|---|---|"]
    for modality in task.modalities:
        for name in library.names(modality):
            facts, kind = library.facts(modality, name), ENCODERS[name]
            if facts:
                idea, file = (kind.__doc__ or "").strip().splitlines()[0], Path(inspect.getfile(kind)).name
                figures = (percent(facts[key]).removesuffix(" %") for key in ("probe", "probe_severity_3"))
                cells = [modality, f"`{name}`", idea, kind.paper, f"[{file}](../fusion/encoders/{file})", *figures]
                lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(checkpoints: Path = CHECKPOINTS) -> None:
    """All cards, and the table in `checkpoints/README.md` where that has a place for it."""
    task = TASKS[DEFAULT]
    library = EncoderRegistry(task.name, "cpu", checkpoints)
    for modality in task.modalities:
        for name in (n for n in names_of(modality) if n != task.encoders[modality]):
            if facts := library.facts(modality, name):
                (encoder_folder(checkpoints, task, modality, name) / "README.md").write_text(card(task, modality, name, facts))
    fill(checkpoints / "README.md", {(START, END): table(library, task)})
