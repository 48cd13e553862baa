"""Commands that fetch or make training data: `download` and `voices`."""

from __future__ import annotations

from typing import Annotated

import typer

from fusion.cli.errors import command
from fusion.cli.options import Data, Task, new_data_folder
from fusion.tasks import DEFAULT, find_task


def register(app: typer.Typer) -> None:
    app.command("download")(command(download))
    app.command("voices")(command(voices))


def download(task: Task = DEFAULT, data: Data = None) -> None:
    """Fetch public data from its official sources."""
    folder = new_data_folder(data)
    from fusion.tasks import downloading

    for complete in downloading.run(task, folder):
        print(f"{complete} is complete.")


def voices(
    task: Task = DEFAULT,
    data: Data = None,
    examples: Annotated[bool, typer.Option("--examples", help="speak the sounds of the page's worked examples instead")] = False,
) -> None:
    """Make synthetic voices for training.

    With the speech synthesisers that are installed: espeak-ng, flite, festival. Writes DIR/voices/.
    """
    asked = find_task(task)
    if examples:
        asked.speak_examples()
    else:
        asked.make_voices(new_data_folder(data))
