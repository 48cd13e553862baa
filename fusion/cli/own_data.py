"""Commands for your own data: `inspect` and `fit`. A lab that `fit` wrote is used with `predict --task LAB` and `evaluate --task LAB`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fusion.cli.errors import command
from fusion.cli.options import Encoders, Json, Seed, positive
from fusion.cli.output import answer_only, print_json
from fusion.types import FusionError

DataArgument = Annotated[str, typer.Argument(metavar="DATA", help="a folder, a table beside media, a .zip, or arrays", show_default=False)]
Label = Annotated[str | None, typer.Option(metavar="COLUMN", help="the column to predict; found by its name if not given")]
Group = Annotated[str | None, typer.Option(metavar="COLUMN", help="rows with the same value stay on one side of a split")]
Columns = Annotated[
    str | None, typer.Option(metavar="NAME=KIND,...", help="kinds that replace the detected ones, such as day=ignore or age=number")
]


def register(app: typer.Typer) -> None:
    app.command("inspect")(command(inspect))
    app.command("fit")(command(fit))


def inspect(data: DataArgument, label: Label = None, group: Group = None, columns: Columns = None, as_json: Json = False) -> None:
    """Say what is understood of your own data, and check it.

    Nothing is trained or written.
    """
    with answer_only():
        from fusion.own_data.columns import read_override
        from fusion.own_data.inspection import inspect as run

        found = run(data, label, group, read_override(columns or ""))
    if as_json:
        print_json(found.to_json())
    else:
        print("\n".join(found.lines()))


def fit(
    data: DataArgument,
    out: Annotated[Path, typer.Option(metavar="LAB", help="folder of the lab that is written", show_default=False)],
    label: Label = None,
    group: Group = None,
    columns: Columns = None,
    encoders: Encoders = None,
    strategies: Annotated[str, typer.Option(metavar="NAME,...", help="names with commas between, or all")] = "all",
    seeds: Annotated[int, typer.Option(parser=positive, metavar="N", help="trainings of each strategy")] = 5,
    minutes: Annotated[float, typer.Option(metavar="N", help="time that training may take; encoding comes before it")] = 10.0,
    seed: Seed = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask before training")] = False,
    as_json: Json = False,
) -> None:
    """Compare all strategies on your own data, and write a lab.

    Says whether fusion helps, with intervals, and which strategy to take.
    """
    with answer_only():
        from fusion.own_data.columns import read_override
        from fusion.own_data.fitting import FitOptions, run, say

        options = FitOptions(
            label=label,
            group=group,
            columns=read_override(columns or ""),
            encoders=encoders or "shipped",
            strategies=strategies,
            seeds=seeds,
            minutes=minutes,
            seed=seed or 0,
        )
        report = run(data, out, options, say, None if yes else confirm)
    if as_json:
        print_json(report.to_json())
    else:
        print("\n".join(report.lines()))


def confirm(inspection: Any, minutes: float) -> bool:
    """Shows what was understood and how long it takes, and asks; where nobody can answer, it goes on."""
    print("\n".join(inspection.lines()), file=sys.stderr)
    print(f"Training takes about {minutes:.0f} minutes." if minutes >= 1 else "Training takes less than a minute.", file=sys.stderr)
    return not sys.stdin.isatty() or typer.confirm("Train?", default=True, err=True)


def evaluate_lab(task: str, data: str | None, device: str) -> dict[str, Any]:
    """The report of a lab of one's own data on new data."""
    import fusion
    from fusion.own_data.evaluating import run
    from fusion.own_data.own_lab import OwnLab

    if not data:
        raise FusionError("Name the labelled data with --data.")
    if not os.path.exists(data):
        raise FusionError("There is no folder or file {data}.", data=data)
    lab = fusion.load(task, device=device)
    assert isinstance(lab, OwnLab)
    return run(lab, data)
