"""Other encoders for the strategies: what the page offers, says and does, with a lab that has nothing trained on a new choice at first."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fusion.encoder_choice import choose
from fusion.messages import Message
from fusion.tasks import COMPACT, TASKS
from fusion.training.jobs import JobQueue
from fusion.types import MODALITIES
from fusion.ui.pages.fuse import training
from fusion.ui.pages.fuse.handlers import Handlers
from fusion.ui.service import TaskServices
from fusion.ui.state import PageState
from tests.ui.fake_lab import FakeLab
from tests.ui.fake_registry import FakeRegistry

OWN = {"text": "text_lstm"}
TRAIN = json.dumps({"ask": "train"})
TRAINED: list[dict[str, str]] = []  # choices on which strategies have been trained


class ChoosingLab(FakeLab):
    """A fake lab around any encoders."""

    def __init__(self, encoders: dict[str, str] | None = None) -> None:
        super().__init__()
        self.choice, self.registry = choose(TASKS["digits"], encoders or "compact"), FakeRegistry(self)
        if encoders and self.choice not in TRAINED:
            self.strategies = self.baselines = ()
            self.models, self.untrained = {}, ("late",)


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Handlers:
    TRAINED.clear()
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(training, "PAUSE", 0.05)
    return Handlers(TaskServices({"digits": ChoosingLab}, {}, tmp_path))


@pytest.fixture
def jobs() -> Iterator[JobQueue]:
    queue = JobQueue()
    yield queue
    queue.close()


def trainer(handlers: Handlers, jobs: JobQueue, code: str) -> training.Handlers:
    """Handlers whose worker prints that it is half done and then runs `code`."""
    start = 'import time; print(\'{"what": "late", "share": 0.5}\', flush=True); '
    return training.Handlers(handlers.services, jobs, lambda task, choice: [sys.executable, "-c", start + code])


async def collected(trainer: training.Handlers, ask: object, *values: str, session: str = "a") -> list[dict[str, Any]]:
    return [json.loads(said) async for said in trainer.asked(ask, session, *values)]


def values(choice: dict[str, str]) -> list[str]:
    slots = {m: {"source": "text", "text": "five"} if m == "text" else {} for m in MODALITIES}
    return [*map(json.dumps, slots.values()), "digits", "late", "en", "", json.dumps({"choice": choice})]


def test_what_is_offered(handlers: Handlers) -> None:
    about = json.loads(handlers.edited(*values({})).result)["lab"]["encoder_choice"]
    assert about["choice"] == COMPACT and set(about["sets"]) == {"compact", "classical"}
    assert about["offers"]["text"][0]["name"] == "text_transformer" and all(
        o["title"] for several in about["offers"].values() for o in several
    )


def test_a_choice_without_heads_says_so_then_trains_and_answers(handlers: Handlers, jobs: JobQueue) -> None:
    said = [json.loads(handlers.edited(*values(OWN)).result)]
    assert [s["status"]["kind"] for s in said] == ["untrained"]
    assert said[0]["lab"]["encoder_choice"]["choice"] == COMPACT | OWN and said[0]["lab"]["strategies"] == []
    steps = asyncio.run(collected(trainer(handlers, jobs, "time.sleep(0.5); print('{\"done\": true}')"), TRAIN, *values(OWN)))
    assert {s["kind"] for s in steps[:-1]} == {"training"} and steps[-1] == {"kind": "trained"}
    assert any((s.get("what"), s.get("share")) == ("late", 0.5) for s in steps)
    TRAINED.append(COMPACT | OWN)
    assert json.loads(handlers.edited(*values(OWN)).result)["lab"]["strategies"], "the lab was opened anew"


def test_a_choice_is_kept_while_inputs_change_and_in_the_link(handlers: Handlers) -> None:
    TRAINED.append(COMPACT | OWN)
    update = handlers.edited(*values(OWN))
    result, pack = update.result, update.export
    assert json.loads(result)["lab"]["encoder_choice"]["choice"]["text"] == "text_lstm"
    state = PageState.from_query(MODALITIES, json.loads(pack)["query"])
    assert state.encoder_choice == OWN and state.page == "fuse"
    opened = handlers.opened(json.loads(pack)["query"], "en", *values({}))
    assert json.loads(opened.fill.encoder_choice) == {"choice": OWN}
    assert json.loads(opened.result)["lab"]["encoder_choice"]["choice"]["text"] == "text_lstm"


def test_naming_the_compact_ones_is_choosing_nothing(handlers: Handlers) -> None:
    assert handlers.services.open("digits", COMPACT) is handlers.services["digits"]


def test_an_unknown_encoder_is_one_sentence(handlers: Handlers) -> None:
    result = handlers.edited(*values({"text": "text_nose"})).result
    assert "no encoder named 'text_nose'" in Message.from_json(json.loads(result)["status"]["text"])


def test_training_that_fails_is_one_sentence(handlers: Handlers, jobs: JobQueue) -> None:
    broken = trainer(handlers, jobs, 'print(\'{"error": "There is no network."}\'); exit(1)')
    assert asyncio.run(collected(broken, TRAIN, *values(OWN)))[-1] == {
        "kind": "error",
        "text": Message("There is no network.", {}).to_json(),
    }
    [said] = asyncio.run(collected(broken, TRAIN, *values({"text": "text_nose"})))
    assert said["kind"] == "error" and "no encoder named 'text_nose'" in Message.from_json(said["text"])


def test_what_is_trained_already_is_not_trained_again(handlers: Handlers, jobs: JobQueue) -> None:
    assert asyncio.run(collected(trainer(handlers, jobs, ""), TRAIN, *values({}))) == [{"kind": "trained"}]
    assert jobs._thread is None


@pytest.mark.parametrize("end", ["cancel", "choose", "leave"])
def test_training_ends_when_cancelled_or_left(handlers: Handlers, jobs: JobQueue, end: str) -> None:
    endless = trainer(handlers, jobs, "time.sleep(60)")

    async def visit() -> str:
        told = endless.asked(TRAIN, "a", *values(OWN))
        while json.loads(await anext(told)).get("what") != "late":
            pass
        assert jobs._process is not None
        process = jobs._process
        if end == "cancel":
            assert await collected(endless, '{"ask": "cancel"}', *values(OWN), session="b") == [{"kind": "cancelled"}]
            assert json.loads(await anext(told))["kind"] == "training", "another visitor cannot cancel it"
            assert await collected(endless, '{"ask": "cancel"}', *values(OWN)) == [{"kind": "cancelled"}]
        elif end == "choose":
            endless.moved("a", *values(OWN))
            assert json.loads(await anext(told))["kind"] == "training", "the same choice changes nothing"
            endless.moved("a", *values({}))
        if end == "leave":
            await told.aclose()  # type: ignore[attr-defined]
            last = "left"
        else:
            last = json.loads([said async for said in told][-1])["kind"]
        await asyncio.to_thread(process.wait, 10)
        return last

    assert asyncio.run(visit()) == ("left" if end == "leave" else "cancelled")


@pytest.mark.parametrize("ask", [None, "", "no json", "[1]", '{"ask": 1}', '{"train": true}', {"ask": "other"}])
def test_only_the_button_trains(handlers: Handlers, jobs: JobQueue, ask: object) -> None:
    assert asyncio.run(collected(trainer(handlers, jobs, ""), ask, *values(OWN))) == []


def test_a_task_with_encoders_of_its_own_drops_the_choice(tmp_path: Path) -> None:
    """Whatever was chosen elsewhere, the task opens, and the browser is told."""
    handlers = Handlers(TaskServices({"digits": ChoosingLab, "scenes": lambda: FakeLab(task="scenes")}, {}, tmp_path))
    for choice in (OWN, COMPACT):
        *slots, _, strategy, language, view, chosen = values(choice)
        update = handlers.switched(*slots, "scenes", strategy, language, view, chosen)
        assert json.loads(update.result)["status"]["kind"] == "empty"
        assert json.loads(update.fill.encoder_choice) == {"choice": {}}
    assert handlers.switched(*slots, "digits", strategy, language, view, chosen).fill.encoder_choice is None
