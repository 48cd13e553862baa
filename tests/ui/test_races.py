"""The visitor's last act wins, on a slow server: what is done while an example, a task, a link or an answer is on its way."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser import PHONE, READY, WIDE, running, visiting
from tests.ui.fake_lab import MODALITIES

pytestmark = pytest.mark.browser
DELAY = "0.3"  # seconds that the server takes to open a task, and to encode
PATIENCE = 20  # seconds that a busy machine may take
SOON = 80  # ms after an act, when its answer cannot be there yet
VIEWPORTS = {"wide": WIDE, "phone": PHONE}
SETTLED = "() => !FusionLab.get('busy') && !FusionLab.acts.waiting()"
ALL = set(MODALITIES)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from running([sys.executable, "-m", "tests.ui.fake_page", DELAY], tmp_path_factory.mktemp("slow") / "log.txt")


@pytest.fixture(scope="module", params=VIEWPORTS)
def shared(chromium, served: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    with visiting(chromium, served, VIEWPORTS[request.param]) as page:
        page.set_default_timeout(1000 * PATIENCE)
        yield page


@pytest.fixture
def page(shared: Any) -> Any:
    """The worked example of digits, in English, with cross-attention."""
    shared.wait_for_function(SETTLED)
    if shared.evaluate("FusionLab.get('lab').task.name") != "digits":
        choose_task(shared, "digits")
        shared.wait_for_function(SETTLED)
    shared.get_by_role("button", name="English").click()
    example(shared, "Four times seven")
    shared.evaluate("FusionLab.choose('cross_attention')")
    settle(shared, media=ALL, text="seven")
    return shared


def example(page: Any, title: str) -> None:
    page.locator("#fl-examples").get_by_role("button", name=title, exact=True).click()


def choose_task(page: Any, task: str) -> None:
    page.locator(f"#fl-tasks input[value={task}]").dispatch_event("click")


def switch(page: Any, modality: str) -> None:
    page.locator(f"#fl-slot-{modality} input[role=switch]").click()


def give_file(page: Any, modality: str, name: str) -> None:
    page.locator(f"#fl-slot-{modality} .fl-file").set_input_files({"name": name, "mimeType": "", "buffer": name.encode()})


def type_words(page: Any, words: str) -> None:
    page.locator("textarea").fill(words)


def draw(page: Any) -> None:
    page.locator("#fl-slot-image canvas").scroll_into_view_if_needed()
    box = page.locator("#fl-slot-image canvas").bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 90, steps=3)
    page.mouse.up()


def slots(page: Any) -> dict[str, dict[str, Any]]:
    return {m: json.loads(value) for m, value in page.evaluate("FusionLab.acts.snapshot().slots").items()}


def disagreement(page: Any, media: set[str] | None, expected: dict[str, str]) -> str:
    """What is wrong with the answer on the page, if anything: it must be of the media that the slots show."""
    given = slots(page)
    shown = {m for m, slot in given.items() if slot["on"] and slot["source"] != "none"}
    answered = page.evaluate("FusionLab.get('result').media")
    if set(answered) != shown:
        return f"the answer is of {set(answered)}, the slots show {shown}"
    for modality, slot in given.items():
        if page.locator(f"#fl-slot-{modality} input[role=switch]").is_checked() != slot["on"]:
            return f"the switch of {modality} does not show {slot['on']}"
    if "text" in answered and not answered["text"] == given["text"]["text"] == page.locator("textarea").input_value():
        return f"the answer is of {answered['text']!r}, the slot holds {given['text']['text']!r}"
    if media is not None and shown != media:
        return f"the slots show {shown}, not {media}"
    wrong = {m: given[m] for m, value in expected.items() if given[m].get("text" if m == "text" else "name") != value}
    return f"{wrong} should be {expected}" if wrong else ""


def settle(page: Any, media: set[str] | None = None, **expected: str) -> dict[str, Any]:
    """Waits for the last answer, which must agree with the slots and stay so for a moment. Gives the answer's media."""
    end = time.monotonic() + PATIENCE
    agreed = 0
    while agreed < 2:
        page.wait_for_timeout(SOON)
        wrong = disagreement(page, media, expected) if page.evaluate(SETTLED) else "the page still waits for an answer"
        agreed = 0 if wrong else agreed + 1
        assert not wrong or time.monotonic() < end, wrong
    return page.evaluate("FusionLab.get('result').media")


def test_a_switch_right_after_an_example_holds_for_the_example(page) -> None:
    example(page, "Conflict")
    page.wait_for_timeout(SOON)
    switch(page, "text")
    settle(page, ALL - {"text"})
    assert slots(page)["text"] | {"on": True} == slots(page)["text"] | {"text": "number nine", "example": "conflict", "on": True}
    assert {slot["example"] for slot in slots(page).values()} == {"conflict"}


