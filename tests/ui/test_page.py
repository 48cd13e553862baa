"""The page in a browser, against labs with known answers: tasks, the table, who disagrees, the place, what each modality is worth."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fusion.messages import message, words
from fusion.ui.component import as_id
from tests.browser import visiting
from tests.ui.fake_lab import BOX, FUSES, SHARE, FakeLab
from tests.ui.test_component import NAMES

pytestmark = pytest.mark.browser
WORTH = {m: 80 * SHARE[m] / sum(SHARE.values()) for m in SHARE}  # points, of a strategy that is 90 % sure of one label in ten


@pytest.fixture
def visit(chromium, fake_page: str) -> Iterator[object]:
    with visiting(chromium, fake_page) as page:
        yield page


def order(page) -> list[str]:
    return page.eval_on_selector_all("#fl-table tr[data-name]", "rows => rows.map((r) => r.dataset.name)")


def open_task(page, task: str) -> None:
    page.locator(f"#fl-tasks input[value={task}]").focus()
    page.keyboard.press("Space")
    page.wait_for_function("t => FusionLab.get('lab').task.name === t && !FusionLab.get('busy')", arg=task, timeout=30000)


def press(page, column: str) -> str | None:
    """Presses a heading; what it then says of its order."""
    page.locator(f"#fl-table th[data-column={column}] button").click()
    return page.locator(f"#fl-table th[data-column={column}]").get_attribute("aria-sort")


def test_scripts_name_elements_as_the_server_does(visit) -> None:
    assert visit.evaluate("names => names.map(FusionLab.asId)", list(NAMES)) == [as_id(name) for name in NAMES]


def test_every_heading_sorts_and_the_third_press_brings_the_first_order_back(visit) -> None:
    first = [*FUSES, *(f"{m}_only" for m in FakeLab.modalities)]
    assert order(visit) == first
    size = FakeLab.parameters
    assert press(visit, "parameters") == "ascending" and order(visit) == sorted(first, key=size.__getitem__)
    assert press(visit, "parameters") == "descending" and order(visit) == sorted(first, key=lambda n: -size[n])
    assert press(visit, "parameters") == "none" and order(visit) == first
    # 90 % of all strategies and 70 % of all baselines: equal ones stay as they were
    assert press(visit, "confidence") == "descending" and order(visit) == first
    assert press(visit, "confidence") == "ascending" and order(visit) == first[13:] + first[:13]
    learned = ["late", "dynamic", "additive_attention"]
    assert press(visit, "weights") == "descending" and order(visit) == learned + [n for n in first if n not in learned]
    press(visit, "weights")
    assert order(visit)[:3] == learned  # what has no weights stays last, whichever way
    assert press(visit, "label") == "ascending" and order(visit)[:2] == ["tensor", "tcn"]
    assert press(visit, "strategy") == "ascending" and order(visit)[:2] == ["additive_attention", "audio_only"]


def test_who_disagrees_is_marked_and_counted(visit) -> None:
    marked = visit.eval_on_selector_all("#fl-table tr[data-name]:has(.fl-differs)", "rows => rows.map((r) => r.dataset.name)")
    assert marked == ["tensor", "tcn"]
    assert visit.locator("#fl-table .fl-tally").inner_text() == "11 of 13 strategies say 7; 2 say 4."
    assert visit.locator("#fl-strategies label:has(.fl-differs) input").evaluate_all("all => all.map((i) => i.value)") == ["tensor", "tcn"]
    open_task(visit, "digits-add")
    assert visit.locator("#fl-table .fl-tally").inner_text().startswith("All 13 strategies say ")


def test_a_row_opens_its_strategy(visit) -> None:
    visit.locator("#fl-table tr[data-name=multitask]").click()
    assert visit.locator("#fl-strategies input:checked").get_attribute("value") == "multitask"
    assert visit.locator("#fl-outcome .fl-further").inner_text() == "parity odd 75 %"
    assert "parity" in visit.locator("#fl-diagram .fl-head").text_content()


def test_the_arrow_keys_walk_all_strategies(visit) -> None:
    visit.locator("#fl-strategies input[value=late]").focus()
    visit.keyboard.press("Space")
    walked = []
    for _ in FUSES:
        walked.append(visit.evaluate("FusionLab.get('strategy')"))
        visit.keyboard.press("ArrowDown")
    assert sorted(walked) == sorted(FUSES)


def test_weight_shapley_value_and_leave_one_out_stand_side_by_side(visit) -> None:
    visit.evaluate("FusionLab.choose('late')")
    visit.wait_for_selector("#fl-shares [data-measure=weight]")
    numbers = "rows => rows.map((r) => r.querySelector('.fl-number').innerText)"
    shown = {k: visit.eval_on_selector_all(f"#fl-shares [data-measure={k}]", numbers) for k in ("weight", "shapley", "effect")}
    assert shown["weight"] == ["25.0 %"] * 4 and shown["effect"] == ["+20.0"] * 4
    assert shown["shapley"] == [f"+{WORTH[m]:.1f}" for m in FakeLab.modalities] == ["+32.0", "+24.0", "+16.0", "+8.0"]
    assert "sum to +80.0: from 10.0 %" in visit.locator("#fl-shares").inner_text()
    # a bar of 32 points is as long as 32 hundredths of half its track
    row = visit.locator("#fl-shares [data-modality=image] [data-measure=shapley]")
    bar, track = (row.locator(part).bounding_box()["width"] for part in (".fl-axis-bar", ".fl-track"))
    assert bar / track == pytest.approx(0.16, abs=0.005)


def test_a_task_brings_its_example_its_words_and_its_place_in_the_link(visit) -> None:
    open_task(visit, "digits-find")
    assert visit.locator("textarea").input_value() == "where is the nine"
    assert visit.locator("#fl-examples [aria-pressed=true]").inner_text() == "Where is the nine?"
    assert visit.locator("#fl-slot-image .fl-role").inner_text() == "to search"
    visit.wait_for_function("location.search.includes('s=')")
    visit.wait_for_timeout(300)
    visit.reload()
    visit.wait_for_function("window.FusionLab?.get('lab')?.task.name === 'digits-find' && FusionLab.get('result').strategies.length")
    assert visit.locator("#fl-tasks input:checked").get_attribute("value") == "digits-find"


def test_the_box_lies_where_the_strategy_says(visit) -> None:
    open_task(visit, "digits-find")
    places = """figures => figures.map((f) => { const a = f.getBoundingClientRect(), b = f.querySelector('.fl-box').getBoundingClientRect();
        return [(b.left - a.left) / a.width, (b.top - a.top) / a.height, (b.right - a.left) / a.width, (b.bottom - a.top) / a.height]; })"""
    marked, looked = visit.eval_on_selector_all("#fl-outcome .fl-where", places)
    assert marked == pytest.approx(list(BOX), abs=0.02) and looked == pytest.approx(list(BOX), abs=0.02)
    assert visit.locator("#fl-outcome .fl-veil").count() == 1 and visit.locator("#fl-outcome .fl-where .fl-cell").count() == 64
    assert visit.locator("#fl-attention .fl-paper .fl-box").count() == 1
    assert visit.locator("#fl-outcome .fl-said").inner_text() == "Looking for 9: in the middle, present with probability 88 %."
    visit.evaluate("FusionLab.choose('tensor')")
    visit.wait_for_selector("#fl-outcome .fl-none")
    assert "no attention" in visit.locator("#fl-outcome .fl-none").inner_text()


def test_what_is_not_there_is_said_and_has_no_box(visit) -> None:
    open_task(visit, "digits-find")
    visit.evaluate("FusionLab.choose('shared_space')")
    visit.wait_for_selector("#fl-outcome .fl-absent")
    assert visit.locator("#fl-outcome .fl-said").inner_text() == "Looking for 3: not in the image, present with probability 13 %."
    assert visit.locator("#fl-outcome .fl-box").count() == visit.locator("#fl-outcome .fl-veil").count() == 0
    assert visit.locator("#fl-table [data-name=shared_space] .fl-there[data-there=false]").count() == 1
    visit.locator("#fl-slot-image input[role=switch]").uncheck()
    visit.wait_for_function("document.querySelector('#fl-outcome .fl-said').textContent.includes('needs the image')")


def give_all(page) -> None:
    """A photo, words, a sound and a clip, in the task scenes; the fake lab says of each what it was told to."""
    open_task(page, "scenes")
    for number, (modality, name) in enumerate({"image": "a.png", "audio": "a.wav", "video": "a.mp4"}.items()):
        page.locator(f"#fl-slot-{modality} .fl-file").set_input_files({"name": name, "mimeType": "", "buffer": b"x" * (number + 1)})
        page.wait_for_function("([m, n]) => FusionLab.get('result').media?.[m] && !FusionLab.get('busy')", arg=[modality, name])
    page.locator("textarea").fill("a cow")
    page.wait_for_function("FusionLab.get('result').media.text === 'a cow' && !FusionLab.get('busy')")


def test_a_conflict_is_told_in_both_languages(visit) -> None:
    give_all(visit)
    visit.evaluate("FusionLab.choose('late')")
    explanation = visit.locator("#fl-outcome .fl-explanations [data-now]")
    alone = "Alone, the image says dog (70 %), the text says cow (70 %), the audio says cat (70 %), and "
    alone += "the video is not recognised as any of the eleven."
    assert explanation.inner_text().replace("\u00a0", " ").startswith(alone + " Late says cow (90 %)")
    assert explanation.inner_text().endswith("10 strategies say dog and 3 cow.")
    assert visit.locator("#fl-slot-video .fl-alone").inner_text() == "on its own: none of these?"
    assert visit.locator("#fl-slot-image .fl-alone").inner_text() == "on its own: dog (70 %)"
    assert "shared only their label" in visit.locator("#fl-table .fl-pairs").inner_text()
    visit.get_by_role("button", name="简体中文").click()
    visit.wait_for_function("document.querySelector('#fl-outcome [data-testid=label]').innerText === '牛'")
    assert "图像说是狗（70 %），文字说是牛（70 %），声音说是猫（70 %），短片不像这十一类中的任何一类。" in explanation.inner_text().replace(
        "\u00a0", " "
    )
    assert visit.locator("#fl-table [data-name=early] .fl-answer").inner_text().startswith("牛")


def test_none_of_these_is_said_in_words_where_a_threshold_says_so(visit) -> None:
    give_all(visit)
    assert visit.locator("#fl-table [data-name=video_only] .fl-unknown").inner_text() == "none?"
    assert visit.locator("#fl-table .fl-unknown").count() == 1
    visit.evaluate("FusionLab.choose('video_only')")
    visit.wait_for_selector("#fl-outcome [data-size=small]")
    assert visit.locator("[data-testid=label]").inner_text() == "Probably none of these eleven"
    assert visit.locator("#fl-outcome .fl-guess").inner_text() == "Best guess: dog, 25.0 %"
    open_task(visit, "digits")
    assert visit.locator(".fl-unknown, .fl-guess, .fl-pairs").count() == 0


def test_sound_and_frames_of_one_clip_are_marked_together(visit) -> None:
    """A photo keeps its shape; a frame at 0.3 s marks the sound from 0.24 to 0.32 s, which is heard in the same moment."""
    give_all(visit)
    paper = visit.locator("#fl-encoder-views [data-modality=image] .fl-paper").bounding_box()
    assert paper["width"] / paper["height"] == pytest.approx(1.5, abs=0.02) and visit.locator("#fl-encoder-views .fl-photo").count() == 13
    visit.locator("#fl-encoder-views [data-modality=video] .fl-cell").nth(3).hover()
    assert visit.locator("#fl-encoder-views [data-same]").count() == 0  # a sound of its own has seconds of its own
    visit.locator("#fl-slot-audio .fl-link").click()
    visit.wait_for_function("FusionLab.get('result').soundtracks.audio && !FusionLab.get('busy')")
    visit.locator("#fl-encoder-views [data-modality=video] .fl-cell").nth(3).hover()
    marked = visit.locator("#fl-encoder-views [data-modality=audio] [data-same]")
    assert marked.count() == 1 and marked.get_attribute("title").startswith("0.24–0.32 s")
    visit.locator("#fl-encoder-views [data-modality=audio] .fl-cell").nth(1).hover()
    assert visit.locator("#fl-encoder-views [data-modality=video] [data-same]").get_attribute("title").startswith("frame at 0.10 s")


def test_scenes_invite_photos_and_the_pen_is_second(visit) -> None:
    open_task(visit, "scenes")
    hint = visit.locator("#fl-slot-image .fl-stage").get_attribute("data-hint")
    assert "photo" in hint and "digit" not in hint and "puppy" in visit.locator("textarea").get_attribute("placeholder")
    assert visit.locator("#fl-slot-image [aria-label='Undo the last stroke']").is_hidden()
    assert visit.locator("#fl-slot-video .fl-link").is_hidden()  # no clip of a drawing being made
    with visit.expect_file_chooser():
        visit.locator("#fl-slot-image canvas").click()
    visit.locator("#fl-slot-image .fl-pen").click()
    assert visit.locator("#fl-slot-image [aria-label='Undo the last stroke']").is_visible()
    open_task(visit, "digits")
    assert visit.locator("#fl-slot-image .fl-pen").is_hidden() and "digit" in visit.locator("#fl-slot-image .fl-stage").get_attribute(
        "data-hint"
    )


def are_on(page) -> set[str]:
    page.wait_for_function("!FusionLab.get('busy')")
    page.wait_for_timeout(400)  # what is typed is sent after a pause
    page.wait_for_function("!FusionLab.get('busy')")
    shown = page.locator(".fl-slot").filter(visible=True).all()
    return {slot.get_attribute("data-modality") for slot in shown if slot.locator("input[role=switch]").is_checked()}


def test_the_first_own_medium_is_asked_about_alone(visit) -> None:
    """An example's other media would outvote a visitor's; switched on again they stay on, and an example brings all of its own."""
    everyone = {"image", "text", "audio", "video"}
    assert are_on(visit) == everyone
    visit.locator("textarea").fill("nine")
    visit.wait_for_function("FusionLab.get('result').media.text === 'nine'")
    assert are_on(visit) == {"text"}
    assert visit.evaluate("Object.keys(FusionLab.get('result').media)") == ["text"]
    assert visit.locator("#fl-slot-audio .fl-name").inner_text().startswith("from the example")
    visit.locator("#fl-slot-audio input[role=switch]").check()
    visit.locator("textarea").fill("nine nine")
    visit.wait_for_function("FusionLab.get('result').media.text === 'nine nine'")
    assert are_on(visit) == {"text", "audio"}
    visit.locator("#fl-examples button").first.click()
    visit.wait_for_function("FusionLab.get('result').media.text !== 'nine nine'")
    assert are_on(visit) == everyone
    visit.locator("textarea").fill("two")
    visit.wait_for_function("FusionLab.get('result').media.text === 'two'")
    assert are_on(visit) == {"text"}


@pytest.mark.parametrize("end", ["Enter", "Tab"])
def test_who_presses_enter_or_goes_on_is_answered_at_once(visit, end: str) -> None:
    """With the pause after typing taken away, only what ends the typing can bring the answer; a new line needs Shift."""
    visit.evaluate("() => { const real = setTimeout; window.setTimeout = (f, ms, ...rest) => (ms === 300 ? 0 : real(f, ms, ...rest)); }")
    before = visit.evaluate("FusionLab.get('result').id")
    visit.locator("textarea").press_sequentially("nine")
    visit.keyboard.press("Shift+Enter")
    visit.keyboard.type("two")
    visit.wait_for_timeout(500)
    assert visit.evaluate("FusionLab.get('result').id") == before
    visit.keyboard.press(end)
    visit.wait_for_function("id => FusionLab.get('result').id !== id && !FusionLab.get('busy')", arg=before, timeout=20000)
    assert visit.locator("textarea").input_value().endswith("nine\ntwo")


def test_where_modalities_need_one_another_the_example_stays_on(visit) -> None:
    open_task(visit, "digits-add")
    before = are_on(visit)
    visit.locator("textarea").fill("two")
    visit.wait_for_function("FusionLab.get('result').media.text === 'two'")
    assert are_on(visit) == before and len(before) > 1


def test_sentences_about_files_are_told_in_the_language_of_the_page(visit) -> None:
    says = "m => FusionLab.said(m)"
    sound = message("The sound of {name}", name="a (1).mp3")
    trimmed = message("{name} was trimmed to its first {count:g} seconds.", name=sound, count=30.0)
    wrong = message("{name} is {kind}, not {wanted}.", name="{kind}.png", kind=message("a ZIP archive"), wanted=message("an image"))
    known = message("No input is given: give at least one of {modalities}.", modalities=words(["image", "text"]))
    unknown = message("Nobody has translated this {name}.", name="sentence")
    for said in (trimmed, wrong, known, unknown):
        assert visit.evaluate(says, said.to_json()) == said
    visit.get_by_role("button", name="简体中文").click()
    visit.wait_for_function("FusionLab.get('lang') === 'zh'")
    assert visit.evaluate(says, trimmed.to_json()) == "a (1).mp3 的声音已截取前 30 秒。"
    assert visit.evaluate(says, wrong.to_json()) == "{kind}.png是 ZIP 压缩包，不是图像。"
    assert visit.evaluate(says, known.to_json()) == "还没有输入：请至少给出一种：图像、文字。"
    assert visit.evaluate(says, unknown.to_json()) == unknown


def test_one_is_told_from_many_and_no_time_is_below_zero(visit) -> None:
    says = "([key, values]) => FusionLab.t(key, values)"
    assert visit.evaluate(says, ["activations.of_text", {"characters": 1}]) == "1 character"
    assert visit.evaluate(says, ["activations.of_text", {"characters": 12}]) == "12 characters"
    seen = {"kind": "seconds", "extent": [-0.16, 1], "places": [[-0.16, -0.1], [-0.05, 0.3], [0.9, 1.4]], "array": None}
    seen["array"] = {"width": 1, "height": 1, "data": "AA=="}
    spans = visit.evaluate("seen => FusionLab.medium('audio', seen).says", seen)
    assert spans == ["silence added around the audio", "0.00–0.30 s", "0.90–1.00 s"]
