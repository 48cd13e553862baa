"""Commands that write generated files anew: `cards`, `checksums` and `declarations`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusion.cli.errors import command
from fusion.types import FusionError


def register(app: typer.Typer) -> None:
    app.command("cards")(command(cards))
    app.command("checksums")(command(checksums))
    app.command("declarations")(command(declarations))


def cards() -> None:
    """Write model cards and tables from the reports.

    All cards in checkpoints/, and the tables of README.md and checkpoints/README.md.
    """
    from fusion.cards.write import Described, write_all
    from fusion.describe import describe_encoders, describe_strategies

    write_all(Described(describe_strategies(), describe_encoders()))


def checksums(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="[FOLDER]...", help="checkpoints/ if none is named")] = None,
    check: Annotated[bool, typer.Option("--check", help="compare and write nothing; the exit code is 1 where a file differs")] = False,
) -> int:
    """Write or check the checksums of checkpoints.

    They stand in the file SHA256SUMS of every folder.
    """
    from fusion.config import CHECKPOINTS
    from fusion.files import differences, write_checksums

    named = folders or [CHECKPOINTS]
    if missing := [folder for folder in named if not folder.is_dir()]:
        raise FusionError("There is no folder {name}.", name=missing[0])
    if not check:
        print(f"{sum(map(write_checksums, named))} checksums are written.")
        return 0
    said = [sentence for folder in named for sentence in differences(folder)]
    print("\n".join(said) or "Every file is as its checksum says.")
    return int(bool(said))


def declarations() -> None:
    """Write the TypeScript declarations of the page's JSON."""
    from fusion.files import save_text
    from fusion.ui import typescript

    save_text(typescript.FILE, typescript.declarations())
