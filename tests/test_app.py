"""The app as a visitor has it: it is built, and a browser draws, types and uploads, and reads the prediction.

The browser is Debian's Chromium, driven by Playwright. Where there is none the browser tests skip, but not in CI.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import pytest
from PIL import Image

import app
import fusion
from fusion.encoder_registry import EncoderRegistry
from fusion.lab import Lab
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS
from fusion.types import FusionError
from fusion.ui.service import shipped_tasks
from fusion.ui.serving import check_address, check_uploads
from tests.browser import READY, ROOT, visiting
from tests.ui.fake_lab import FakeLab

SHIPPED = ROOT / "checkpoints"
# a 3 as a hand draws it, in hundredths of the pad
THREE = "30,20 42,13 60,14 70,26 62,42 47,48 64,53 73,68 62,84 44,88 28,80"


def test_importing_the_app_is_cheap() -> None:
    code = "import sys, app; print([m for m in ('torch', 'gradio', 'fusion') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_help_names_the_arguments() -> None:
    text = subprocess.run([sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(option in text for option in ("--device", "--host", "--port", "--share"))


def test_a_device_that_is_not_there_is_one_sentence() -> None:
    run = subprocess.run([sys.executable, "app.py", "--device", "abacus"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2 and "Traceback" not in run.stderr and "abacus" in run.stderr.splitlines()[-1]


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "8e3"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app.main([f"--port={port}"])
    assert ended.value.code == 2 and "is not a port" in capsys.readouterr().err


def test_an_address_that_cannot_be_had_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as ended:
        app.main(["--port", str(taken.getsockname()[1]), "--device", "cpu"])
    assert ended.value.code == 2 and capsys.readouterr().err.endswith(": address already in use.\n")
    for host in ("no.such.host.invalid", "x" * 100, "192.0.2.1"):
        with pytest.raises(FusionError) as caught:
            check_address(host, None)
        assert host in str(caught.value) and str(caught.value).endswith(".")
    check_address(None, None)


def test_a_folder_that_takes_no_uploads_is_one_sentence(tmp_path: Path) -> None:
    check_uploads(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").write_text("a file where a folder should be")
    with pytest.raises(
        FusionError, match="folder for uploads \\(variable GRADIO_TEMP_DIR\\) cannot be used: Nothing can be written to .*/file/uploads: "
    ):
        check_uploads(tmp_path / "file" / "uploads")


def test_without_any_weights_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def build() -> None:
        app.build_app(device="cpu")

    monkeypatch.setattr(fusion, "load", lambda task, device: Lab(task, device, tmp_path))
    with pytest.raises(FusionError, match="The task digits has no trained weights"):
        asyncio.run(build())


def test_the_app_is_built_around_a_lab() -> None:
    async def build() -> dict:  # in a running loop, or Gradio makes loops of its own and leaves them open
        return app.build_app(FakeLab()).get_config_file()

    config = asyncio.run(build())
    views = [c["props"] for c in config["components"] if c["type"] == "html"]
    assert {f"fl-slot-{m}" for m in FakeLab.modalities} < {v["elem_id"] for v in views}
    result = json.loads(next(v["value"] for v in views if v["elem_id"] == "fl-result"))
    assert result["strategies"][0]["label"] == "7"  # the first example is there before anyone clicks
    assert not config["analytics_enabled"]


@pytest.fixture
def visit(chromium, app_page: str) -> Iterator[object]:
    """A fresh visitor's page; at the end the browser must have nothing to complain of and no other host been asked."""
    hosts: set[str | None] = set()

    def watch(page: Any) -> None:
        page.on("request", lambda request: hosts.add(urlparse(request.url).hostname) if request.url.startswith("http") else None)

    with visiting(chromium, app_page, watch=watch) as page:
        yield page
    assert hosts == {"127.0.0.1"}


