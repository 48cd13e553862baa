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

from fusion.encoded_cache import fingerprint
from fusion.types import Audio, Clip, FusionError, Layout
from fusion.ui.pages.activations.page import Activations
from fusion.ui.pages.base import reply
from fusion.ui.pages.fuse import encoder_view
from fusion.ui.pages.fuse.handlers import Handlers
from fusion.ui.pages.fuse.previews import sound
from fusion.ui.pages.fuse.strategy_rows import describe_tasks
from fusion.ui.serialize import grey, shares, unpack_shares
from fusion.ui.service import TaskServices, shipped_tasks
from fusion.ui.state import PageState
from fusion.ui.updates import Fill, PageUpdate
from tests.tiny import make_checkpoints
from tests.ui.fake_lab import ATTENDING, BOX, FUSES, LABELS, SHARE, FakeLab

MODALITIES = FakeLab.modalities
EXAMPLES = {"three": SimpleNamespace(title="Three", story="Says three.", severity={"text": 2})}


def plain(sentence: str) -> dict[str, object]:
    """A sentence without values, as the browser gets it."""
    return {"template": sentence, "values": {}}


def at_work(tmp_path, make=None, **labs: FakeLab) -> Handlers:
    """The page's handlers around labs by task, `digits_find` for digits-find; without any, around one of digits."""
    media = {"three": {"text": "three", "image": np.full((64, 64, 3), 255, np.uint8)}}
    examples = SimpleNamespace(EXAMPLES=EXAMPLES, make_example=make or media.__getitem__)
    named = {name.replace("_", "-"): lab for name, lab in (labs or {"digits": FakeLab()}).items()}
    return Handlers(TaskServices({name: lambda lab=lab: lab for name, lab in named.items()}, dict.fromkeys(named, examples), tmp_path))


@pytest.fixture
def handlers(tmp_path) -> Handlers:
    return at_work(tmp_path)


def exported(handlers: Handlers, kind: str, *given: str) -> str:
    return json.loads(handlers.details(json.dumps({"ask": True, "number": 3, "export": kind}), *given))["export"]


def detailed(handlers: Handlers, strategy: str, *given: str) -> dict:
    said = json.loads(handlers.details(json.dumps({"ask": True, "number": 4, "strategy": strategy}), *given))
    assert (said["number"], said["strategy"]) == (4, strategy)
    return said["details"]


def values(strategy: str = "dynamic", language: str = "en", task: str = "digits", **slots: dict) -> list[str]:
    return [*(json.dumps(slots.get(m, {})) for m in MODALITIES), task, strategy, language, "", ""]


STROKE = {"source": "drawing", "strokes": [[[0, 0, 0], [1, 1, 1]]]}


def text(words: str) -> dict[str, str]:
    return {"source": "text", "text": words}


def test_the_result_is_the_prediction(handlers: Handlers) -> None:
    result = json.loads(handlers.edited(*values(text=text("five"))).result)
    encoding = handlers.services["digits"].lab.encode({"text": "five"})
    predictions = handlers.services["digits"].lab.compare(encoding)
    assert [s["name"] for s in result["strategies"]] == [*FUSES, "text_only"]
    for shown in result["strategies"]:
        p = predictions[shown["name"]]
        assert (shown["label"], shown["confidence"], shown["seconds"]) == (p.label, p.confidence, p.seconds)
        assert dict(zip(LABELS, shown["probs"], strict=True)) == p.probs
        assert (shown["weights"], shown["contributions"]) == (p.weights, p.contributions)
    assert [s["baseline"] for s in result["strategies"]] == [False] * 13 + [True]
    assert [m["present"] for m in result["modalities"]] == [False, True, False, False]
    assert result["modalities"][1] == {"name": "text", "present": True, "tokens": 1, "dim": 24}
    assert result["status"] == {"kind": "ok", "notes": []}


