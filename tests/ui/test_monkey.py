"""Any sequence of acts leaves a page without errors whose answer is of what its slots show; and the pill of phones leads to the answer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import PHONE, WIDE, visiting
from tests.ui.test_races import SETTLED, choose_task, draw, give_file, settle, slots, switch, type_words

pytestmark = pytest.mark.browser
ACTS = 40


@pytest.fixture(params=[WIDE, PHONE], ids=["wide", "phone"])
def page(chromium, fake_page: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    with visiting(chromium, fake_page, request.param) as page:
        yield page


def test_a_token_that_was_pressed_may_go_with_its_medium(page) -> None:
    switch(page, "image")
    settle(page, {"text", "audio", "video"})
    page.locator("#fl-attention [data-modality=audio] .fl-cell").nth(3).click()
    draw(page)
    settle(page)
    switch(page, "audio")
    settle(page)
    assert page.locator("#fl-attention .fl-cell").count() > 0


def test_the_pill_scrolls_to_the_answer_and_keeps_what_was_given(page) -> None:
    give_file(page, "image", "own.png")
    settle(page, {"image"}, image="own.png")
    page.wait_for_function("location.search.includes('s=')")
    address = page.url
    page.locator(".fl-mini").dispatch_event("click")
    page.wait_for_timeout(200)
    assert page.url == address and slots(page)["image"]["name"] == "own.png"
    assert page.evaluate("document.activeElement.closest('#fl-outcome') !== null")
    assert page.locator("#fl-outcome h2").bounding_box()["y"] < page.viewport_size["height"]


@pytest.mark.parametrize("seed", [1])
def test_random_acts_leave_slots_and_answer_in_agreement(page, seed: int) -> None:
    chance = random.Random(seed)

    def press(selector: str) -> None:
        found = page.locator(selector)
        count = found.count()
        if count:
            found.nth(chance.randrange(count)).dispatch_event("click")

    acts = [
        lambda: press(".fl-slot input[role=switch]"),
        lambda: press("#fl-examples button:not([disabled])"),
        lambda: choose_task(page, chance.choice(["digits", "digits-add", "digits-find", "scenes"])),
        lambda: press("#fl-strategies input"),
        lambda: press(".fl-slot [aria-label=Clear]"),
        lambda: press("#fl-attention .fl-cell"),
        lambda: press("#fl-attention .fl-map"),
        lambda: press(".fl-languages button"),
        lambda: press(".fl-page-tab"),
        lambda: press(".fl-slot .fl-link:not([hidden])"),
        lambda: page.locator("textarea").evaluate(
            "(area, words) => { area.value = words; area.dispatchEvent(new Event('input')); area.dispatchEvent(new Event('change')); }",
            chance.choice(["two", "bad", "nine of nine", ""]),
        ),
        lambda: give_file(page, chance.choice(["image", "audio", "video"]), f"own{chance.randrange(9)}.bin"),
    ]
    for _ in range(ACTS):
        chance.choice(acts)()
        page.wait_for_timeout(chance.choice([0, 0, 30, 120]))
    page.wait_for_function(SETTLED)
    page.evaluate("FusionLab.set('page', 'fuse')")
    type_words(page, "two")
    page.wait_for_timeout(400)
    settle(page, text="two")
