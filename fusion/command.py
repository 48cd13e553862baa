"""What the commands of single modules share (`python -m fusion.evaluation.rejection DIR`): `--help`, paths that exist, short errors."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from fusion.types import FusionError


def run_command(
    function: Callable[..., Any],
    doc: str,
    needed: Mapping[str, str] | None = None,
    optional: Mapping[str, str] | None = None,
    arguments: Sequence[str] | None = None,
) -> NoReturn:
    """Calls `function` with the paths that were named, prints what it returns as JSON, and ends the process.

    Args:
        doc: the module's docstring, which is its help.
        needed, optional: {name of a file or folder that must exist: what it is}, in order.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, about in (needed or {}).items():
        parser.add_argument(name, type=existing, metavar=name.upper(), help=about)
    for name, about in (optional or {}).items():
        parser.add_argument(name, type=existing, metavar=name.upper(), help=about, nargs="?")
    paths = [path for path in vars(parser.parse_args(arguments)).values() if path is not None]

    def call() -> None:
        found = function(*paths)
        if found is not None:
            print(json.dumps(found, indent=1, default=str))

    end_with_a_sentence(call)


def end_with_a_sentence(main: Callable[[], Any]) -> NoReturn:
    """Runs a command and ends the process: what a person can mend is one sentence on stderr, and exit code 2."""
    try:
        main()
        sys.exit(0)
    except FusionError as error:
        said, code = str(error), 2
    except ModuleNotFoundError as error:
        said, code = f"{error.name} is not installed; the requirements files name what each command needs.", 2
    except OSError as error:
        said, code = f"{error.filename or 'A file'} cannot be used: {error.strerror or type(error).__name__}.", 2
    except KeyboardInterrupt:
        said, code = "Interrupted; what was finished before is kept.", 130
    print(said, file=sys.stderr)
    sys.exit(code)


def existing(text: str) -> Path:
    """A path that exists."""
    path = Path(text)
    if not path.exists():
        raise argparse.ArgumentTypeError(f"there is no {text}")
    return path