def test_who_disagrees_with_the_majority_is_marked(tmp_path) -> None:
    handlers = at_work(tmp_path, digits=FakeLab({"image": 4, "video": 4}, dissent={"tensor": "9", "tcn": "9", "early": "1"}))
    result = json.loads(handlers.edited(*values(image=STROKE, video={"source": "drawing"}, text=text("nine"))).result)
    differs = {s["name"]: s["differs"] for s in result["strategies"] if s["baseline"]}
    assert differs == {"image_only": False, "text_only": True, "video_only": False}
    assert [s["name"] for s in result["strategies"] if s["differs"] and not s["baseline"]] == ["early", "tensor", "tcn"]
    assert result["tally"] == [["4", 10], ["9", 2], ["1", 1]]


def test_shapley_values_stand_beside_weight_and_leave_one_out(handlers: Handlers) -> None:
    result = json.loads(handlers.edited(*values(image=STROKE, text=text("seven"))).result)
    late = next(s for s in result["strategies"] if s["name"] == "late")
    whole = SHARE["image"] + SHARE["text"]
    assert late["shapley"]["values"] == pytest.approx({m: 0.8 * SHARE[m] / whole for m in ("image", "text")})
    assert (
        sum(late["shapley"]["values"].values()) == pytest.approx(late["confidence"] - late["shapley"]["none"])
        and late["shapley"]["none"] == 0.1
    )
    assert late["weights"] == {"image": 0.5, "text": 0.5} and late["contributions"] == {"image": 0.2, "text": 0.2}
    assert 0 < late["shapley"]["interaction"] < 1
    alone = result["strategies"][-1]
    assert alone["shapley"]["values"] == pytest.approx({"text": 0.6}) and alone["shapley"]["interaction"] is None
    assert next(s["auxiliary"] for s in result["strategies"] if s["name"] == "multitask") == {"parity": {"even": 0.25, "odd": 0.75}}


def test_who_recognises_nothing_reaches_the_browser_and_the_files(tmp_path) -> None:
    lab = FakeLab({"image": 0, "text": 3}, task="scenes", strange=("image", "tensor"))
    handlers, given = at_work(tmp_path, scenes=lab), values(task="scenes", image=STROKE, text=text("a cow"))
    result = json.loads(handlers.edited(*given).result)
    known = {s["name"]: s["known"] for s in result["strategies"]}
    assert known == dict.fromkeys(FUSES, True) | {"tensor": False, "image_only": False, "text_only": True}
    assert result["out_of_distribution"] == 1 and sum(count for _, count in result["tally"]) == 13  # their best guess counts all the same
    lines = {line["strategy"]: line["known"] for line in csv.DictReader(io.StringIO(exported(handlers, "csv", *given)))}
    assert lines["tensor"] == "False" and lines["late"] == "True"
    assert json.loads(exported(handlers, "json", *given))["strategies"]["tensor"]["known"] is False


def test_stories_are_told_where_any_modality_suffices(handlers: Handlers, tmp_path) -> None:
    given = values(image=STROKE, text=text("seven"))
    digits = json.loads(handlers.edited(*given).result)
    assert digits["strategies"][0]["known"] is None and digits["out_of_distribution"] == 0
    assert "known" not in exported(handlers, "csv", *given).splitlines()[0]
    assert digits["strategies"][0]["explanation"][0]["key"] == "explanation.agree"
    added = json.loads(at_work(tmp_path, digits_add=FakeLab(task="digits-add")).edited(*values(task="digits-add", text=text("one"))).result)
    assert all(s["explanation"] == [] for s in added["strategies"])


