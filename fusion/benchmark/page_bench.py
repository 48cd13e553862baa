"""`python -m fusion bench --page`: the milliseconds from what a visitor does to the result that is drawn, in a real browser.

The clock runs in the page itself: it starts with the act, and stops in the frame after the views of the new result were drawn.

    slider     corruption of a picture that was not corrupted before, beside the example's other media
    example    another worked example
    strategy   another strategy of the same result, with its attention maps
    task       another task, for the first time since the page was started, and again
    upload     a photo of 12 megapixels

Needs Playwright (tests/requirements.txt) and Chromium.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fusion.benchmark.load_inputs import stamped
from fusion.benchmark.load_test import server
from fusion.benchmark.machine import describe_machine
from fusion.tasks.digits.task import DigitsTask
from fusion.tasks.scenes.task import ScenesTask
from fusion.types import FusionError

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
TASKS = (DigitsTask.name, ScenesTask.name)
TARGETS = {DigitsTask.name: 150, ScenesTask.name: 200}  # ms, p50 of the slider on two idle cores
ROUNDS, UPLOADS, TURNS = 20, 5, 5
PHOTO = (4000, 3000)  # 12 megapixels
PICTURES = {DigitsTask.name: (192, 192), ScenesTask.name: (640, 480)}  # of the slider: a drawing, a photo from the web
PATIENCE = 120_000  # ms
READY = "document.documentElement.classList.contains('fl-ready')"

# `measure(act, task, strategy)` performs the act and resolves to the milliseconds until the page shows another result (of that task), or
# all of the strategy. Drawing is done in microtasks after the result came; the second frame after that is one that shows it.
MEASURE = """() => { window.measure = (act, task = "", strategy = "") => new Promise((resolve) => {
  const FL = window.FusionLab, before = FL.get("result")?.id, start = performance.now();
  const complete = () => {
    const result = FL.get("result");
    if (strategy) {
      const maps = Object.values(result.attention[strategy]?.pairs || {});
      return FL.get("strategy") === strategy && maps.every((pair) => "data" in pair);
    }
    return result?.id !== before && !FL.get("busy") && (!task || FL.get("lab")?.task.name === task);
  };
  const look = () => {
    if (complete()) requestAnimationFrame(() => resolve(performance.now() - start));
    else requestAnimationFrame(look);
  };
  act();
  requestAnimationFrame(look);
}); }"""
SLIDER = """([value]) => measure(() => {
  const range = document.querySelector("#fl-slot-image input[type=range]");
  range.value = value;
  range.dispatchEvent(new Event("input", { bubbles: true }));
  range.dispatchEvent(new Event("change", { bubbles: true }));
})"""
EXAMPLE = """([index]) => measure(() => {
  const chips = document.querySelectorAll("#fl-examples .fl-chip");
  chips[index % chips.length].click();
})"""
STRATEGY = """([index]) => {
  const picks = [...document.querySelectorAll("#fl-strategies input[type=radio]")].filter((pick) => !pick.checked),
    pick = picks[index % picks.length];
  return measure(() => pick.click(), "", pick.value);
}"""
TASK = """([task]) => measure(() => document.querySelector(`#fl-tasks input[value="${task}"]`).click(), task)"""
SWITCH_ON = """() => document.querySelectorAll("[id^=fl-slot-] input[role=switch]").forEach((input) => input.checked || input.click())"""
UPLOAD = """() => {
  window.uploaded = new Promise((resolve) =>
    document.querySelector("#fl-slot-image input[type=file]").addEventListener(
      "change", () => measure(() => {}).then(resolve), { once: true, capture: true }));
}"""


def run(url: str | None = None, rounds: int = ROUNDS, out: str | None = None) -> dict[str, Any]:
    """Measures and returns the report.

    Args:
        url: of a page that is served already; without it one is started here.
        rounds: how often each act is done.
        out: file that the report goes to as JSON.

    Raises:
        FusionError: Playwright or Chromium is not there.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise FusionError(
            "The page is measured with Playwright, which is not installed; `pip install -r tests/requirements.txt` does it."
        ) from error
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with server(url) as (address, _), sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        except Error as error:
            raise FusionError("Chromium is not installed; `playwright install chromium` installs it.") from error
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.goto(address)
        page.wait_for_function(READY)
        page.evaluate(MEASURE)
        try:
            found = measure(page, rounds)
        except Error as error:
            raise FusionError(f"The page at {address} did not show what was waited for: {error.message.splitlines()[0]}") from error
        browser.close()
    report = {
        "command": "python -m fusion bench --page",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "tasks": found,
        "targets_ms": TARGETS,
    }
    if out:
        Path(out).write_text(json.dumps(report, indent=1) + "\n")
    return report


