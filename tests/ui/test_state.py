"""What a visitor set: reading it from the browser, writing it to a link, turning it into media."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from fusion.types import Audio, Clip, FusionError
from fusion.ui.state import KINDS, PageState, Slot, is_newer_link

MODALITIES = ("image", "text", "audio", "video")
LINE = [[[0.1, 0.2, 0.0], [0.9, 0.2, 0.5]]]


def make_example(name: str) -> dict[str, object]:
    return {"text": "seven", "audio": Audio(8000, np.ones(80, np.float32))} if name == "known" else {}


def state(view: object = None, **slots: dict) -> PageState:
    return PageState.read(
        MODALITIES, [*(json.dumps(slots.get(m, {})) for m in MODALITIES), "digits-add", "late", "zh", json.dumps(view), ""]
    )


STRANGE = {"severity": "3", "source": "shell", "strokes": 5}


@pytest.mark.parametrize("value", [None, "", "no json", "[1]", '"text"', 7, {"on": None}, STRANGE])
def test_anything_from_the_browser_is_a_slot(value: object) -> None:
    assert Slot.read(value) == Slot()


@pytest.mark.parametrize(("given", "kept"), [(-1, 0), (3, 3), (99, 5), (2.5, 0), (None, 0)])
def test_severity_stays_between_its_ends(given: object, kept: int) -> None:
    assert Slot.read({"severity": given}).severity == kept


@pytest.mark.parametrize("strokes", [[[["a", 0, 0]]], [[[0, 0]]], [[[float("nan"), 0, 0]]], [[[0, 0, 0]] * 30000]])
def test_strokes_that_are_none_are_dropped(strokes: list) -> None:
    assert Slot.read({"strokes": strokes}).strokes == ()


def test_strokes_stay_on_the_pad() -> None:
    assert Slot.read({"strokes": [[[-1, 2, -3]]]}).strokes == (((0.0, 1.0, 0.0),),)


def test_a_slot_survives_its_json() -> None:
    slot = Slot(False, 2, "drawing", text='a "b" <c>', strokes=(((0.1, 0.2, 0.3),),))
    assert Slot.read(slot.json()) == slot


def test_a_link_holds_every_setting_and_no_media() -> None:
    before = state(
        image={"source": "drawing", "strokes": LINE, "severity": 2},
        text={"source": "text", "text": "sieben 七 <b>"},
        audio={"source": "example", "example": "known", "on": False},
        video={"source": "file", "path": "x/y", "name": "y.mp4"},
    )
    after = PageState.from_query(MODALITIES, before.query())
    assert (after.task, after.strategy, after.language) == ("digits-add", "late", "zh")
    assert after.slots["image"] == Slot(severity=2)
    assert after.slots["text"] == before.slots["text"]
    assert after.slots["audio"] == before.slots["audio"]
    assert after.slots["video"] == Slot()
    assert after.query() == before.query()
    assert "y.mp4" not in base64.urlsafe_b64decode(before.query() + "==").decode()


@pytest.mark.parametrize("query", ["x", "!!!", "e30", "W10", base64.urlsafe_b64encode(b"[1,2,3]").decode(), "A" * 70000])
def test_a_broken_link_is_no_state(query: str) -> None:
    assert PageState.from_query(MODALITIES, query) is None


def test_a_link_of_the_time_with_one_task_still_opens() -> None:
    old = base64.urlsafe_b64encode(json.dumps([{"text": {"source": "text", "text": "two"}}, "late", "zh"]).encode()).decode()
    after = PageState.from_query(MODALITIES, old)
    assert (after.task, after.strategy, after.slots["text"].text) == ("", "late", "two")


def test_a_link_holds_the_open_page_and_its_encoders() -> None:
    view = {"page": "activations", "encoders": {"image": ["image_sift", "backbone:microsoft/resnet-18"], "audio": ["", ""]}}
    before = state(view)
    after = PageState.from_query(MODALITIES, before.query())
    assert after == before and after.page == "activations"
    assert after.encoders == {"image": ("image_sift", "backbone:microsoft/resnet-18")}
    assert PageState.read(MODALITIES, ["", "", "", "", "", "", "", after.view(), ""]).encoders == after.encoders
    view["page"] = "inside"  # of links made before the page was renamed
    assert PageState.from_query(MODALITIES, state(view).query()) == before
    assert len(state().query()) < len(before.query())  # a link without them stays as short as it was


ODD = {"encoders": {"image": ["a"], "smell": ["a", "b"], "text": "ab"}}


@pytest.mark.parametrize("view", [None, 7, "[]", "no json", {"page": "x", "encoders": []}, ODD])
def test_any_other_view_is_the_first_page(view: object) -> None:
    assert (state(view).page, state(view).encoders) == ("fuse", {})
    assert len(state({"encoders": {"image": ["x" * 9000, None]}}).encoders["image"][0]) == 300


def test_a_link_cannot_name_a_file(tmp_path) -> None:
    forged = base64.urlsafe_b64encode(json.dumps([{"image": {"source": "file", "path": str(tmp_path)}}, "late", "en"]).encode()).decode()
    assert PageState.from_query(MODALITIES, forged).slots["image"].path == ""


def test_only_slots_that_are_on_and_hold_something_are_media(tmp_path) -> None:
    media = state(text={"source": "text", "text": "  "}, audio={"source": "example", "example": "known"},
                  image={"source": "drawing", "strokes": LINE, "on": False}).media(make_example, tmp_path)  # fmt: skip
    assert list(media) == ["audio"]


def test_one_drawing_is_a_picture_and_a_clip(tmp_path) -> None:
    media = state(image={"source": "drawing", "strokes": LINE}, video={"source": "drawing"}).media(make_example, tmp_path)
    assert media["image"].shape == (256, 256, 3) and media["image"][51, 128].max() < 60 and media["image"][200, 128].min() == 255
    assert isinstance(media["video"], Clip) and media["video"].frames[0].mean() > media["video"].frames[-1].mean()
    assert media["video"].times[-1] == pytest.approx(0.8, abs=0.1)  # half a second of writing, then it holds


def test_a_file_must_lie_where_uploads_lie(tmp_path) -> None:
    uploads, secret = tmp_path / "uploads", tmp_path / "secret.png"
    uploads.mkdir()
    secret.write_bytes(b"x")
    inside = uploads / "a.png"
    inside.write_bytes(b"x")
    assert state(image={"source": "file", "path": str(inside)}).media(make_example, uploads) == {"image": inside}
    for path in (secret, uploads / ".." / "secret.png", uploads, uploads / "gone.png", ""):
        with pytest.raises(FusionError, match="my picture is no longer on the server"):
            state(image={"source": "file", "path": str(path), "name": "my picture"}).media(make_example, uploads)


def test_the_sound_of_a_clip_that_has_none_is_one_sentence(tmp_path) -> None:
    with pytest.raises(FusionError, match="no video with sound"):
        drawing = {"source": "drawing", "strokes": LINE}
        state(audio={"source": "clip"}, video={"source": "drawing"}, image=drawing).media(make_example, tmp_path)


def test_an_example_replaces_every_slot() -> None:
    after = state(image={"source": "file", "on": False}).with_example("known", make_example("known"), {"audio": 3}, KINDS)
    assert after.slots["text"] == Slot(source="text", text="seven", example="known")
    assert after.slots["audio"] == Slot(source="example", example="known", severity=3)
    assert after.slots["image"] == after.slots["video"] == Slot()


def test_a_link_says_whose_upload_or_drawing_it_does_not_hold() -> None:
    before = state(
        image={"source": "drawing", "strokes": LINE}, video={"source": "file", "path": "x"}, text={"source": "text", "text": "two"}
    )
    after = PageState.from_query(MODALITIES, before.query())
    assert after.lost == ("image", "video") and PageState.from_query(MODALITIES, after.query()).lost == after.lost
    assert state(text={"source": "text", "text": "two"}).lost == PageState.from_query(MODALITIES, state().query()).lost == ()


def as_link(parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


@pytest.mark.parametrize(
    ("parts", "newer"),
    [
        ([{}, "late", "en"], False),
        ([{}, "late", "en", "digits", "", "", ["image"]], False),
        ([{}, "late", "en", "digits", "", "", [], "more"], True),
        ([{"smell": {}}, "late", "en"], True),
        ([{"image": {"source": "hologram"}}, "late", "en"], True),
        ({"version": 3}, True),
        ([1, 2, 3], False),
    ],
)
def test_a_link_of_a_newer_version_is_known_as_one(parts: object, newer: bool) -> None:
    assert is_newer_link(MODALITIES, as_link(parts)) is newer
    assert not is_newer_link(MODALITIES, "!!!") and not is_newer_link(MODALITIES, "A" * 70000)