def alone(page, modality: str, label: str) -> None:
    """Waits until the modality's own baseline says the label."""
    says = "([m, l]) => document.querySelector(`#fl-slot-${m} .fl-alone b`)?.textContent === l"
    page.wait_for_function(says, arg=[modality, label], timeout=15000)


def draw(page, points: str) -> None:
    box = page.locator("canvas.fl-pad").bounding_box()
    pairs = [[float(v) / 100 for v in pair.split(",")] for pair in points.split()]
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in pairs]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
        page.wait_for_timeout(25)
    page.mouse.up()


@pytest.mark.browser
def test_the_first_screen_shows_a_computed_example(visit) -> None:
    assert visit.locator("[data-testid=label]").inner_text() == "7"
    assert visit.locator("h1").inner_text() == "Fusion Lab"
    assert "[object" not in visit.locator("body").inner_text()
    for modality in ("image", "text", "audio", "video"):
        alone(visit, modality, "7")
    shipped = [n for n in STRATEGIES if (SHIPPED / "digits" / n / "model.safetensors").exists()]
    assert visit.locator("#fl-table tr[data-name]").count() == len(shipped) + 4
    assert visit.locator("#fl-tasks input").evaluate_all("all => all.map((i) => i.value)") == [
        name for name in shipped_tasks() if TASKS[name].on_page
    ]


@pytest.mark.browser
def test_a_drawing_is_a_picture_and_a_clip(visit) -> None:
    draw(visit, THREE)
    alone(visit, "image", "3")
    alone(visit, "video", "3")
    # the example's seven keeps quiet until it is asked
    assert "Both inputs on their own say 3" in visit.locator("#fl-outcome").inner_text()
    visit.locator("#fl-slot-text input[role=switch]").check()
    alone(visit, "text", "7")
    assert "Alone, the image and the video say" in visit.locator("#fl-outcome").inner_text()


@pytest.mark.browser
def test_an_upload_is_read_and_a_broken_one_is_one_sentence(visit, tmp_path: Path) -> None:
    from fusion.tasks.digits import pen
    from fusion.tasks.digits.examples import strokes_of

    good, broken = tmp_path / "four.png", tmp_path / "broken.png"
    Image.fromarray(np.array(pen.draw_picture(strokes_of(4), 200))).save(good)
    broken.write_bytes(good.read_bytes()[:40])
    upload = visit.locator("#fl-slot-image input[type=file]")
    upload.set_input_files(good)
    alone(visit, "image", "4")
    upload.set_input_files(broken)
    visit.wait_for_function("document.querySelector('#fl-status [role=alert]').textContent.includes('broken.png')")
    assert "previous result" in visit.locator("#fl-status").inner_text()
    upload.set_input_files(good)
    visit.wait_for_function("!document.querySelector('#fl-status [role=alert]').textContent")
    alone(visit, "image", "4")


@pytest.mark.browser
def test_typed_markup_and_templates_stay_text(visit) -> None:
    evil = "five <img src=x onerror=window.hacked=1> ${window.hacked=2} {{value}} `"
    visit.locator("textarea").fill(evil)
    visit.wait_for_function("document.querySelector('#fl-encoder-views .fl-text')?.textContent.includes('onerror')")
    assert visit.evaluate("window.hacked") is None
    assert visit.locator("#fl-encoder-views .fl-text").inner_text().split() == evil.split()


@pytest.mark.browser
def test_one_choice_of_strategy_everywhere_and_a_link_that_keeps_it(visit) -> None:
    visit.locator("#fl-table tr[data-name=late]").click()
    assert visit.locator("#fl-strategies input:checked").get_attribute("value") == "late"
    visit.locator("#fl-strategies input[value=dynamic]").focus()
    visit.keyboard.press("Space")
    visit.get_by_text("简体中文").click()
    visit.wait_for_function("location.search.includes('s=') && document.documentElement.lang === 'zh-CN'")
    visit.wait_for_timeout(500)
    visit.reload()
    visit.wait_for_function("window.FusionLab?.get('strategy') === 'dynamic' && document.documentElement.lang === 'zh-CN'")