def test_photos_and_clips_are_drawn_from_the_media(tmp_path) -> None:
    """Where pictures are no drawings: no grey copy is sent, the shape is; and the page knows when sound and clip share their seconds."""
    photo = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    clip = Clip(np.zeros((5, 32, 48, 3), np.uint8), np.arange(5) / 10, Audio(8000, np.zeros(4000, np.float32)))
    handlers = at_work(tmp_path, make=lambda name: {"image": photo, "video": clip}, scenes=FakeLab(task="scenes"))
    slots = {m: {"source": "example", "example": "three"} for m in ("image", "video")} | {"audio": {"source": "clip"}}
    result = json.loads(handlers.edited(*values(task="scenes", **slots)).result)
    assert result["lab"]["task"]["draws"] is False and result["soundtrack"] is True
    assert {m: s["array"] is None for m, s in result["encoder_views"].items()} == {"image": True, "audio": False, "video": True}
    assert (result["media"]["image"]["width"], result["media"]["image"]["height"]) == (400, 300)
    assert result["media"]["image"]["url"].startswith("data:image/jpeg") and len(result["media"]["image"]["url"]) < 150_000
    apart = json.loads(handlers.edited(*values(task="scenes", **slots | {"audio": {}})).result)
    assert apart["soundtrack"] is False


def test_what_is_sent_of_an_array_is_no_larger_than_a_screen_shows() -> None:
    picture, frames = np.zeros((224, 224), np.float32), np.zeros((8, 160, 160), np.float32)
    picture[:, 112:] = 1
    shown = encoder_view.small(picture, np.zeros((9, 9, 3), np.uint8))
    assert shown.shape == (96, 96) and shown[:, :48].max() == 0 and shown[:, 48:].min() == 1
    assert encoder_view.small(frames, Clip(np.zeros((8, 9, 9, 3), np.uint8), np.arange(8))).shape == (8, 96, 96)
    sound = np.tile(np.arange(3000, dtype=np.float32), (64, 1))
    heard = encoder_view.small(sound, Audio(16000, np.zeros(480000, np.float32)))
    assert heard.shape == (64, 400) and heard[0, 0] == np.arange(7).mean() and (np.diff(heard[0]) > 0).all()
    assert encoder_view.small(picture[:64, :64], np.zeros((9, 9, 3), np.uint8)).shape == (64, 64)


def test_a_place_reaches_the_browser_as_it_was(tmp_path) -> None:
    handlers = at_work(tmp_path, digits_find=FakeLab(task="digits-find"))
    given = values("cross_attention", task="digits-find", image=STROKE, text=text("the seven"))
    result = json.loads(handlers.edited(*given).result)
    row = next(s for s in result["strategies"] if s["name"] == "cross_attention")
    assert row["place"]["found"] == 0.875 and row["place"]["box"] == list(BOX)
    mask = unpack_shares(row["place"]["mask"]["data"]).reshape(48, 48)
    assert row["place"]["mask"]["side"] == 48 and mask[12:24, 24:36].min() == 1 and mask.sum() == 144
    # mean over 2 layers and 4 heads of "query q looks at q + l + h": 0.7 spread over cells 0..4 for word 0, 1..5 for word 1
    asked = unpack_shares(row["place"]["asked"]["shares"])
    assert asked.argmax() in (1, 2, 3, 4) and asked.sum() == pytest.approx(1, abs=0.05) and asked[10:].max() < 0.01
    assert row["place"]["asked"]["places"][0] == [0.0, 0.0, 0.125, 0.125]
    early = next(s["place"] for s in result["strategies"] if s["name"] == "early")
    assert set(early) == {"found", "box"}  # the mask is sent when the strategy is looked at
    assert detailed(handlers, "early", *given)["place"]["asked"] is None
    assert detailed(handlers, "early", *given)["place"]["mask"] == row["place"]["mask"]
    assert all(s["place"] is None for s in result["strategies"] if s["baseline"]) and result["lab"]["task"]["places"]
    lines = list(csv.DictReader(io.StringIO(exported(handlers, "csv", *given))))
    whole = json.loads(exported(handlers, "json", *given))["strategies"]["early"]
    assert [float(lines[0][side]) for side in ("x0", "y0", "x1", "y1")] == whole["box"] == list(BOX)
    assert float(lines[0]["found"]) == whole["found"] == 0.875 and whole["mask"][12][24] == 1 and whole["mask"][11][24] == 0
    assert lines[12]["answer_parity"] == "odd" and float(lines[0]["shapley_text"]) == pytest.approx(0.8 * 3 / 7)


