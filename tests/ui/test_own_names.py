"""A task whose modalities have names of their own, two pictures among them: slots, answers, links, export, API, and the page."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fusion.lab import Lab
from fusion.tasks import TASKS
from fusion.types import MODALITIES
from fusion.ui.api.functions import Functions
from fusion.ui.links import read_link
from fusion.ui.page import build_page, launch_options
from fusion.ui.pages.activations.page import Activations
from fusion.ui.pages.fuse.handlers import Handlers
from fusion.ui.service import TaskServices
from fusion.ui.state import PageState, is_newer_link
from tests.browser import visiting
from tests.two_pictures import Album, Swapped, draw, make_encoders, make_strategies
from tests.ui.fake_lab import FakeLab

TASK = Album()
OWN = TASK.modalities


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Its lab, with weights as they are initialised; the task is among those of the package meanwhile."""
    home = make_encoders(TASK, tmp_path_factory.mktemp("checkpoints"))
    make_strategies(TASK, home, ("early", "late", "cross_attention"))
    TASKS[TASK.name] = TASK
    yield Lab(TASK, "cpu", home)
    del TASKS[TASK.name]


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures and a sound."""
    folder = tmp_path_factory.mktemp("uploads")
    rng = np.random.default_rng(0)
    Image.fromarray(draw(True, rng)).save(folder / "a.png")
    Image.fromarray(draw(False, rng)).save(folder / "b.png")
    with wave.open(str(folder / "c.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((rng.standard_normal(4000) * 3000).astype("<i2").tobytes())
    return folder


@pytest.fixture(scope="module")
def services(album: Lab, uploads: Path) -> TaskServices:
    return TaskServices({"digits": FakeLab, TASK.name: lambda: album}, {}, uploads)


def values(services: TaskServices, language: str = "en", **slots: dict[str, Any]) -> list[str]:
    return [*(json.dumps(slots.get(m, {})) for m in services.modalities), TASK.name, "cross_attention", language, "", ""]


def answered(services: TaskServices, *given: str) -> dict[str, Any]:
    return json.loads(Handlers(services).edited(*given).result or "")


def file(folder: Path, name: str) -> dict[str, str]:
    return {"source": "file", "path": str(folder / name), "name": name}


def test_the_four_that_all_tasks_had_come_first_then_the_others(services: TaskServices) -> None:
    assert services.modalities == (*MODALITIES, *OWN)
    assert TaskServices({"digits": FakeLab}, {}, Path()).modalities == MODALITIES


def test_pictures_are_answered_and_shown_by_their_names(services: TaskServices, uploads: Path) -> None:
    note = {"source": "text", "text": "in the left one"}
    given = values(services, left=file(uploads, "a.png"), right=file(uploads, "b.png"), note=note, voice=file(uploads, "c.wav"))
    update = Handlers(services).edited(*given)
    result, pack = json.loads(update.result or ""), json.loads(update.export or "")
    assert result["status"]["kind"] == "ok" and result["lab"]["kinds"] == TASK.kinds and result["labels"] == list(TASK.labels)
    assert {m["name"]: m["present"] for m in result["modalities"]} == {m: m != "film" for m in OWN}
    assert result["media"]["left"]["url"] != result["media"]["right"]["url"] and result["media"]["note"] == "in the left one"
    assert result["media"]["voice"]["seconds"] == 0.5 and set(result["encoder_views"]) == {"left", "right", "note", "voice"}
    assert [s["name"] for s in result["strategies"]][:3] == ["early", "late", "cross_attention"]
    assert set(result["strategies"][0]["contributions"]) == {"left", "right", "note", "voice"}
    assert "left>right" in result["attention"]["cross_attention"]["pairs"]
    assert "'left': 'a.png'" in pack["snippet"] and "'note': 'in the left one'" in pack["snippet"] and "'image'" not in pack["snippet"]


def test_a_slot_of_another_task_is_not_read(services: TaskServices, uploads: Path) -> None:
    given = values(services, left=file(uploads, "a.png"), image=file(uploads, "gone.png"))
    assert answered(services, *given)["status"]["kind"] == "ok"
    empty = values(services, image=file(uploads, "a.png"))
    assert answered(services, *empty)["status"] == {"kind": "empty", "key": "status.empty"}


def test_the_sound_of_a_clip_is_that_of_the_slot_for_clips(services: TaskServices) -> None:
    result = answered(services, *values(services, voice={"source": "clip"}))
    assert "no video with sound" in result["status"]["text"]["template"]


def test_a_text_in_a_slot_for_pictures_is_no_path(services: TaskServices, uploads: Path) -> None:
    given = values(services, left={"source": "text", "text": str(uploads / "a.png")})
    assert answered(services, *given)["status"]["kind"] == "empty"


def test_a_link_holds_all_names_and_an_old_link_still_opens(services: TaskServices) -> None:
    state = PageState.read(services.modalities, values(services, note={"source": "text", "text": "left"}, left={"severity": 2}))
    found, notices = read_link(services, state.query())
    assert found is not None and found.slots["note"].text == "left" and found.slots["left"].severity == 2 and notices == []
    assert is_newer_link(MODALITIES, state.query())  # on a server without the task; of its slots only those that hold something count
    assert not is_newer_link(MODALITIES, PageState.read(services.modalities, values(services)).query())
    old = PageState.read(MODALITIES, [*["{}"] * 4, "digits", "late", "zh", "", ""]).query()
    found, notices = read_link(services, old)
    assert found is not None and found.language == "zh" and set(found.slots) == set(services.modalities) and notices == []


def test_another_task_is_opened_with_empty_slots_where_it_has_no_examples(services: TaskServices, uploads: Path) -> None:
    found = Handlers(services).switched(*values(services, left=file(uploads, "a.png"), image=file(uploads, "a.png")))
    assert found.fill is not None and found.fill.slots is not None and set(found.fill.slots) == set(services.modalities)
    assert all(json.loads(slot)["source"] == "none" for slot in found.fill.slots.values())
    assert json.loads(found.result or "")["status"]["kind"] == "empty"


def test_the_encoders_of_each_can_be_looked_into(services: TaskServices, uploads: Path) -> None:
    state = PageState.read(services.modalities, values(services, right=file(uploads, "b.png")))
    said = Activations(services).answer({"modality": "right"}, state)
    assert said["about"] == {"width": 64, "height": 64} and said["sides"][0]["panels"]


def test_the_api_takes_them_by_name(services: TaskServices, uploads: Path) -> None:
    functions = Functions(services)
    assert next(t for t in functions.tasks() if t.name == TASK.name).modalities == TASK.kinds
    answer = functions.predict(task=TASK.name, strategy="late", inputs={"left": {"path": str(uploads / "a.png")}, "note": "left"})
    assert answer.label in TASK.labels and set(answer.contributions) == {"left", "note"}


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab in which "left" is a text and "note" a picture."""
    task = Swapped()
    home = make_encoders(task, tmp_path_factory.mktemp("swapped"))
    make_strategies(task, home, ("late",))
    TASKS[task.name] = task
    yield Lab(task, "cpu", home)
    del TASKS[task.name]


