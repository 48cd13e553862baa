"""The tab Playground in a browser: it trains when told to, stops when left, and can be used in any language, size and theme."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import PHONE, WIDE, visiting

pytestmark = pytest.mark.browser
STEP = "Number(document.querySelector('.fl-playground-bar .fl-number').textContent.match(/[0-9]+/)[0])"
STATUS = ".fl-playground-main [role=status]"


def open_playground(page: Any) -> None:
    page.evaluate("FusionLab.set('page', 'playground')")
    page.wait_for_selector(".fl-learner")


@pytest.fixture
def visit(chromium: Any, fake_page: str) -> Iterator[Any]:
    with visiting(chromium, fake_page) as page:
        open_playground(page)
        yield page


def button(page: Any, name: str) -> Any:
    return page.locator(".fl-playground-bar").get_by_role("button", name=name)


def test_it_trains_while_it_plays_and_stops_when_left(visit: Any) -> None:
    assert visit.evaluate(STEP) == 0 and visit.locator(STATUS).text_content() == "Ready. Press Play to train."
    button(visit, "One step").click()
    visit.wait_for_function(f"{STEP} === 1")
    button(visit, "Play").focus()
    visit.keyboard.press("Enter")
    visit.wait_for_function(f"{STEP} > 10")
    visit.evaluate("FusionLab.set('page', 'fuse')")
    visit.wait_for_timeout(600)  # an answer may still be on its way
    reached = visit.evaluate(STEP)
    visit.wait_for_timeout(600)
    open_playground(visit)
    assert visit.evaluate(STEP) == reached and "page was left" in visit.locator(STATUS).text_content()


def test_every_surface_is_drawn_and_described(visit: Any) -> None:
    painted = "canvas => canvas.getContext('2d').getImageData(60, 60, 1, 1).data[3] === 255"
    canvases = visit.locator(".fl-learner canvas")
    assert canvases.count() == 4 * 3 + 2 + 2  # two have weights, one has two attention maps
    assert all(canvases.nth(i).evaluate(painted) for i in range(canvases.count()))
    described = canvases.first.get_attribute("aria-label")
    assert described.startswith("Early fusion: Probability of label 1") and "bottom left" in described
    assert visit.locator(".fl-curve polyline").count() == 8
    assert "Synergistic: only A and B0.81 bits" in visit.locator(".fl-bits").text_content()


def test_a_new_setting_starts_anew(visit: Any) -> None:
    button(visit, "One step").click()
    visit.wait_for_function(f"{STEP} === 1")
    visit.get_by_role("button", name="Unique", exact=True).click()
    visit.wait_for_function(f"{STEP} === 0")
    visit.wait_for_function("document.querySelector('.fl-bits').textContent.includes('Unique to A0.9')")
    visit.get_by_role("button", name="Tensor fusion").click()
    visit.wait_for_function("document.querySelectorAll('.fl-learner').length === 5")
    button(visit, "Reset").click()
    visit.wait_for_function(f"{STEP} === 0")


def test_what_cannot_be_set_is_said(visit: Any) -> None:
    for name in ("Early fusion", "Cross-attention", "Late fusion"):
        visit.locator(".fl-playground-side").get_by_role("button", name=name, exact=True).click()
    assert visit.locator(STATUS).text_content() == "Choose two to six strategies."
    visit.get_by_label("Seed", exact=True).fill("-3")
    visit.keyboard.press("Tab")
    visit.wait_for_function(f"document.querySelector('{STATUS}').textContent === 'The seed must be between 0 and 9999.'")


@pytest.mark.parametrize(("size", "theme", "locale"), [(WIDE, "light", "en-US"), (PHONE, "dark", "zh-CN")])
def test_it_fits_and_axe_finds_nothing_grave(chromium: Any, fake_page: str, size: dict[str, int], theme: str, locale: str) -> None:
    pytest.importorskip("axe_playwright_python.sync_playwright")
    from tests.ui.test_accessibility import findings

    with visiting(chromium, f"{fake_page}?__theme={theme}", size, locale=locale) as page:
        open_playground(page)
        page.evaluate("document.querySelectorAll('.fl-playground details').forEach((d) => (d.open = true))")
        page.wait_for_timeout(300)
        assert findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert "playground." not in page.locator("#fl-playground").text_content()
