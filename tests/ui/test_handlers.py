"""What the page answers to each event, as plain functions against a lab with known answers."""

from __future__ import annotations

import base64
import csv
import io
import json
import logging
import wave
from types import SimpleNamespace

import numpy as np
import pytest

from fusion.types import Audio, FusionError
from fusion.ui.desk import REMEMBERED, Desk, fingerprint
from fusion.ui.fuse import SKIP, Handlers
from fusion.ui.state import PageState
from fusion.ui.views.media import sound
from fusion.ui.views.packed import grey, shares, unpack_shares
from tests.ui.fake_lab import LABELS, FakeLab

MODALITIES = FakeLab.modalities
EXAMPLES = {"three": SimpleNamespace(title="Three", story="Says three.", severity={"text": 2})}


@pytest.fixture
def handlers(tmp_path) -> Handlers:
    examples = {"three": {"text": "three", "image": np.full((64, 64, 3), 255, np.uint8)}}
    return Handlers(Desk(FakeLab(), EXAMPLES, examples.__getitem__, tmp_path))


def values(strategy: str = "dynamic", language: str = "en", **slots: dict) -> list[str]:
    return [*(json.dumps(slots.get(m, {})) for m in MODALITIES), strategy, language]


def text(words: str) -> dict[str, str]:
    return {"source": "text", "text": words}


def test_the_result_is_the_prediction(handlers: Handlers) -> None:
    result = json.loads(handlers.edited(*values(text=text("five")))[0])
    encoding = handlers.desk.lab.encode({"text": "five"})
    predictions = handlers.desk.lab.compare(encoding)
    assert [s["name"] for s in result["strategies"]] == ["early", "late", "dynamic", "cross_attention", "text_only"]
    for shown in result["strategies"]:
        p = predictions[shown["name"]]
        assert (shown["label"], shown["confidence"], shown["seconds"]) == (p.label, p.confidence, p.seconds)
        assert dict(zip(LABELS, shown["probs"], strict=True)) == p.probs
        assert (shown["weights"], shown["contributions"]) == (p.weights, p.contributions)
    assert [s["baseline"] for s in result["strategies"]] == [False] * 4 + [True]
    assert [m["present"] for m in result["modalities"]] == [False, True, False, False]
    assert result["modalities"][1] == {"name": "text", "present": True, "tokens": 1, "dim": 24}
    assert result["status"] == {"kind": "ok", "notes": []}


def test_who_disagrees_with_the_majority_is_marked(tmp_path) -> None:
    handlers = Handlers(Desk(FakeLab({"image": 4, "video": 4}), EXAMPLES, lambda name: {}, tmp_path))
    stroke = {"source": "drawing", "strokes": [[[0, 0, 0], [1, 1, 1]]]}
    result = json.loads(handlers.edited(*values(image=stroke, video={"source": "drawing"}, text=text("nine")))[0])
    differs = {s["name"]: s["differs"] for s in result["strategies"] if s["baseline"]}
    assert differs == {"image_only": False, "text_only": True, "video_only": False}
    assert not any(s["differs"] for s in result["strategies"] if not s["baseline"])


def test_attention_reaches_the_browser_as_it_was(handlers: Handlers) -> None:
    slots = {"text": text("number nine"), "image": {"source": "drawing", "strokes": [[[0, 0, 0], [1, 1, 1]]]}}
    sent = json.loads(handlers.edited(*values(**slots))[0])["attention"]
    assert list(sent) == ["cross_attention"]
    pair = sent["cross_attention"]["pairs"]["text>image"]
    assert (pair["layers"], pair["heads"], pair["queries"], pair["keys"]) == (2, 4, 2, 64)
    maps = unpack_shares(pair["data"]).reshape(2, 4, 2, 64)
    assert maps[1, 2, 0, 3] == pytest.approx(0.7, abs=0.004) and maps[1, 2, 0].argmax() == 3
    assert sent["cross_attention"]["layouts"]["text"] == {"kind": "characters", "places": [[0, 6], [7, 11]]}