def test_a_name_may_be_of_another_kind_in_another_task(album: Lab, swapped: Lab, uploads: Path) -> None:
    both = TaskServices({TASK.name: lambda: album, "swapped": lambda: swapped}, {}, uploads)
    given = values(both, left={"source": "text", "text": "in the left"}, note=file(uploads, "b.png"))
    given[len(both.modalities)] = "swapped"
    result = answered(both, *given)
    assert result["status"]["kind"] == "ok" and result["lab"]["kinds"] == {"note": "image", "left": "text"}
    assert result["media"]["left"] == "in the left" and result["media"]["note"]["url"]
    given[len(both.modalities)] = TASK.name  # what was typed is no picture, and what was uploaded no text
    assert answered(both, *given)["status"]["kind"] in ("empty", "error")


@pytest.fixture
def address(album: Lab, swapped: Lab) -> Iterator[str]:
    """A page with three tasks, served by this process."""
    blocks = build_page({"digits": FakeLab, TASK.name: lambda: album, "swapped": lambda: swapped})
    _, address, _ = blocks.launch(**launch_options("127.0.0.1"), prevent_thread_lock=True, quiet=True)
    yield address
    blocks.close()


@pytest.mark.browser
def test_two_pictures_have_a_slot_each(chromium: Any, address: str, uploads: Path) -> None:
    with visiting(chromium, address) as page:
        visible = "all => all.filter((e) => e.checkVisibility()).map((e) => e.dataset.modality)"
        assert page.eval_on_selector_all(".fl-slot", visible) == list(MODALITIES)
        page.locator(f"#fl-tasks input[value={TASK.name}]").focus()
        page.keyboard.press("Space")
        page.wait_for_function("t => FusionLab.get('lab').task.name === t && !FusionLab.get('busy')", arg=TASK.name)
        assert page.eval_on_selector_all(".fl-slot", visible) == list(OWN)
        tags = page.eval_on_selector_all(".fl-slot .fl-tag", "all => all.filter((e) => e.checkVisibility()).map((e) => e.innerText)")
        assert tags == ["left picture", "right", "note", "voice", "film"]
        assert page.locator("#fl-slot-note .fl-role").inner_text() == "says where" and page.locator("#fl-slot-note textarea").is_visible()
        colour = "e => getComputedStyle(e).getPropertyValue('--modality')"
        left, right, voice = (page.locator(f"#fl-slot-{m} .fl-slot").evaluate(colour) for m in ("left", "right", "voice"))
        assert left == right != voice
        for slot, name in (("left", "a.png"), ("right", "b.png"), ("voice", "c.wav")):
            page.locator(f"#fl-slot-{slot} input[type=file]").set_input_files(uploads / name)
            page.wait_for_function("m => FusionLab.get('result').media?.[m] && !FusionLab.get('busy')", arg=slot)
        assert [page.locator(f"#fl-slot-{m} .fl-name").inner_text() for m in ("left", "right")] == ["a.png", "b.png"]
        assert page.locator("#fl-diagram .fl-block .fl-name").all_text_contents() == [f"{tag} " for tag in tags]
        assert page.locator("#fl-shares [data-modality] .fl-tag").all_inner_texts() == ["left picture", "right", "voice"]
        assert page.locator("#fl-encoder-views [data-modality]").count() >= 3 and page.locator("#fl-attention [data-modality]").count() >= 3
        table = page.locator("#fl-table").inner_text()
        assert "Left picture alone" in table and "Voice alone" in table
        page.evaluate("FusionLab.set('lang', 'zh')")
        page.wait_for_function("document.querySelector('#fl-slot-left .fl-tag').innerText === '左图'")
        assert page.locator("#fl-slot-right .fl-tag").inner_text() == "right" and "仅左图" in page.locator("#fl-table").inner_text()
        assert "。 " not in page.locator("#fl-table").inner_text() + page.locator("#fl-shares").inner_text()  # sentences without spaces
        assert page.locator(".fl-task", has_text="相册").count() == 1
        page.evaluate("FusionLab.set('page', 'activations')")
        page.wait_for_selector("#fl-activations [data-modality=right] .fl-figures :is(canvas, img)")


