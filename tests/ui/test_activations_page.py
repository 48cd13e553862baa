"""The page "Inside the encoders" in a browser, against labs and an encoder registry with known answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser import visiting

pytestmark = pytest.mark.browser
DONE = """() => document.querySelectorAll('#fl-activations .fl-stats').length === 8
    && !document.querySelector('#fl-activations [data-busy=true]')"""


@pytest.fixture(params=["light"])
def visit(chromium, fake_page: str, request: pytest.FixtureRequest) -> Iterator[object]:
    """A visitor's page; at the end the browser must have nothing to complain of."""
    with visiting(chromium, f"{fake_page}/?__theme={request.param}") as page:
        yield page


def open_activations(page) -> None:
    page.get_by_role("tab", name="Inside the encoders").click()
    page.wait_for_function(DONE, timeout=20000)


def section(page, modality: str):
    return page.locator(f"#fl-activations section[data-modality={modality}]")


def choose(page, modality: str, side: int, name: str) -> None:
    section(page, modality).locator("select").nth(side).select_option(name)
    page.wait_for_function("([m, i, n]) => FusionLab.get('encoders')[m]?.[i] === n", arg=[modality, side, name])
    page.wait_for_function(DONE)


def captions(page, modality: str) -> list[str]:
    return section(page, modality).locator("h3, .fl-lane-head b").all_inner_texts()


@pytest.mark.parametrize("visit", ["light", "dark"], indirect=True)
def test_every_kind_of_panel_is_drawn_in_both_themes(visit) -> None:
    assert (
        visit.locator("#fl-activations").is_hidden() and visit.locator("#fl-activations section").count() == 0
    )  # nothing before it is opened
    open_activations(visit)
    assert visit.locator("#fl-columns").is_hidden()
    assert {"Tokens, by weight", "First convolution", "LBP histogram", "Among reference samples"} <= set(captions(visit, "image"))
    choose(visit, "image", 1, "image_sift")
    choose(visit, "text", 0, "text_lda")
    choose(visit, "video", 1, "video_flow")
    assert section(visit, "image").locator(".fl-keypoint").count() == 40
    assert {"Topics of the text", "Topics of each word", "Terms with the largest weights (TF-IDF)"} <= set(captions(visit, "text"))
    assert section(visit, "video").locator(".fl-arrows").count() == 12 and "Optical flow" in captions(visit, "video")
    assert visit.locator("#fl-activations canvas.fl-cloud").count() == 8
    painted = """all => all.filter((c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v)).length"""
    assert visit.eval_on_selector_all("#fl-activations canvas", painted) == visit.locator("#fl-activations canvas").count()
    assert visit.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_a_wrong_backbone_is_one_sentence_and_the_previous_encoder_stays(visit) -> None:
    open_activations(visit)
    choose(visit, "image", 0, "image_vit")
    before = captions(visit, "image")
    field = section(visit, "image").locator(".fl-field")
    section(visit, "image").locator("select").first.select_option("own")
    field.fill("nobody/<img src=x onerror=window.hacked=1>")
    field.press("Enter")
    alert = section(visit, "image").locator("[role=alert]", has_text="not on this machine")
    alert.wait_for()
    assert "nobody/<img" in alert.inner_text() and alert.inner_text().endswith("Vision transformer is still shown.")
    assert visit.evaluate("window.hacked") is None and visit.evaluate("FusionLab.get('encoders').image[0]") == "image_vit"
    visit.wait_for_function(DONE)
    assert captions(visit, "image") == before and alert.is_visible()
    field.fill("microsoft/resnet-18")
    field.press("Enter")
    visit.wait_for_function("FusionLab.get('encoders').image[0] === 'backbone:microsoft/resnet-18'")
    visit.wait_for_function(DONE)
    assert alert.count() == 0 and field.count() == 0
    assert section(visit, "image").locator("select").first.input_value() == "backbone:microsoft/resnet-18"