def test_packing_keeps_shares_and_shapes() -> None:
    values = np.random.default_rng(0).dirichlet(np.ones(50), 20).astype(np.float32)
    assert np.abs(unpack_shares(shares(values)).reshape(values.shape) - values).max() < 0.004
    packed = grey(np.array([[0.0, 1.0, 3.0]]))
    assert (packed["width"], packed["height"], packed["data"]) == (3, 1, "AFX/")
    assert grey(np.full((2, 2), np.nan))["data"] == "AAAAAA=="


def test_a_sound_is_played_as_it_was_heard() -> None:
    shown = sound(Audio(48000, np.repeat([0.0, 0.5], 24000).astype(np.float32)))
    with wave.open(io.BytesIO(base64.b64decode(shown["wav"]))) as file:
        played = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        assert (file.getframerate(), len(played)) == (16000, 16000)
    assert played[4000] == 0 and played[12000] == pytest.approx(0.5 * 32767, abs=1)
    assert (shown["seconds"], shown["peaks"][0], shown["peaks"][-1]) == (1.0, 0.0, 1.0)


def test_a_bad_input_is_one_sentence_and_the_next_one_works(handlers: Handlers) -> None:
    result = json.loads(handlers.edited(*values(text=text("bad")))[0])
    assert result["status"] == {"kind": "error", "text": "The text is bad."} and "strategies" not in result
    assert json.loads(handlers.edited(*values(text=text("two")))[0])["strategies"][0]["label"] == "2"