def test_what_is_not_there_has_no_box(tmp_path) -> None:
    handlers = at_work(tmp_path, digits_find=FakeLab({"image": 3}, task="digits-find"))
    given = values("early", task="digits-find", image=STROKE, text=text("three"))
    place = json.loads(handlers.edited(*given).result)["strategies"][0]["place"]
    assert (place["found"], place["box"], place["mask"]) == (0.125, None, None)
    assert "x0" not in exported(handlers, "csv", *given).splitlines()[0]


def test_each_task_has_its_lab_which_is_loaded_when_it_is_first_chosen(tmp_path) -> None:
    loaded: list[str] = []
    examples = {"digits": SimpleNamespace(EXAMPLES=EXAMPLES, make_example=lambda name: {"text": "three"}),
                "digits-add": SimpleNamespace(EXAMPLES={"sum": EXAMPLES["three"]}, make_example=lambda name: {"text": "nine"})}  # fmt: skip
    labs = {task: lambda task=task: loaded.append(task) or FakeLab(task=task) for task in ("digits", "digits-add")}
    handlers = Handlers(TaskServices(labs, examples, tmp_path))
    assert json.loads(handlers.first()[1])["lab"]["task"]["name"] == "digits" and loaded == ["digits"]
    update = handlers.switched(*values("tcn", task="digits-add", text=text("one")))
    result, pack = json.loads(update.result), json.loads(update.export)
    assert loaded == ["digits", "digits-add"]
    assert update.fill.example == "sum" and json.loads(update.fill.slots["text"])["text"] == "nine"
    assert result["lab"]["task"]["name"] == "digits-add" and result["strategies"][0]["label"] == "9"
    query = pack["query"]
    assert PageState.from_query(MODALITIES, query).task == "digits-add" and "fusion.load('digits-add')" in pack["snippet"]
    fill = handlers.opened(query, "", *values()).fill
    assert (fill.task, fill.strategy) == ("digits-add", "tcn")
    handlers.switched(*values())
    handlers.switched(*values(task="digits-add"))
    assert loaded == ["digits", "digits-add"]
    assert [t["interaction"] for t in describe_tasks(handlers.services)] == ["redundancy", "synergy"]


def test_a_task_that_cannot_be_opened_is_one_sentence(tmp_path) -> None:
    def broken() -> FakeLab:
        raise FusionError("The weights of late are missing or broken.")

    handlers = Handlers(TaskServices({"digits": FakeLab, "digits-add": broken}, {}, tmp_path))
    update = handlers.switched(*values(task="digits-add"))
    assert update == PageUpdate(update.result)
    assert json.loads(update.result)["status"] == {"kind": "error", "text": plain("The weights of late are missing or broken.")}
    query = PageState.read(MODALITIES, values(task="digits-add")).query()
    assert json.loads(handlers.opened(query, "", *values()).result)["status"]["kind"] == "error"


def test_an_unknown_task_is_answered_by_no_other(handlers: Handlers) -> None:
    """In a link, from the page and from the page inside: one sentence, and what is shown stays."""
    sentence = {"template": "There is no task named {name}; there is {tasks}.", "values": {"name": "'moods'", "tasks": ["digits"]}}
    said = {"kind": "error", "text": sentence}
    query = PageState.read(MODALITIES, values(task="moods", text=text("five"))).query()
    update = handlers.opened(query, "en", *values())
    assert update == PageUpdate(update.result, fill=Fill(language="en", view=update.fill.view), notices=[])
    assert json.loads(update.result)["status"] == said
    for result in (handlers.edited(*values(task="moods", text=text("five"))).result, handlers.switched(*values(task="moods")).result):
        assert json.loads(result)["status"] == said and "strategies" not in json.loads(result)
    given = tuple(values(task="moods", text=text("five")))
    compared = reply(Activations(handlers.services).answer, MODALITIES, {"modality": "text"}, given)
    assert json.loads(compared)["error"] == {"text": said["text"]}