def measure(page: Any, rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """{task: {act: its milliseconds}}; the page shows the first task."""
    first, second = TASKS
    times: dict[str, dict[str, list[float]]] = {task: {} for task in TASKS}
    times[second]["task, first time"] = [page.evaluate(TASK, [second])]
    for task in [first, second] * TURNS:
        times[task].setdefault("task, again", []).append(page.evaluate(TASK, [task]))
    for task in (first, second):
        page.evaluate(TASK, [task])
        page.evaluate(EXAMPLE, [0])
        times[task]["example"] = repeated(lambda i: page.evaluate(EXAMPLE, [i + 1]), rounds)
        page.evaluate(EXAMPLE, [0])
        times[task]["slider"] = repeated(partial(new_slider, page, task), rounds)
        times[task]["strategy"] = repeated(lambda i: page.evaluate(STRATEGY, [i]), rounds)
        times[task]["upload, 12 MP"] = repeated(partial(new_photo, page, task), min(rounds, UPLOADS))
    return {task: {act: percentiles(several) for act, several in acts.items()} for task, acts in times.items()}


def repeated(act: Callable[[int], float], rounds: int) -> list[float]:
    return [act(i) for i in range(rounds)]


def new_slider(page: Any, task: str, i: int) -> float:
    """Milliseconds of the slider on a picture that nobody gave before, so that nothing of it is remembered."""
    upload(page, stamped("photo.jpg", plain_photo(PICTURES[task]), f"{task} {i}"))
    page.evaluate(SWITCH_ON)
    page.wait_for_function("!FusionLab.get('busy')")
    milliseconds: float = page.evaluate(SLIDER, [1 + i % 5])
    return milliseconds


def new_photo(page: Any, task: str, i: int) -> float:
    """Milliseconds of the upload of a photo that nobody gave before."""
    return upload(page, photo(f"{task} {i}"))


def upload(page: Any, data: bytes) -> float:
    """Milliseconds of an upload."""
    page.evaluate(UPLOAD)
    page.set_input_files("#fl-slot-image input[type=file]", {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": data})
    milliseconds: float = page.evaluate("() => window.uploaded")
    return milliseconds


@cache
def plain_photo(size: tuple[int, int]) -> bytes:
    small = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    packed = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(packed, "JPEG", quality=90)
    return packed.getvalue()


def photo(stamp: str) -> bytes:
    """A JPEG of 12 megapixels; each stamp makes another file."""
    return stamped("photo.jpg", plain_photo(PHOTO), stamp)


def percentiles(several: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(several, [50, 95])
    return {"times": len(several), "p50_ms": float(p50), "p95_ms": float(p95)}


def tables(report: dict[str, Any]) -> list[tuple[str, list[list[str]]]]:
    """For the shell: a sentence and rows of cells."""
    rows = [["task", "act", "times", "p50 ms", "p95 ms"]]
    for task, acts in report["tasks"].items():
        for act, found in acts.items():
            rows.append([task, act, str(found["times"]), f"{found['p50_ms']:.0f}", f"{found['p95_ms']:.0f}"])
    aims = ", ".join(f"{ms} ms on {task}" for task, ms in report["targets_ms"].items())
    return [(f"From the act to the drawn result; of the slider the p50 is to be at most {aims}, on two idle cores.", rows)]
