"""How a command ends: what a person can mend is one sentence on stderr and exit code 2, never a traceback."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

import typer

from fusion.system_errors import reason_of
from fusion.types import FusionError

INTERRUPTED = 130


def with_exit_code(function: Callable[[], int | None]) -> int:
    """Calls `function` and returns its exit code (None is 0); prints the sentence of an error.

    Stdout is flushed here, so that a full disk and a reader that has gone away are noticed.
    """
    try:
        code = function() or 0
        sys.stdout.flush()
        return code
    except FusionError as error:
        said = str(error)
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough; a second flush at exit would complain again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        said = f"{error.name} is not installed; the requirements files name what each command needs."
    except OSError as error:  # a folder that cannot be read, a full disk
        said = f"{error.filename or 'A file'} cannot be used: {reason_of(error)}."
    except KeyboardInterrupt:
        print("Interrupted; what was finished before is kept.", file=sys.stderr)
        return INTERRUPTED
    print(said, file=sys.stderr)
    return 2


def command(function: Callable[..., int | None]) -> Callable[..., None]:
    """The same function as typer calls it: it ends with an exit code and shows errors in one sentence."""

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> None:
        code = with_exit_code(lambda: function(*args, **options))
        if code:
            raise typer.Exit(code)

    return run