def test_visitors_find_the_first_task_that_can_be_used(tmp_path) -> None:
    def broken() -> FakeLab:
        raise FusionError("The task digits cannot be used.")

    handlers = Handlers(TaskServices({"digits": broken, "digits-add": lambda: FakeLab(task="digits-add")}, {}, tmp_path))
    state, result = handlers.first()
    assert state.task == "digits-add" and json.loads(result)["lab"]["task"]["name"] == "digits-add"
    assert handlers.services.unavailable == {"digits": "The task digits cannot be used."}
    result = json.loads(handlers.edited(*values(text=text("five"))).result)
    assert result["status"] == {"kind": "error", "text": plain("The task digits cannot be used.")}
    with pytest.raises(FusionError, match="The task digits cannot be used"):
        Handlers(TaskServices({"digits": broken}, {}, tmp_path)).first()


def test_what_is_out_reaches_the_browser(tmp_path) -> None:
    lab = FakeLab()
    lab.unavailable = {"early": "The strategy early cannot be used: early/model.safetensors is missing."}
    assert json.loads(at_work(tmp_path, digits=lab).edited(*values(text=text("five"))).result)["lab"]["unavailable"] == {
        "early": plain(lab.unavailable["early"])
    }


def test_an_example_that_cannot_be_made_leaves_the_first_screen_to_another(tmp_path) -> None:
    def make(name: str) -> dict:
        if name == "voice":
            raise FusionError("The example has no sound.")
        return {"text": "three"}

    examples = SimpleNamespace(EXAMPLES={"voice": EXAMPLES["three"]} | EXAMPLES, make_example=make)
    state, result = Handlers(TaskServices({"digits": FakeLab}, {"digits": examples}, tmp_path)).first()
    assert state.slots["text"].example == "three" and json.loads(result)["strategies"][0]["label"] == "3"


def test_only_tasks_with_weights_are_offered(tmp_path) -> None:
    assert shipped_tasks(tmp_path) == []
    assert shipped_tasks(make_checkpoints(tmp_path, ["digits-find"])) == ["digits-find"]  # digits: encoders, but no strategy


def test_attention_reaches_the_browser_as_it_was(handlers: Handlers) -> None:
    slots = {"text": text("number nine"), "image": STROKE}
    sent = json.loads(handlers.edited(*values("cross_attention", **slots)).result)["attention"]
    assert list(sent) == list(ATTENDING)
    pair = sent["cross_attention"]["pairs"]["text>image"]
    assert (pair["layers"], pair["heads"], pair["queries"], pair["keys"]) == (2, 4, 2, 64)
    maps = unpack_shares(pair["data"]).reshape(2, 4, 2, 64)
    assert maps[1, 2, 0, 3] == pytest.approx(0.7, abs=0.004) and maps[1, 2, 0].argmax() == 3
    assert sent["cross_attention"]["layouts"]["text"] == {"kind": "characters", "places": [[0, 6], [7, 11]]}


def test_maps_of_other_strategies_are_sent_when_they_are_looked_at(handlers: Handlers) -> None:
    given = values("cross_attention", text=text("number nine"), image=STROKE)
    result = json.loads(handlers.edited(*given).result)
    other = result["attention"]["bottleneck"]["pairs"]["text>image"]
    assert other == {"layers": 2, "heads": 4, "queries": 2, "keys": 64}
    compared = handlers.services["digits"].lab.compared
    said = json.loads(handlers.details(json.dumps({"ask": True, "number": 7, "strategy": "bottleneck"}), *given))
    assert said["answer"] == result["answer"] and said["number"] == 7 and said["details"]["place"] is None
    assert (
        said["details"]["attention"]["pairs"]["text>image"]["data"] == result["attention"]["cross_attention"]["pairs"]["text>image"]["data"]
    )
    assert detailed(handlers, "late", *given) == {"attention": None, "place": None}
    assert handlers.services["digits"].lab.compared == compared


