"""One page around labs with known answers, for all tests of a run that need a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.browser import running


@pytest.fixture(scope="session")
def fake_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address; see `tests.ui.fake_page` for what it answers."""
    yield from running([sys.executable, "-m", "tests.ui.fake_page"], tmp_path_factory.mktemp("page") / "log.txt")