def test_the_unexpected_is_logged_and_not_shown(handlers: Handlers, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        result = handlers.edited(*values(text=text("crash")))[0]
    assert json.loads(result)["status"] == {"kind": "error", "key": "status.unexpected"}
    assert "secret detail" not in result and "secret detail" in caplog.text


def test_no_input_is_said_in_words(handlers: Handlers) -> None:
    assert json.loads(handlers.edited(*values())[0])["status"] == {"kind": "empty", "key": "status.empty"}


def test_notes_are_shown(handlers: Handlers) -> None:
    assert json.loads(handlers.edited(*values(text=text("one " * 40)))[0])["status"]["notes"] == ["text was trimmed."]


def test_the_same_input_is_encoded_once(handlers: Handlers) -> None:
    lab = handlers.desk.lab
    for strategy in ("early", "late"):
        handlers.edited(*values(strategy, text=text("six")))
    handlers.looked(*values("dynamic", text=text("six")))
    assert lab.encoded == 1
    handlers.edited(*values(text=text("six") | {"severity": 1}))
    assert lab.encoded == 2
    for i in range(REMEMBERED + 3):
        handlers.edited(*values(text=text(f"{i}")))
    handlers.edited(*values(text=text("six")))
    assert lab.encoded == 2 + REMEMBERED + 4


def test_fingerprints_tell_media_apart() -> None:
    picture = np.zeros((2, 3), np.uint8)
    different = [{"a": picture}, {"a": picture.T}, {"a": picture + 1}, {"b": picture}, {"a": "x"}, {"a": picture, "b": 1}]
    assert len({fingerprint(v) for v in different}) == len(different)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_an_example_fills_the_slots(handlers: Handlers) -> None:
    *slots, result, pack = handlers.example("three", *values())
    read = PageState.read(MODALITIES, [*slots, "dynamic", "en"])
    assert {m: s.source for m, s in read.slots.items()} == {"image": "example", "text": "text", "audio": "none", "video": "none"}
    assert read.slots["text"].severity == 2
    assert json.loads(result)["strategies"][0]["label"] in "37"
    assert PageState.from_query(MODALITIES, json.loads(pack)["query"]) == read


def test_an_example_that_cannot_be_made_is_one_sentence(tmp_path) -> None:
    def broken(name: str) -> dict:
        raise FusionError("The example sound is missing.")

    handlers = Handlers(Desk(FakeLab(), EXAMPLES, broken, tmp_path))
    *slots, result, pack = handlers.example("three", *values())
    assert (*slots, pack) == (SKIP,) * 5
    assert json.loads(result)["status"] == {"kind": "error", "text": "The example sound is missing."}
    assert json.loads(handlers.first()[1])["status"]["kind"] == "empty"


def test_a_link_opens_what_it_holds(handlers: Handlers) -> None:
    query = json.loads(handlers.edited(*values("late", "zh", text=text("four")))[1])["query"]
    *slots, strategy, language, result, _ = handlers.opened(query, "en-US", *values())
    assert (strategy, language) == ("late", "zh") and json.loads(slots[1])["text"] == "four"
    assert json.loads(result)["strategies"][0]["label"] == "4"


def test_a_link_to_an_unknown_strategy_shows_a_known_one(handlers: Handlers) -> None:
    query = PageState.read(MODALITIES, values("gone", text=text("four"))).query()
    assert handlers.opened(query, "", *values())[4] == "cross_attention"


@pytest.mark.parametrize("query", [None, "", "broken"])
def test_without_a_link_the_worked_example_stays(handlers: Handlers, query: str | None) -> None:
    assert handlers.opened(query, "en-US,en", *values()) == (SKIP,) * 8
    found = handlers.opened(query, "zh-CN,zh;q=0.9", *values())
    assert found[:5] == (SKIP,) * 5 and found[5] == "zh" and found[6] is SKIP and not json.loads(found[7])["touched"]


def test_the_first_screen_is_a_computed_example(handlers: Handlers) -> None:
    state, result = handlers.first()
    assert state.strategy == "cross_attention" and state.slots["text"].text == "three"
    assert json.loads(result)["strategies"]


def test_nothing_sent_to_the_browser_looks_like_markup(handlers: Handlers) -> None:
    evil = "<img src=x onerror=alert(1)></script><script>${alert(2)} seven"
    result, pack = handlers.edited(*values(text=text(evil)))
    assert "<" not in result and "<" not in pack
    assert json.loads(result)["media"]["text"] == evil


def test_files_to_take_along_hold_the_numbers(handlers: Handlers) -> None:
    result = json.loads(handlers.edited(*values(text=text("five")))[0])
    lines = list(csv.DictReader(io.StringIO(result["export"]["csv"])))
    whole = json.loads(result["export"]["json"])["strategies"]
    for shown, line in zip(result["strategies"], lines, strict=True):
        assert (line["strategy"], line["label"]) == (shown["name"], shown["label"])
        assert float(line["p_5"]) == shown["probs"][5] == whole[shown["name"]]["probs"]["5"]
        assert float(line["effect_text"]) == shown["contributions"]["text"]
    assert lines[2]["weight_text"] == "1.0" and lines[0]["weight_text"] == ""


def test_the_snippet_makes_the_same_call(handlers: Handlers, monkeypatch: pytest.MonkeyPatch) -> None:
    import fusion

    seen = []
    lab = SimpleNamespace(
        encode=lambda inputs, severity: seen.append((inputs, severity)) or "encoding",
        predict=lambda encoding, strategy: seen.append((encoding, strategy)) or SimpleNamespace(label="1", confidence=1.0),
    )
    monkeypatch.setattr(fusion, "load", lambda task: lab)
    slots = {"image": {"source": "drawing", "strokes": [[[0, 0.5, 0], [1, 0.5, 0.4]]]}, "video": {"source": "drawing"}}
    slots["text"] = text("it's \"five\"") | {"severity": 2}
    exec(json.loads(handlers.edited(*values("late", **slots))[1])["snippet"], {})
    state = PageState.read(MODALITIES, values("late", **slots))
    assert fingerprint(seen[0][0]) == fingerprint(state.media(lambda name: {}, handlers.desk.uploads))
    assert seen[0][1] == {"text": 2} and seen[1] == ("encoding", "late")
