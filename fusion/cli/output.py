"""What commands write: the answer to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from fusion.tables import plain


@contextmanager
def answer_only() -> Iterator[None]:
    """Sends to stderr what libraries and progress lines print while the answer is computed."""
    with redirect_stdout(sys.stderr):
        yield


def print_json(report: Any) -> None:
    """JSON with two spaces; a number that is not finite is null."""
    print(json.dumps(plain(report), ensure_ascii=False, indent=2, allow_nan=False, default=str))