@pytest.mark.browser
def test_attention_answers_to_the_keyboard(visit) -> None:
    visit.get_by_role("button", name="Conflict").click()
    visit.wait_for_function("document.querySelectorAll('#fl-attention [data-modality=text] .fl-cell').length === 2")
    first = visit.locator("#fl-attention .fl-readout").inner_text()
    visit.locator("#fl-attention [data-modality=text] .fl-cell").first.focus()
    visit.keyboard.press("ArrowRight")
    visit.wait_for_function("before => document.querySelector('#fl-attention .fl-readout').innerText !== before", arg=first)
    assert "“nine”" in visit.locator("#fl-attention .fl-readout").inner_text()


@pytest.mark.browser
def test_a_phone_has_no_sideways_scroll(chromium, app_page: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(app_page)
    page.wait_for_function(READY)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0
    context.close()


@pytest.mark.browser
def test_the_strategies_read_with_other_encoders_and_back(visit) -> None:
    """The classical set is shipped with heads of the strategies that fuse embeddings or logits."""
    compact, classical = ([n for n in STRATEGIES if (SHIPPED / folder / n).is_dir()] for folder in ("digits", "digits/classical"))
    fusing = "n => FusionLab.get('result').strategies.filter((s) => !s.baseline).length === n"
    visit.wait_for_function(fusing, arg=len(compact))
    visit.locator("#fl-encoder-choice summary").click()
    visit.get_by_role("button", name="Classical").click()
    visit.wait_for_function(fusing, arg=len(classical), timeout=30000)
    assert visit.locator("[data-testid=label]").inner_text() == "7"
    assert visit.get_by_label("Encoder of the audio").input_value() == "audio_mfcc"
    visit.get_by_role("button", name="Compact").click()
    visit.wait_for_function(fusing, arg=len(compact), timeout=30000)


@pytest.mark.browser
def test_inside_the_shipped_encoders(visit) -> None:
    """Every shipped encoder shows what it makes of the first example, and a model that does not exist leaves the one before it."""
    visit.get_by_role("tab", name="Inside the encoders").click()
    # an encoder that stands on both sides is shown once
    done = """() => { const count = (what) => document.querySelectorAll('#fl-activations ' + what).length;
      return count('.fl-stats') === 8 - count('[data-twins=true]') && !count('[data-busy=true]'); }"""
    visit.wait_for_function(done, timeout=30000)
    for modality in ("image", "text", "audio", "video"):
        section = visit.locator(f"#fl-activations section[data-modality={modality}]")
        names = section.locator("select").nth(1).evaluate("s => [...s.options].map((o) => o.value)")
        assert names[:-1] == [*EncoderRegistry("digits").names(modality)]
        for name in names[:-1]:
            section.locator("select").nth(1).select_option(name)
            visit.wait_for_function("([m, n]) => FusionLab.get('encoders')[m]?.[1] === n", arg=[modality, name])
            visit.wait_for_function(done, timeout=30000)
            assert not [say for say in section.locator(".fl-say").all_inner_texts() if say.strip()], name
    section.locator("select").nth(1).select_option("own")
    section.locator("input.fl-field").fill("no such/model")
    section.get_by_role("button", name="Load").click()
    section.get_by_text("is still shown.").wait_for(timeout=20000)


def test_titles_of_encoders_fit_into_their_lists(visit) -> None:
    visit.locator("#fl-encoder-choice summary").click()
    too_long = """() => [...document.querySelectorAll('#fl-encoder-choice select')].flatMap((list) => {
      const style = getComputedStyle(list), pen = document.createElement('canvas').getContext('2d');
      pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      const room = list.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      return [...list.options].map((o) => o.text).filter((text) => pen.measureText(text).width > room);
    })"""
    assert visit.evaluate(too_long) == []
