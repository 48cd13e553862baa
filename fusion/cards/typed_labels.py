"""Cards of a task whose labels are typed: its encoder of words, and what typed labels reach."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.cards.markdown import table
from fusion.files import load_json, save_text

ENCODER = """# Text encoder of the task open: Small MiniLM

Reads typed labels, names and sentences: three of the six layers of all-MiniLM-L6-v2 (Apache-2.0) and {pieces:,} of its 30,522 word pieces,
8 bits for each weight. Its vectors (384 numbers) lie in the sentence space of the teacher.

    python -m fusion distill sentences --data DIR --wordnet DIR

## Agreement with the teacher on texts that training never saw

{agreement}

Of {synonyms} words, the student finds the synonym among all of them for {student}, the teacher for {teacher}.
"Nearest" is the share of a text's five nearest texts by the teacher that are so by the student; "order" is the rank correlation of all
pairs' similarities.

## What it was distilled on

The teacher's output for {texts}. Half of ImageNet's and AudioSet's names were held out, with the lemmas of WordNet that equal one.

- ImageNet's and AudioSet's names (CC BY 4.0), alone and in phrasings
- lemmas and glosses of WordNet 3.1 (WordNet licence)
- captions of Flickr8k (research), AudioCaps (MIT), Clotho (non-commercial), training parts
- English names and keywords of emoji (CLDR, Unicode-3.0)
- words of training posts of MVSA-Single (research)

## Limits

English only. It keeps what the teacher knows of words, not of facts. One training, one seed.

## Licence

The teacher and its vocabulary are Apache-2.0. Some of the captions and posts may be used for research only, so these weights are for
non-commercial research (CC BY-NC-SA 4.0); the code is Apache-2.0.
"""
TASK = """# The task open

Labels are typed; nothing is trained on them. A photo is known by the probabilities of ImageNet's 1,000 names (the encoder of `scenes`), a
sound by those of AudioSet's 521, and each typed label is spread over the names that mean nearly the same in a sentence space. Words are
compared with the labels directly. `names.safetensors` holds the vectors of the names, `calibration.json` the temperature of each modality,
and from which evidence on a medium shows one of the labels at all.

    python -m fusion calibrate --task open --data DIR
    python -m fusion evaluate --task open --data DIR

{floors}

{lost} How names are spread and read was chosen with these sets in view: they are development figures, no blind test.

## Fusion without training

Macro recall on {pairs} pairs of a photo and a sound with the same typed name, among {labels} labels. Both share the name only, so a gain
is expected.

{fusion}

## Limits

Photos know a thousand names and sounds 521: no people, colours or moods. A label that is near none of them is said to be so.
The sounds' encoder was distilled on sounds of ESC-10 and of animals, without their names. ESC-10's figure is not one of new recordings.
"""


def write(home: Path) -> None:
    """Writes the cards of the task whose files lie in `home`."""
    encoder = home / "encoders" / "text"
    report = load_json(home / "report.json")
    save_text(encoder / "README.md", encoder_card(load_json(encoder / "distilled.json"), load_json(encoder / "config.json")))
    save_text(home / "README.md", task_card(report))


def encoder_card(measured: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    rows = [
        [kind, f"{found['texts']:,}", f"{found['cosine']:.3f}", f"{found['neighbours']:.1%}", f"{found['order']:.3f}"]
        for kind, found in measured.items()
        if "cosine" in found
    ]
    synonyms = measured["synonyms"]
    return ENCODER.format(
        pieces=len(config["options"]["vocabulary"]),
        agreement="\n".join(table(["texts", "number", "cosine", "nearest", "order"], rows)),
        synonyms=synonyms["texts"],
        student=f"{synonyms['student']:.0%}",
        teacher=f"{synonyms['teacher']:.0%}",
        texts=f"{measured['training']['texts']:,} texts" if "training" in measured else "texts of these kinds",
    )


def task_card(report: Mapping[str, Any]) -> str:
    rows = [[name, f"{row['floor']:.1%}", f"{row['reached']:.1%}"] for name, row in report["floors"].items()]
    fusion = report["fusion"]
    missed = [name for name, row in report["floors"].items() if row["reached"] < row["floor"]]
    return TASK.format(
        floors="\n".join(table(["measured", "floor", "reached"], rows)),
        lost=f"Not reached: {', '.join(missed)}." if missed else "All floors are reached.",
        pairs=fusion["pairs"],
        labels=len(fusion["labels"]),
        fusion="\n".join(table(["strategy", "recall"], [[f"`{name}`", f"{value:.1%}"] for name, value in fusion["recall"].items()])),
    )
