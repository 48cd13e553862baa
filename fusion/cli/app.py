"""The typer app with all commands.

    python -m fusion predict --task digits --strategy all --image a.png --audio a.wav --video a.mp4 --text "seven" [--json]
    python -m fusion train --task digits --strategy late --data DIR
    python -m fusion evaluate --task digits --data DIR [--json]
    python -m fusion reproduce digits --data DIR
    python -m fusion inspect DATA [--json]
    python -m fusion fit DATA --out LAB [--label COLUMN]
    python -m fusion --help                                     all commands; each of them has --help, too

What a command computes is imported when it runs, so that `--help` answers without PyTorch. Exit codes: 0 done, 1 a check found something
wrong, 2 wrong arguments or input (one sentence on stderr), 130 interrupted. Stdout carries the answer only.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from fusion.cli import bench, data, evaluation, generated, own_data, predict, reproduce, training
from fusion.cli.errors import with_exit_code

PROGRAM = "python -m fusion"


def build_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """All commands.

    Args:
        arguments: of the command line; where they begin with "predict", the task that they name decides which media can be given.

    Raises:
        FusionError: they name a task that does not exist.
    """
    app = typer.Typer(
        help="Fusion Lab: several modalities, one answer, many ways to fuse them.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"max_content_width": 120},
    )
    predict.register(app, arguments)
    for group in (own_data, training, evaluation, bench, data, generated, reproduce):
        group.register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    return with_exit_code(lambda: _run(given))


def _run(arguments: list[str]) -> int:
    try:
        build_app(arguments)(args=arguments, prog_name=PROGRAM)
    except SystemExit as ended:
        sys.stdout.flush()
        return ended.code if isinstance(ended.code, int) else 0
    return 0