@pytest.mark.browser
def test_a_slot_changes_its_kind_with_the_task(chromium: Any, address: str, uploads: Path) -> None:
    def open_task(name: str) -> None:
        page.locator(f"#fl-tasks input[value={name}]").focus()
        page.keyboard.press("Space")
        page.wait_for_function("t => FusionLab.get('lab').task.name === t && !FusionLab.get('busy')", arg=name)

    def kinds() -> dict[str, str]:
        return {m: page.locator(f"#fl-slot-{m} .fl-slot").get_attribute("data-medium") for m in ("left", "note")}

    with visiting(chromium, address) as page:
        open_task(TASK.name)
        assert kinds() == {"left": "image", "note": "text"}
        page.locator("#fl-slot-left input[type=file]").set_input_files(uploads / "a.png")
        page.wait_for_function("FusionLab.get('result').media?.left && !FusionLab.get('busy')")
        open_task("swapped")
        assert kinds() == {"left": "text", "note": "image"}
        assert page.locator("#fl-slot-left textarea").input_value() == "" and page.locator("#fl-slot-note textarea").count() == 0
        page.locator("#fl-slot-left textarea").fill("in the left")
        page.locator("#fl-slot-note input[type=file]").set_input_files(uploads / "b.png")
        page.wait_for_function("FusionLab.get('result').media?.note && FusionLab.get('result').media.left && !FusionLab.get('busy')")
        assert page.evaluate("FusionLab.get('result').media.left") == "in the left"
        open_task(TASK.name)
        assert kinds() == {"left": "image", "note": "text"} and page.locator("#fl-slot-note textarea").input_value() == ""