@pytest.mark.parametrize("ask", ["", "{", "[]", '{"number": "x", "strategy": ["late"]}', '{"strategy": "gone"}', '{"export": "exe"}'])
def test_odd_requests_for_details_get_none(handlers: Handlers, ask: str) -> None:
    said = json.loads(handlers.details(ask, *values(text=text("one"))))
    assert said["number"] == 0 and "details" not in said and "export" not in said


def test_details_of_an_input_that_cannot_be_answered_are_empty(handlers: Handlers) -> None:
    for words in ("", "bad"):
        assert json.loads(handlers.details('{"number": 2, "strategy": "late"}', *values(text=text(words)))) == {"number": 2}


def test_what_the_browser_holds_is_not_sent_again(handlers: Handlers) -> None:
    first = json.loads(handlers.edited(*values(image=STROKE, text=text("two"))).result)
    held = json.dumps(list(first["marks"].values()))
    second = json.loads(handlers.edited(*values(image=STROKE, text=text("four")), held=held).result)
    assert list(second["media"]) == list(second["encoder_views"]) == ["text"] and second["marks"]["image"] == first["marks"]["image"]
    assert second["marks"]["text"] != first["marks"]["text"]
    for odd in ("", "{", "{}", "[[]]", '["unknown"]', "[" * 100_000):
        whole = json.loads(handlers.edited(*values(image=STROKE, text=text("four")), held=odd).result)
        assert list(whole["media"]) == ["image", "text"]


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
    result = json.loads(handlers.edited(*values(text=text("bad"))).result)
    assert result["status"] == {"kind": "error", "text": plain("The text is bad.")} and "strategies" not in result
    assert json.loads(handlers.edited(*values(text=text("two"))).result)["strategies"][0]["label"] == "2"


