"""What every test gets: the same seeds, one thread beside the other process of the suite, no network, and in CI a browser."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

# Before anything imports transformers or gradio: both read these once, at import.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # also of the processes that tests start

import numpy as np
import pytest
import torch

import fusion
from fusion.lab import Lab
from tests.browser import FLAGS, running

torch.set_num_threads(1)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes where a folder is asked for; a few files are done sooner in one, which a debugger can follow."""
    return 2 if any(Path(name).is_dir() for name in config.args) else 0


@pytest.fixture(autouse=True)
def seed() -> None:
    """Every test starts from seed 0, alone or in the whole suite."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def digits_lab() -> Lab:
    """The shipped models of `digits`, for all tests that only ask them."""
    return fusion.load("digits", "cpu")


@pytest.fixture(scope="session")
def app_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of `python app.py` with the shipped weights, in a process of its own."""
    command = [sys.executable, "app.py", "--device", "cpu", "--host", "127.0.0.1", "--port"]
    yield from running(command, tmp_path_factory.mktemp("app") / "log.txt")


@pytest.fixture(scope="module")  # Playwright keeps a loop running, which other modules must not meet
def chromium() -> Iterator[object]:
    """Debian's Chromium, driven by Playwright."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("In CI there must be a browser: apt-get install chromium, pip install playwright.")
        pytest.skip("There is no Chromium or no Playwright on this machine.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skipped browser test into a failed one where CI=true, so that a missing browser cannot pass unseen."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and item.get_closest_marker("browser"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but a browser test may not skip with CI=true: {call.excinfo and call.excinfo.value}"
    return report
