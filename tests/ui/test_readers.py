"""Other encoders for the strategies: what the page offers, says and does, with a lab that has nothing trained on a new choice at first."""

import json
from pathlib import Path
from typing import Any

import pytest

from fusion.choice import choose
from fusion.tasks import COMPACT, TASKS
from fusion.training import heads
from fusion.types import MODALITIES, FusionError
from fusion.ui.desk import Desks
from fusion.ui.fuse import SKIP, Handlers
from fusion.ui.readers import wants_training
from fusion.ui.state import PageState
from tests.ui.fake_lab import FakeLab
from tests.ui.fake_library import FakeLibrary

OWN = {"text": "text_lstm"}
TRAINED: list[dict[str, str]] = []  # choices on which strategies have been trained


class ChoosingLab(FakeLab):
    """A fake lab around any encoders."""

    def __init__(self, encoders: dict[str, str] | None = None) -> None:
        super().__init__()
        self.choice, self.library = choose(TASKS["digits"], encoders or "compact"), FakeLibrary(self)
        if encoders and self.choice not in TRAINED:
            self.strategies = self.baselines = ()
            self.models, self.untrained = {}, ("late",)


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Handlers:
    TRAINED.clear()

    def train_heads(task: Any, choice: dict[str, str]) -> Any:
        for i in range(1, 5):
            yield heads.Progress("late", i / 4)
        TRAINED.append(choice)

    monkeypatch.setattr(heads, "train_heads", train_heads)
    return Handlers(Desks({"digits": ChoosingLab}, {}, tmp_path))


def values(choice: dict[str, str]) -> list[str]:
    slots = {m: {"source": "text", "text": "five"} if m == "text" else {} for m in MODALITIES}
    return [*map(json.dumps, slots.values()), "digits", "late", "en", "", json.dumps({"choice": choice})]


def test_what_is_offered(handlers: Handlers) -> None:
    about = json.loads(handlers.edited(*values({}))[0])["lab"]["readers"]
    assert about["choice"] == COMPACT and set(about["sets"]) == {"compact", "classical"}
    assert about["offers"]["text"][0]["name"] == "text_transformer" and all(
        o["title"] for several in about["offers"].values() for o in several
    )


def test_a_choice_without_heads_says_so_then_trains_and_answers(handlers: Handlers) -> None:
    said = [json.loads(result) for result, _ in handlers.read_with(json.dumps({"choice": OWN}), *values(OWN))]
    assert [s["status"]["kind"] for s in said] == ["untrained"]
    assert said[0]["lab"]["readers"]["choice"] == COMPACT | OWN and said[0]["lab"]["strategies"] == []
    steps = list(handlers.read_with(json.dumps({"choice": OWN, "train": True}), *values(OWN)))
    kinds = [json.loads(result)["status"]["kind"] for result, _ in steps]
    assert kinds[0] == "training" and kinds[-1] == "ok" and TRAINED == [COMPACT | OWN]
    assert steps[0][1] is SKIP and json.loads(steps[0][0])["status"]["what"] == "late"
    assert json.loads(steps[-1][0])["lab"]["strategies"], "the lab was opened anew"


def test_a_choice_is_kept_while_inputs_change_and_in_the_link(handlers: Handlers) -> None:
    TRAINED.append(COMPACT | OWN)
    result, pack = handlers.edited(*values(OWN))
    assert json.loads(result)["lab"]["readers"]["choice"]["text"] == "text_lstm"
    state = PageState.from_query(MODALITIES, json.loads(pack)["query"])
    assert state.readers == OWN and state.page == "fuse"
    opened = handlers.opened(json.loads(pack)["query"], "en", *values({}))
    assert json.loads(opened[8]) == {"choice": OWN}
    assert json.loads(opened[10])["lab"]["readers"]["choice"]["text"] == "text_lstm"


def test_naming_the_compact_ones_is_choosing_nothing(handlers: Handlers) -> None:
    assert handlers.desks.open("digits", COMPACT) is handlers.desks["digits"]


def test_an_unknown_encoder_is_one_sentence(handlers: Handlers) -> None:
    [(result, _)] = list(handlers.read_with("{}", *values({"text": "text_nose"})))
    assert "no encoder named 'text_nose'" in json.loads(result)["status"]["text"]


def test_training_that_fails_is_one_sentence(handlers: Handlers, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(task: Any, choice: Any) -> Any:
        raise FusionError("There is no network.")
        yield

    monkeypatch.setattr(heads, "train_heads", broken)
    [(result, pack)] = list(handlers.read_with(json.dumps({"choice": OWN, "train": True}), *values(OWN)))
    assert json.loads(result)["status"] == {"kind": "error", "text": "There is no network."} and pack is SKIP


@pytest.mark.parametrize("ask", [None, "", "no json", "[1]", '{"train": 1}', '{"train": "true"}', {"train": False}])
def test_only_the_button_trains(ask: object) -> None:
    assert not wants_training(ask)
    assert wants_training('{"choice": {}, "train": true}')
