"""The load test and the browser's bench: what they count is arithmetic, and an answer that belongs to somebody else is seen."""

from __future__ import annotations

import asyncio
import builtins
import json
from itertools import islice
from typing import Any

import httpx
import numpy as np
import pytest

from fusion import media
from fusion.benchmark import load_test, page_bench
from fusion.benchmark.load_inputs import STRATEGY, Act, digit_clip, digit_image, digit_sound, make_session, sessions, stamped, write
from fusion.benchmark.load_test import Tally, judge, slope
from fusion.benchmark.load_visitor import Failed, PageDescription, Refused, Visitor, plain
from fusion.encoded_cache import EncodedCache
from fusion.lab import Lab
from fusion.types import Audio, Clip, FusionError
from tests.tiny import make_checkpoints

CONFIG = {
    "components": [
        {"id": 1, "props": {"elem_id": "fl-slot-text", "value": "{}"}},
        {"id": 2, "props": {"elem_id": "fl-result", "value": ""}},
        {"id": 3, "props": {"elem_id": "fl-tasks", "value": "digits"}},
    ],
    "dependencies": [{"id": 7, "inputs": [1, 3], "outputs": [2], "targets": [[1, "input"]]}],
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return Lab("digits", "cpu", make_checkpoints(tmp_path_factory.mktemp("checkpoints")))


def result(label: str, probs: list[float]) -> dict[str, Any]:
    return {"fl-result": {"__type__": "update", "value": json.dumps({"strategies": [{"name": STRATEGY, "label": label, "probs": probs}]})}}


def test_an_answer_of_somebody_else_is_wrong() -> None:
    tally, act = Tally(), Act("text", write("seven"), 0, "7", (0.1, 0.9))
    judge(result("7", [0.1, 0.9]), act, 0.5, tally)
    judge(result("7", [0.1001, 0.8999]), act, 0.5, tally)  # computed in a batch
    assert tally.counts == {"answers": 2} and tally.seconds == {"text": [0.5, 0.5]}
    judge(result("2", [0.9, 0.1]), act, 0.5, tally)
    judge(result("7", [0.2, 0.8]), act, 0.5, tally)  # the same label of another input
    assert tally.counts["wrong"] == 2 and "instead of 7" in tally.examples[0]
    judge({"fl-result": json.dumps({"status": {"kind": "error", "text": "No."}})}, act, 0.5, tally)
    assert tally.counts["errors"] == 1 and tally.counts["answers"] == 4


def test_the_slope_leaves_the_warm_up_out() -> None:
    steady = [(float(t), 1000.0 + 300 * (t < 100)) for t in range(600)]
    assert slope(steady) == pytest.approx(0, abs=1e-6)
    assert slope([(t, size + t / 60 * 2.5) for t, size in steady]) == pytest.approx(2.5)
    assert slope(steady[:200]) is None and slope([]) is None


def test_the_slope_is_of_what_stays() -> None:
    """Acts need up to 400 MB for a moment, later more often than at first; nothing of it stays."""
    rng = np.random.default_rng(0)
    busy = [(float(t), 1000.0 + 400 * float(rng.random()) * (rng.random() < 0.2 + t / 1000)) for t in range(600)]
    assert slope(busy) == pytest.approx(0, abs=1e-6)


def test_the_report_counts() -> None:
    tally = Tally(seconds={"text": [0.1] * 19 + [1.0]}, memory=[(0.0, 900.0), (1.0, 950.0)])
    tally.counts.update(answers=20, refused=1)
    found = load_test.report(tally, 50, 10)
    assert (found["p50_ms"], found["refused"], found["wrong"], found["memory_mb"]) == (pytest.approx(100), 1, 0, [900, 950])
    (sentence, rows), *rest = load_test.tables(found)
    assert "1 refused" in sentence and rows[-1][:3] == ["all", "20", "100"] and not rest


@pytest.mark.parametrize("make", [digit_image, digit_sound, digit_clip])
def test_a_stamp_changes_the_file_and_not_the_medium(make: Any) -> None:
    rng = np.random.default_rng(1)
    given = next(g for g in (make(3, rng) for _ in range(20)) if g.upload)
    name, data = given.upload
    one, other = stamped(name, data, "visit 1"), stamped(name, data, "visit 20")
    assert len({data, one, other}) == 3
    kind = {"png": "image", "wav": "audio", "webm": "video"}[name.split(".")[1]]
    found = [media.load(kind, file).medium for file in (data, one, other)]
    arrays = [m.samples if isinstance(m, Audio) else m.frames if isinstance(m, Clip) else m for m in found]
    assert np.array_equal(arrays[0], arrays[1]) and np.array_equal(arrays[0], arrays[2])


def test_known_answers_are_those_of_a_lab(lab: Lab) -> None:
    words = [write(w) for w in ("one", "two", "three")]
    session = make_session(lab, {"text": words}, 0, 1, Texts(), EncodedCache())
    act = session.acts[0]
    asked = lab.predict(lab.encode({"text": act.given.medium}, {"text": act.severity}), STRATEGY)
    assert (act.label, act.probs) == (asked.label, tuple(asked.probs.values())) and act.modality == "text"


class Texts:
    """Chooses the words, uncorrupted."""

    def choice(self, names: list[str], p: list[float]) -> str:
        return "text"

    def random(self) -> float:
        return 1.0


def served(handle: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url="http://page", transport=httpx.MockTransport(handle))


def ask(handle: Any) -> dict[str, Any]:
    async def visit() -> dict[str, Any]:
        async with served(handle) as client:
            visitor = Visitor(client, PageDescription(CONFIG))
            visitor.set_slot("text", source="text", text="seven")
            return await visitor.act("fl-slot-text")

    return asyncio.run(visit())


def test_a_visitor_speaks_the_queue_protocol() -> None:
    asked: list[dict[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/queue/join"):
            asked.append(json.loads(request.content))
            return httpx.Response(200, json={"event_id": "e1"})
        assert request.url.params["session_hash"] == asked[0]["session_hash"]
        events = [{"msg": "estimation"}, {"msg": "process_completed", "event_id": "e1", "success": True, "output": {"data": ['{"id": 4}']}}]
        return httpx.Response(200, text="".join(f"data: {json.dumps(e)}\n\n" for e in events))

    assert plain(ask(handle)["fl-result"]) == {"id": 4}
    assert asked[0]["fn_index"] == 7 and asked[0]["data"][1] == "digits" and json.loads(asked[0]["data"][0])["text"] == "seven"


def test_refusals_and_failures_are_told_apart() -> None:
    with pytest.raises(Refused):
        ask(lambda request: httpx.Response(503, text="full"))

    def fail(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/queue/join"):
            return httpx.Response(200, json={"event_id": "e1"})
        event = {"msg": "process_completed", "event_id": "e1", "success": False, "output": {"error": None}}
        return httpx.Response(200, text=f"data: {json.dumps(event)}\n\n")

    with pytest.raises(Failed):
        ask(fail)
    with pytest.raises(KeyError):
        PageDescription(CONFIG).event("fl-result")


def test_percentiles_of_the_page() -> None:
    report = {"tasks": {"digits": {"slider": page_bench.percentiles([10.0, 20.0, 30.0])}}, "targets_ms": {"digits": 150}}
    ((sentence, rows),) = page_bench.tables(report)
    assert rows[1] == ["digits", "slider", "3", "20", "29"] and "150 ms on digits" in sentence


def test_without_playwright_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def broken(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("playwright"):
            raise ImportError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(FusionError, match="Playwright, which is not installed"):
        page_bench.run("http://127.0.0.1:1")


def test_no_page_at_an_address_is_one_sentence() -> None:
    with pytest.raises(FusionError, match="no page of Fusion Lab"):
        asyncio.run(load_test.visit("http://127.0.0.1:9", [], 1, 1.0, None))


def test_visits_are_endless_and_take_turns(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fusion.benchmark.load_inputs.KINDS", {"text": 3, "image": 1, "audio": 1, "video": 1})
    found = list(islice(sessions({"digits": lab}, acts=2), 3))
    assert [s.task for s in found] == ["digits"] * 3 and all(len(s.acts) == 2 for s in found)
