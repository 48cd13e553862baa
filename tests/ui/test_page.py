"""The page in a browser, against labs with known answers: tasks, the table, who disagrees, the place, what each modality is worth."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.browser import READY, running
from tests.ui.fake_lab import BOX, FUSES, SHARE, FakeLab

pytestmark = pytest.mark.browser
WORTH = {m: 80 * SHARE[m] / sum(SHARE.values()) for m in SHARE}  # points, of a strategy that is 90 % sure of one label in ten


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from running([sys.executable, "-m", "tests.ui.fake_page"], tmp_path_factory.mktemp("page") / "log.txt")


@pytest.fixture
def visit(chromium, served: str) -> Iterator[object]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US", reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(served)
    page.wait_for_function(READY)
    yield page
    context.close()
    assert not complaints


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
    assert visit.locator("#fl-outcome .fl-said").inner_text() == "The 9 is asked for: in the middle, 88 % sure that it is there."
    visit.evaluate("FusionLab.choose('tensor')")
    visit.wait_for_selector("#fl-outcome .fl-none")
    assert "no attention" in visit.locator("#fl-outcome .fl-none").inner_text()


def test_what_is_not_there_is_said_and_has_no_box(visit) -> None:
    open_task(visit, "digits-find")
    visit.evaluate("FusionLab.choose('shared_space')")
    visit.wait_for_selector("#fl-outcome .fl-absent")
    assert visit.locator("#fl-outcome .fl-said").inner_text() == "The 3 is asked for, but not in the picture: 13 % that it is there."
    assert visit.locator("#fl-outcome .fl-box").count() == visit.locator("#fl-outcome .fl-veil").count() == 0
    assert visit.locator("#fl-table [data-name=shared_space] .fl-there[data-there=false]").count() == 1
    visit.locator("#fl-slot-image input[role=switch]").uncheck()
    visit.wait_for_function("document.querySelector('#fl-outcome .fl-said').textContent.includes('needs the picture')")