def test_the_unexpected_is_logged_and_not_shown(handlers: Handlers, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        result = handlers.edited(*values(text=text("crash"))).result
    assert json.loads(result)["status"] == {"kind": "error", "key": "status.unexpected"}
    assert "secret detail" not in result and "secret detail" in caplog.text


def test_no_input_is_said_in_words(handlers: Handlers) -> None:
    assert json.loads(handlers.edited(*values()).result)["status"] == {"kind": "empty", "key": "status.empty"}


def test_notes_are_shown(handlers: Handlers) -> None:
    assert json.loads(handlers.edited(*values(text=text("one " * 40))).result)["status"]["notes"] == [plain("text was trimmed.")]


def test_the_same_input_is_answered_once(handlers: Handlers) -> None:
    lab, warm = handlers.services["digits"].lab, handlers.services["digits"].lab.compared
    for strategy in ("early", "late"):
        handlers.edited(*values(strategy, text=text("six")))
    handlers.looked(*values("dynamic", text=text("six")))
    assert lab.compared == warm + 1
    handlers.edited(*values(text=text("seven")))
    handlers.edited(*values(text=text("six")))
    assert lab.compared == warm + 2


def test_fingerprints_tell_media_apart() -> None:
    picture = np.zeros((2, 3), np.uint8)
    different = [{"a": picture}, {"a": picture.T}, {"a": picture + 1}, {"b": picture}, {"a": "x"}, {"a": picture, "b": 1}]
    assert len({fingerprint(v) for v in different}) == len(different)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_an_example_fills_the_slots(handlers: Handlers) -> None:
    update = handlers.example("three", *values())
    result, pack = update.result, update.export
    read = PageState.read(MODALITIES, [*update.fill.slots.values(), "digits", "dynamic", "en", "", ""])
    assert {m: s.source for m, s in read.slots.items()} == {"image": "example", "text": "text", "audio": "none", "video": "none"}
    assert read.slots["text"].severity == 2
    assert json.loads(result)["strategies"][0]["label"] in "37"
    assert PageState.from_query(MODALITIES, json.loads(pack)["query"]) == read


def test_an_example_is_made_once_for_all_edits_beside_it(tmp_path) -> None:
    made = []

    def make(name: str) -> dict[str, object]:
        made.append(name)
        return {"text": "three", "image": np.full((64, 64, 3), 255, np.uint8)}

    handlers = at_work(tmp_path, make)
    for words in ("one", "two", "three"):
        result = json.loads(handlers.edited(*values(image={"source": "example", "example": "three"}, text=text(words))).result)
        assert [m["present"] for m in result["modalities"]] == [True, True, False, False]
    assert made == ["three"]


def test_an_example_that_cannot_be_made_is_one_sentence(tmp_path) -> None:
    def broken(name: str) -> dict:
        raise FusionError("The example sound is missing.")

    handlers = at_work(tmp_path, broken)
    update = handlers.example("three", *values())
    assert update == PageUpdate(update.result)
    assert json.loads(update.result)["status"] == {"kind": "error", "text": plain("The example sound is missing.")}
    assert json.loads(handlers.first()[1])["status"]["kind"] == "empty"


def test_a_link_opens_what_it_holds(handlers: Handlers) -> None:
    query = json.loads(handlers.edited(*values("late", "zh", text=text("four"))).export)["query"]
    update = handlers.opened(query, "en-US", *values())
    assert (update.fill.strategy, update.fill.language) == ("late", "zh")
    assert json.loads(update.fill.slots["text"])["text"] == "four"
    assert json.loads(update.result)["strategies"][0]["label"] == "4"


def test_a_link_to_an_unknown_strategy_shows_a_known_one(handlers: Handlers) -> None:
    query = PageState.read(MODALITIES, values("gone", text=text("four"))).query()
    assert handlers.opened(query, "", *values()).fill.strategy == "cross_attention"


@pytest.mark.parametrize("query", [None, "", "broken"])
def test_without_a_link_the_worked_example_stays(handlers: Handlers, query: str | None) -> None:
    notices = [{"key": "link.broken"}] if query else []
    assert handlers.opened(query, "en-US,en", *values()) == PageUpdate(fill=Fill(), notices=notices)
    found = handlers.opened(query, "zh-CN,zh;q=0.9", *values())
    assert found == PageUpdate(export=found.export, fill=Fill(language="zh"), notices=notices)
    assert not json.loads(found.export)["touched"]


def test_the_first_screen_is_a_computed_example(handlers: Handlers) -> None:
    state, result = handlers.first()
    assert state.strategy == "cross_attention" and state.slots["text"].text == "three"
    assert json.loads(result)["strategies"]


def test_nothing_sent_to_the_browser_looks_like_markup(handlers: Handlers) -> None:
    evil = "<img src=x onerror=alert(1)></script><script>${alert(2)} seven"
    update = handlers.edited(*values(text=text(evil)))
    result, pack = update.result, update.export
    assert "<" not in result and "<" not in pack
    assert json.loads(result)["media"]["text"] == evil


def test_files_to_take_along_hold_the_numbers(handlers: Handlers) -> None:
    given = values(text=text("five"))
    result = json.loads(handlers.edited(*given).result)
    lines = list(csv.DictReader(io.StringIO(exported(handlers, "csv", *given))))
    whole = json.loads(exported(handlers, "json", *given))["strategies"]
    for shown, line in zip(result["strategies"], lines, strict=True):
        assert (line["strategy"], line["label"]) == (shown["name"], shown["label"])
        assert float(line["p_5"]) == shown["probs"][5] == whole[shown["name"]]["probs"]["5"]
        assert float(line["effect_text"]) == shown["contributions"]["text"]
    assert lines[3]["weight_text"] == "1.0" and lines[0]["weight_text"] == "" and "found" not in lines[0]


def test_the_snippet_makes_the_same_call(handlers: Handlers, monkeypatch: pytest.MonkeyPatch) -> None:
    import fusion

    seen = []
    lab = SimpleNamespace(
        encode=lambda inputs, severity: seen.append((inputs, severity)) or "encoding",
        predict=lambda encoding, strategy: seen.append((encoding, strategy)) or SimpleNamespace(label="1", confidence=1.0),
    )
    monkeypatch.setattr(fusion, "load", lambda task: lab)
    slots = {"image": {"source": "drawing", "strokes": [[[0, 0.5, 0], [1, 0.5, 0.4]]]}, "video": {"source": "drawing"}}
    slots["text"] = text('it\'s "five"') | {"severity": 2}
    exec(json.loads(handlers.edited(*values("late", **slots)).export)["snippet"], {})
    state = PageState.read(MODALITIES, values("late", **slots))
    assert fingerprint(seen[0][0]) == fingerprint(state.media(lambda name: {}, handlers.services["digits"].uploads))
    assert seen[0][1] == {"text": 2} and seen[1] == ("encoding", "late")


def test_an_encoder_without_a_picture_shows_the_medium_itself() -> None:
    """Grey squares, frames at the tokens' times, loudness over time: with the extent that places are drawn by."""
    image = np.zeros((20, 40, 3), np.uint8)
    image[:, 20:] = 255
    square, extent = encoder_view.itself(image, SimpleNamespace(extent=()))
    assert square.shape == (64, 64) and extent == (0.0, -0.5, 1.0, 1.5) and square[32, 5] < 10 and square[32, 60] > 245
    frames = np.repeat(np.arange(5, dtype=np.uint8)[:, None] * 50, 48, 1).reshape(5, 4, 4, 3)
    layout = Layout("frames", np.array([[0.0, 0, 0, 1, 1], [0.4, 0, 0, 1, 1]], np.float32))
    film, _ = encoder_view.itself(Clip(frames, np.arange(5, dtype=np.float32) / 10), SimpleNamespace(layout=layout))
    assert film.mean((1, 2)).tolist() == [0, 200]
    loud, extent = encoder_view.itself(Audio(100, np.repeat([0.0, 0.5], 200).astype(np.float32)), SimpleNamespace())
    assert loud.shape == (1, 200) and loud[0, :100].max() == 0 and loud[0, 101:].min() == 0.5 and extent == (0.0, 4.0)


def arrived(handlers: Handlers, query: str | None, languages: str = "en") -> dict:
    return json.loads(handlers.opened(query, languages, *values()).reply(values(), filling=True))


def test_what_a_link_asks_for_in_vain_is_said(handlers: Handlers) -> None:
    slots = {"image": {"source": "example", "example": "gone"}, "text": text("five"), "audio": {"source": "file", "path": "x"}}
    found = arrived(handlers, PageState.read(MODALITIES, values("gone", "zh", **slots)).query())
    assert [n["key"] for n in found["notices"]] == ["link.lost", "link.example", "link.strategy"]
    assert found["notices"][0]["modalities"] == ["audio"] and found["notices"][2]["strategy"] == found["fill"]["strategy"]
    assert found["fill"]["language"] == "zh" and json.loads(found["fill"]["slots"]["image"])["source"] == "none"
    assert found["status"]["kind"] == "ok" and found["media"] == {"text": "five"}


def test_a_link_that_cannot_be_read_or_is_of_an_unknown_task_is_said(handlers: Handlers) -> None:
    assert arrived(handlers, "broken") == {"act": 0, "filled": 0, "fill": {}, "notices": [{"key": "link.broken"}]}
    assert arrived(handlers, None) == {"act": 0, "filled": 0, "fill": {}}
    found = arrived(handlers, PageState.read(MODALITIES, values(task="moods", language="zh")).query())
    assert found["status"]["kind"] == "error" and found["fill"]["language"] == "zh" and "slots" not in found["fill"]


def test_a_reply_names_the_acts_that_its_request_knew() -> None:
    given = [*values()[:-2], json.dumps({"page": "fuse", "act": 7, "filled": 4}), ""]
    update = PageUpdate('{"id":1}', '{"query":"q"}')
    assert json.loads(update.reply(given)) == {"id": 1, "act": 7, "filled": 4, "pack": {"query": "q"}}
    assert json.loads(PageUpdate().reply(values(), filling=True)) == {"act": 0, "filled": 0, "fill": None}
