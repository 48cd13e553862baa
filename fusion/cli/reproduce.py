"""`reproduce`: makes the weights, reports and cards of a task anew, step by step."""

from __future__ import annotations

from typing import Annotated

import typer

from fusion.cli import steps
from fusion.cli.errors import command
from fusion.cli.options import Data, new_data_folder
from fusion.tables import aligned
from fusion.tasks import TASKS, find_task


def register(app: typer.Typer) -> None:
    app.command("reproduce")(command(reproduce))


def reproduce(
    task: Annotated[str, typer.Argument(metavar="TASK", help=", ".join(TASKS))],
    data: Data = None,
    start: Annotated[str | None, typer.Option("--from", metavar="STEP", help="do this step and all that follow again")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="print the steps and do nothing; with --data also which are done")] = False,
) -> None:
    """Make the weights and reports of a task anew.

    Steps that are done are skipped, so that the same command goes on after an interruption. Writes into checkpoints/, and into
    DIR/.reproduce/ what is done.
    """
    asked = find_task(task)
    steps.check_steps(asked, start)
    if only_list:
        print("\n".join(list_of_steps(task, data)))
    else:
        steps.run(asked, new_data_folder(data), start)
        print(f"The task {task} is reproduced.")


def list_of_steps(task: str, data: str | None) -> list[str]:
    """One line for each step: name, command, what it writes and, where a data folder is named, whether it is done."""
    from fusion.cards.steps import rows

    asked = find_task(task)
    table = [("step", "command", "writes"), *rows(asked)]
    if data:
        states = ["state", *steps.states(asked, new_data_folder(data)).values()]
        return aligned([(*row, state) for row, state in zip(table, states, strict=True)])
    return aligned(table)
