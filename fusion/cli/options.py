"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from fusion.tasks import DEFAULT, TASKS
from fusion.types import FusionError

EncoderChoice = str | dict[str, str]


def positive(value: str | int) -> int:
    """A whole number above 0; typer also hands over the default, which is one already."""
    text = str(value)
    if not text.isdecimal() or int(text) == 0:
        raise typer.BadParameter(f'"{text}" is not a whole number above 0')
    return int(text)


def seed(text: str) -> int:
    """A whole number from 0 to 4294967295."""
    if not text.isdecimal() or int(text) >= 2**32:
        raise typer.BadParameter(f'"{text}" is not a whole number from 0 to 4294967295')
    return int(text)


def encoders(text: str) -> Any:
    """A set's name, or "image=image_lbp,audio=audio_mfcc" as a dictionary; what exists is checked by the library."""
    if "=" not in text:
        return text
    pairs = [pair.strip().partition("=") for pair in text.split(",")]
    if any(not name for _, _, name in pairs):
        raise typer.BadParameter(f'"{text}" is not a set\'s name or MODALITY=ENCODER,...')
    return {modality: name for modality, _, name in pairs}


Task = Annotated[str, typer.Option(metavar="NAME", help=f"{', '.join(TASKS)}; {DEFAULT} if not given", show_default=False)]
OneTask = Annotated[str | None, typer.Option(metavar="NAME", help=f"{', '.join(TASKS)}; every task it applies to if not given")]
Data = Annotated[str | None, typer.Option(metavar="DIR", envvar="FUSION_DATA", help="folder with the data sets")]
Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:1, mps")]
Seed = Annotated[int | None, typer.Option(parser=seed, metavar="N", help="the same seed gives the same result")]
Out = Annotated[str | None, typer.Option(metavar="FILE", help="file that the report goes to as JSON")]
Json = Annotated[bool, typer.Option("--json", help="write the report as JSON")]
Encoders = Annotated[
    Any,
    typer.Option(
        parser=encoders,
        metavar="CHOICE",
        show_default=False,
        help="compact (the default), classical, or MODALITY=NAME,... with names such as image_lbp or backbone:microsoft/resnet-18",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(metavar="A,B,...", help='of a task whose labels are typed: 2 to 100 words or phrases, "violin|fiddle" for two wordings'),
]
Yamnet = Annotated[
    Path, typer.Option(metavar="FILE", exists=True, help="the file yamnet.tflite, the teacher; see fusion/distill/teachers.py")
]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given: without those that are None, for which the called function has its own default."""
    return {name: value for name, value in options.items() if value is not None}


def data_folder(data: str | None) -> Path:
    """The folder of the data sets.

    Raises:
        FusionError: none is named, or it is not there or cannot be read.
    """
    if not data:
        raise FusionError("Give the folder with the data sets with --data DIR or the variable FUSION_DATA.")
    if os.path.isdir(data) and not os.access(data, os.R_OK | os.X_OK):
        raise FusionError("The folder {data} cannot be read.", data=data)
    if not os.path.isdir(data):
        raise FusionError("There is no folder {data}; `python -m fusion download --data {data}` makes and fills it.", data=data)
    return Path(data)


def new_data_folder(data: str | None) -> Path:
    """The folder that data is written to; it need not exist yet."""
    if not data:
        raise FusionError("Give the folder for the data sets with --data DIR or the variable FUSION_DATA.")
    return Path(data)