def test_all_tracks_of_a_sound_share_one_axis_and_one_cursor(visit) -> None:
    open_activations(visit)
    choose(visit, "audio", 1, "audio_cqt")
    plots = section(visit, "audio").locator(".fl-plot")
    ends = plots.evaluate_all("all => all.map((p) => { const b = p.getBoundingClientRect(); return [b.left, b.right]; })")
    assert "cqt.pitch" in captions(visit, "audio")  # a panel without a caption shows its title
    assert len(ends) == 5 and all(e == ends[0] for e in ends)  # waveform, and of each encoder tokens and one map
    plots.last.scroll_into_view_if_needed()
    box = plots.last.bounding_box()
    visit.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.99)
    lines = section(visit, "audio").locator(".fl-now:visible")
    assert lines.count() == 5
    at = lines.evaluate_all("all => all.map((n) => n.getBoundingClientRect().left)")
    assert max(at) - min(at) < 1 and at[0] == pytest.approx(box["x"] + box["width"] / 2, abs=2)
    said = section(visit, "audio").locator(".fl-lane-head .fl-number").all_inner_texts()
    assert all(" s · " in s for s in said) and "C2" in said[-1]  # the lowest row is the lowest note
    plots.first.focus()
    visit.keyboard.press("End")
    assert float(plots.first.get_attribute("aria-valuenow")) == float(plots.first.get_attribute("aria-valuemax"))


def test_the_link_keeps_page_and_encoders_and_tabs_answer_to_the_keyboard(visit) -> None:
    open_activations(visit)
    choose(visit, "text", 1, "text_lda")
    visit.wait_for_function("location.search.includes('s=')")
    visit.wait_for_function(DONE, timeout=20000)  # a request that a reload cuts off is an error in the console
    visit.wait_for_timeout(2000)
    visit.reload()
    visit.wait_for_function(DONE, timeout=20000)
    assert section(visit, "text").locator("select").nth(1).input_value() == "text_lda"
    visit.get_by_role("tab", name="Inside the encoders").focus()
    visit.keyboard.press("ArrowLeft")
    assert visit.get_by_role("tab", name="Fuse").get_attribute("aria-selected") == "true"
    assert visit.locator("#fl-columns").is_visible() and visit.locator("#fl-activations").is_hidden()


def test_a_new_input_is_looked_into_and_a_missing_one_is_said(visit) -> None:
    open_activations(visit)
    visit.get_by_role("button", name="Voice alone").click()
    visit.wait_for_function("document.querySelector('#fl-activations section[data-modality=image] .fl-duo').hidden")
    assert "No image is given" in section(visit, "image").inner_text()
    section(visit, "image").get_by_role("button", name="Add one").click()
    visit.locator("textarea").fill("nine of nine")
    visit.get_by_role("tab", name="Inside the encoders").click()
    visit.wait_for_function("document.querySelectorAll('#fl-activations section[data-modality=text] .fl-word').length === 6")


def test_a_slow_encoder_is_announced_and_chinese_is_complete(visit) -> None:
    visit.get_by_text("简体中文").click()
    visit.get_by_role("tab", name="编码器内部").click()
    visit.wait_for_function(DONE, timeout=20000)
    assert "LBP 直方图" in captions(visit, "image")
    assert section(visit, "image").locator("select").first.inner_text().startswith("紧凑卷积网络")
    section(visit, "text").locator("select").first.select_option("own")
    section(visit, "text").locator(".fl-field").fill("slow/one")
    section(visit, "text").locator(".fl-field").press("Enter")
    visit.wait_for_function("document.querySelector('#fl-activations section[data-modality=text] .fl-wait').textContent === '正在计算……'")
    visit.wait_for_function(DONE)


def test_the_same_encoder_on_both_sides_is_shown_once(visit) -> None:
    open_activations(visit)
    clouds = visit.locator("#fl-activations canvas.fl-cloud")
    assert clouds.count() == 8
    image = section(visit, "image")
    left = image.locator("select").first.input_value()
    image.locator("select").nth(1).select_option(left)
    visit.wait_for_function("document.querySelectorAll('#fl-activations .fl-stats').length === 7")
    assert clouds.count() == 7 and "shown once" in image.inner_text()
    assert image.locator(".fl-figures").first.bounding_box()["width"] > 1000  # over both columns
    choose(visit, "image", 1, "image_sift")
    assert clouds.count() == 8 and "shown once" not in image.inner_text()