def test_an_upload_while_a_task_opens_stays_and_is_asked_about_alone(page) -> None:
    choose_task(page, "scenes")
    page.wait_for_timeout(SOON)
    give_file(page, "image", "own.png")
    settle(page, {"image"}, image="own.png")
    assert page.evaluate("FusionLab.get('lab').task.name") == "scenes"
    assert slots(page)["image"]["name"] == "own.png" and slots(page)["text"]["example"] == "cat"
    assert page.locator("#fl-slot-image .fl-name").inner_text() == "own.png"


def test_an_upload_beside_an_example_that_needs_it_is_answered_together(page) -> None:
    choose_task(page, "digits-add")
    page.wait_for_timeout(SOON)
    give_file(page, "audio", "own.wav")
    settle(page, audio="own.wav")
    assert len([slot for slot in slots(page).values() if slot["on"] and slot["source"] != "none"]) > 1


def test_corruption_set_while_a_task_opens_is_kept(page) -> None:
    choose_task(page, "digits-find")
    page.wait_for_timeout(SOON)
    page.locator("#fl-slot-text input[type=range]").evaluate("r => { r.value = 4; r.dispatchEvent(new Event('change')); }")
    settle(page)
    assert slots(page)["text"]["severity"] == 4 and slots(page)["text"]["text"] == "where is the nine"
    assert page.locator("#fl-slot-text input[type=range]").input_value() == "4"


def test_of_two_examples_the_second_stays(page) -> None:
    example(page, "Conflict")
    page.wait_for_timeout(SOON)
    example(page, "Three against one")
    settle(page, ALL, text="it is a five")
    page.wait_for_timeout(400)
    settle(page, ALL, text="it is a five")
    assert page.locator("#fl-examples [aria-pressed=true]").all_inner_texts() == ["Three against one"]


def test_an_example_after_an_edit_takes_its_place(page) -> None:
    switch(page, "audio")
    type_words(page, "two")
    example(page, "Conflict")
    settle(page, ALL, text="number nine")
    page.wait_for_timeout(400)
    settle(page, ALL, text="number nine")


def test_words_typed_after_an_example_are_asked_about_alone(page) -> None:
    example(page, "Conflict")
    page.wait_for_timeout(SOON)
    type_words(page, "two")
    page.wait_for_timeout(350)  # what is typed counts after a pause
    settle(page, {"text"}, text="two")


def test_a_drawing_while_an_example_comes_replaces_its_picture(page) -> None:
    example(page, "Conflict")
    page.wait_for_timeout(SOON)
    draw(page)
    settle(page, {"image", "video"} if slots(page)["video"]["on"] else {"image"})
    assert slots(page)["image"]["source"] == "drawing" and len(slots(page)["image"]["strokes"]) == 1
    assert slots(page)["text"] | {"on": False} == slots(page)["text"]


def test_a_stroke_during_which_an_example_comes_is_not_lost(page) -> None:
    page.locator("#fl-slot-image canvas").scroll_into_view_if_needed()
    box = page.locator("#fl-slot-image canvas").bounding_box()
    page.evaluate("[...document.querySelectorAll('#fl-examples button')].find((b) => b.innerText === 'Conflict').click()")
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.wait_for_function("!FusionLab.acts.waiting()")
    page.get_by_role("button", name="简体中文").dispatch_event("click")  # builds the slot anew
    page.mouse.move(box["x"] + 80, box["y"] + 90, steps=3)
    page.mouse.up()
    settle(page)
    assert len(slots(page)["image"]["strokes"]) == 1
    assert page.locator("#fl-slot-image .fl-severity").inner_text().startswith("损坏") or page.evaluate("FusionLab.get('lang')") == "zh"


def test_a_dropped_picture_while_an_example_comes_stays(page) -> None:
    example(page, "Conflict")
    page.wait_for_timeout(SOON)
    page.locator("#fl-slot-image section").evaluate("""section => {
        const data = new DataTransfer();
        data.items.add(new File(["x"], "dropped.png", { type: "image/png" }));
        section.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }""")
    page.wait_for_function("JSON.parse(FusionLab.acts.snapshot().slots.image).name === 'dropped.png'")
    settle(page, {"image"}, image="dropped.png")


def test_a_file_that_arrives_after_a_later_example_is_dropped(page) -> None:
    """The file was chosen first, so the example is the last act."""
    page.route("**/gradio_api/upload*", lambda route: (page.wait_for_timeout(250), route.continue_()))
    try:
        give_file(page, "image", "late.png")
        example(page, "Conflict")
        settle(page, ALL, text="number nine")
        page.wait_for_timeout(400)
        settle(page, ALL, text="number nine")
        assert slots(page)["image"]["example"] == "conflict"
    finally:
        page.unroute("**/gradio_api/upload*")


