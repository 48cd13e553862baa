"""What every test gets: the same seeds, two threads, no network on the way to a model hub, and no excuse for the browser test in CI."""

from __future__ import annotations

import os
import random
from collections.abc import Generator

# Before anything imports transformers or gradio: both read these once, at import.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import numpy as np
import pytest
import torch

torch.set_num_threads(2)


@pytest.fixture(autouse=True)
def seed() -> None:
    """Every test starts from seed 0, alone or in the whole suite."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skipped browser test into a failed one where CI=true, so that a missing browser cannot pass unseen."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but a browser test may not skip with CI=true: {call.excinfo and call.excinfo.value}"
    return report
