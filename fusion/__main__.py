"""The command line: `python -m fusion COMMAND`. The commands are in `fusion/cli/`, listed by `python -m fusion --help`."""

from __future__ import annotations

import sys

from fusion.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
