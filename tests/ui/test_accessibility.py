"""The page for keyboards and screen readers: axe-core finds nothing critical or serious on any tab, task and state."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser import READY

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = pytest.mark.browser

WIDE, PHONE = {"width": 1400, "height": 1000}, {"width": 390, "height": 844}
TASKS = ("digits", "digits-add", "digits-find", "scenes")
RULES = {"resultTypes": ["violations"], "rules": {"label-content-name-mismatch": {"enabled": True}}}


def findings(page: Any) -> list[str]:
    """Every critical or serious finding of axe-core: its rule, and where."""
    violations = axe_playwright.Axe().run(page, options=RULES).response["violations"]
    grave = [v for v in violations if v["impact"] in ("critical", "serious")]
    found = [(v["id"], node) for v in grave for node in v["nodes"] if not is_block(v["id"], node["target"])]
    return [f"{rule} at {node['target']}: {node['failureSummary']}" for rule, node in found]


def is_block(rule: str, target: list[str]) -> bool:
    """A block of the diagram is named "image 64 × 96"; axe-core reads its two lines of SVG text without the space between them."""
    return rule == "label-content-name-mismatch" and ("fl-block" in target[0] or target[0].startswith("g["))


@pytest.fixture(scope="module")
def open_page(chromium: Any, fake_page: str) -> Callable[..., Any]:
    """Opens the page in a size and theme."""

    def open_it(size: dict[str, int], theme: str) -> Any:
        context = chromium.new_context(viewport=size, color_scheme=theme, locale="en-US", reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{fake_page}?__theme={theme}")
        page.wait_for_function(READY)
        return page

    return open_it


def settled(page: Any) -> None:
    page.wait_for_function("!FusionLab.get('busy')")
    page.wait_for_timeout(100)


def choose_task(page: Any, task: str) -> None:
    page.locator(f"#fl-tasks input[value={task}]").focus()
    page.keyboard.press("Space")
    page.wait_for_function("task => FusionLab.get('lab').task.name === task", arg=task)
    settled(page)


def type_text(page: Any, text: str) -> None:
    page.locator("#fl-slot-text textarea").fill(text)
    page.keyboard.press("Enter")
    settled(page)


@pytest.mark.parametrize(("size", "theme"), [(WIDE, "light"), (WIDE, "dark"), (PHONE, "light"), (PHONE, "dark")])
def test_axe_finds_nothing_grave(open_page: Callable[..., Any], size: dict[str, int], theme: str) -> None:
    page = open_page(size, theme)
    found: dict[str, list[str]] = {}
    for task in TASKS if theme == "light" and size is WIDE else TASKS[-1:]:
        choose_task(page, task)
        found[task] = findings(page)
    type_text(page, "bad")
    assert page.evaluate("FusionLab.get('result').status.kind") == "error"
    found["after an error"] = findings(page)
    page.get_by_role("tab").nth(1).click()
    page.wait_for_timeout(300)
    found["inside after an error"] = findings(page)
    page.get_by_role("tab").nth(0).click()
    type_text(page, "the cow")
    for name in ("image", "audio", "video"):
        page.locator(f"#fl-slot-{name} input[role=switch]").uncheck()
        settled(page)
    found["one input"] = findings(page)
    page.get_by_role("tab").nth(1).click()
    page.wait_for_selector("#fl-activations section")
    page.wait_for_timeout(500)
    found["inside"] = findings(page)
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    page.wait_for_timeout(100)
    found["inside, details open"] = findings(page)
    page.get_by_role("tab").nth(0).click()
    page.wait_for_timeout(100)
    found["details open"] = findings(page)
    page.context.close()
    told = [f"{state}: {finding}" for state, findings_there in found.items() for finding in findings_there]
    assert not told, "\n".join(told)


def test_a_new_prediction_is_announced_in_one_sentence(open_page: Callable[..., Any]) -> None:
    """The node of the announcement stays; screen readers do not notice one that is replaced."""
    page = open_page(WIDE, "light")
    region = page.locator("#fl-announcement")
    node = region.element_handle()
    for name in ("image", "audio", "video"):
        page.locator(f"#fl-slot-{name} input[role=switch]").uncheck()
        settled(page)
    type_text(page, "three")
    page.wait_for_function("document.querySelector('#fl-announcement').textContent.startsWith('Prediction: 3, 90')")
    assert region.text_content() == "Prediction: 3, 90 %. Cross attention."
    assert node.evaluate("node => node.isConnected") and region.get_attribute("role") == "status"
    page.context.close()


def test_the_first_stop_leads_to_the_prediction(open_page: Callable[..., Any]) -> None:
    page = open_page(WIDE, "light")
    address = page.url
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "fl-skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.matches('#fl-outcome h2')")
    assert page.url == address
    page.context.close()


def test_a_seven_can_be_drawn_with_the_keyboard(open_page: Callable[..., Any]) -> None:
    """Two strokes, of which Backspace takes the second back; the oracle is the path that the keys describe."""
    page = open_page(WIDE, "light")
    sent: list[list[list[list[float]]]] = []

    def note(request: Any) -> None:
        if "/queue/join" in request.url:
            slots = [json.loads(value) for value in json.loads(request.post_data)["data"] if '"strokes"' in value]
            sent.extend(slot["strokes"] for slot in slots[:1])

    page.on("request", note)
    page.locator("#fl-slot-image canvas.fl-pad").focus()
    for key in ["Space", *["ArrowRight"] * 5, *["ArrowDown"] * 10, "Space", "ArrowUp", "Enter", "ArrowLeft", "Enter"]:
        page.keyboard.press(key)
    settled(page)
    strokes = sent[-1]
    path = [(round(x, 2), round(y, 2)) for x, y, _ in strokes[0]]
    assert len(strokes) == 2 and len(path) == 16
    assert path[0] == (0.5, 0.5) and path[5] == (0.7, 0.5) and path[-1] == (0.7, 0.9)
    times = [t for stroke in strokes for _, _, t in stroke]
    assert times == sorted(times) and times[-1] < 3
    page.keyboard.press("Backspace")
    settled(page)
    assert sent[-1] == strokes[:1]
    page.context.close()