def test_a_strategy_and_a_language_chosen_while_a_task_opens_stay(page) -> None:
    choose_task(page, "digits-add")
    page.wait_for_timeout(SOON)
    page.locator("#fl-strategies input[value=late]").dispatch_event("click")
    page.get_by_role("button", name="简体中文").click()
    settle(page)
    assert page.evaluate("[FusionLab.get('strategy'), FusionLab.get('lang'), FusionLab.get('lab').task.name]") == [
        "late", "zh", "digits-add",
    ]  # fmt: skip
    page.wait_for_timeout(300)
    link = page.evaluate("JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(new URLSearchParams(location.search).get('s')"
                         ".replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0))))")  # fmt: skip
    assert link[1:4] == ["late", "zh", "digits-add"]


def test_of_two_tasks_the_second_stays(page) -> None:
    choose_task(page, "digits-find")
    page.wait_for_timeout(SOON)
    choose_task(page, "digits-add")
    settle(page)
    page.wait_for_timeout(400)
    assert page.evaluate("FusionLab.get('lab').task.name") == "digits-add"
    assert page.locator("#fl-tasks input:checked").get_attribute("value") == "digits-add"
    settle(page)


def test_examples_of_a_task_that_is_being_left_cannot_be_chosen(page) -> None:
    choose_task(page, "digits-add")
    assert page.locator("#fl-examples button:not([disabled])").count() == 0
    settle(page)
    assert page.locator("#fl-examples button[disabled]").count() == 0


def test_switches_in_quick_succession_are_all_answered(page) -> None:
    for modality in ("image", "audio", "video"):
        switch(page, modality)
    switch(page, "audio")
    settle(page, {"text", "audio"})


def test_back_and_forward_walk_examples_and_tasks_with_what_was_changed(page) -> None:
    example(page, "Conflict")
    settle(page, ALL, text="number nine")
    give_file(page, "image", "own.png")
    settle(page, {"image"}, image="own.png")
    choose_task(page, "digits-find")
    settle(page)
    page.go_back()
    settle(page, {"image"}, image="own.png")
    assert page.evaluate("FusionLab.get('lab').task.name") == "digits"
    assert page.locator("#fl-tasks input:checked").get_attribute("value") == "digits"
    page.go_back()
    settle(page, ALL, text="seven")
    page.go_forward()
    settle(page, {"image"}, image="own.png")
    page.go_forward()
    settle(page, text="where is the nine")
    page.go_back()
    page.wait_for_timeout(SOON)
    switch(page, "text")  # on top of what Back brings
    settle(page, {"image", "text"}, image="own.png", text="number nine")


def test_typing_replaces_the_words_of_an_example_and_adds_to_ones_own(page) -> None:
    page.locator("textarea").click()
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    settle(page, {"text"}, text="two")
    page.locator("textarea").blur()
    page.locator("textarea").focus()
    page.keyboard.press("End")
    page.keyboard.type(" two")
    page.keyboard.press("Enter")
    settle(page, {"text"}, text="two two")


def reopen(page: Any, wait: Callable[[], object]) -> None:
    page.reload()
    wait()
    page.wait_for_function("() => window.FusionLab?.get('result') && !FusionLab.acts.waiting()")


def test_after_a_reload_the_page_says_which_uploads_have_to_be_given_again(page) -> None:
    give_file(page, "image", "own.png")
    settle(page, {"image"}, image="own.png")
    page.wait_for_function("location.search.includes('s=')")
    page.wait_for_timeout(200)
    reopen(page, lambda: page.wait_for_function(READY))
    page.wait_for_selector(".fl-notices li")
    said = page.locator(".fl-notices").inner_text()
    assert "stay on your device" in said and "image" in said and "audio" not in said


def test_an_act_while_a_link_opens_is_made_on_top_of_it(page) -> None:
    example(page, "Conflict")
    settle(page, ALL, text="number nine")
    choose_task(page, "digits-add")
    settle(page)
    page.go_back()
    settle(page, ALL, text="number nine")
    reopen(page, lambda: (page.wait_for_function("window.FusionLab && document.querySelector('textarea')"), switch(page, "text")))
    settle(page, ALL - {"text"})
    assert slots(page)["audio"]["example"] == "conflict"


def test_the_language_of_the_browser_holds_for_who_chooses_a_task_at_once(chromium: Any, served: str) -> None:
    context = chromium.new_context(locale="zh-CN", reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(served)
    page.wait_for_selector("#fl-tasks input[value=scenes]", state="attached")
    choose_task(page, "scenes")
    page.wait_for_function("FusionLab.get('lab').task.name === 'scenes'")
    page.wait_for_function(SETTLED)
    page.wait_for_function("document.documentElement.lang === 'zh-CN' && FusionLab.get('lang') === 'zh'")
    context.close()
