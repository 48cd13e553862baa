"""The Activations page without a browser: what is sent, what is remembered, and what happens when an encoder fails."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from fusion.types import Audio, FusionError, Panel, Scatter
from fusion.ui.pages.activations import payload as views
from fusion.ui.pages.activations.page import Activations, beginning, read
from fusion.ui.pages.base import reply
from fusion.ui.security import BackbonePolicy
from fusion.ui.serialize import numbers, unpack_numbers, unpack_shares
from fusion.ui.service import TaskServices
from fusion.ui.state import from_browser
from tests.ui.fake_lab import FakeLab
from tests.ui.fake_registry import NAMES, THERE, FakeRegistry

MODALITIES = FakeLab.modalities


@pytest.fixture
def activations(tmp_path) -> Activations:
    made: list[FakeRegistry] = []

    def registry(lab: FakeLab) -> FakeRegistry:
        made.append(FakeRegistry(lab))
        return made[-1]

    found = Activations(TaskServices({"digits": FakeLab}, {}, tmp_path, registry, backbones=BackbonePolicy("all")))
    found.made = made
    return found


def ask(
    activations: Activations, modality: str = "text", held: list[str] | None = None, words: str = "seven and nine", **chosen: list[str]
) -> dict:
    slots = {"text": {"source": "text", "text": words}, "image": {"source": "drawing", "strokes": [[[0, 0, 0], [1, 1, 1]]]}}
    slots["video"] = {"source": "drawing"}
    shown = json.dumps({"page": "activations", "encoders": chosen})
    values = [*(json.dumps(slots.get(m, {})) for m in MODALITIES), "digits", "late", "en", shown, ""]
    question = json.dumps({"number": 5, "modality": modality, "held": held or []})
    return json.loads(reply(activations.answer, MODALITIES, question, tuple(values)))


def test_two_encoders_are_shown_side_by_side(activations: Activations) -> None:
    assert activations.made == []  # nothing of the registry is touched before somebody asks
    said = ask(activations)
    assert (said["number"], said["about"]) == (5, {"characters": 14})
    assert [s["name"] for s in said["sides"]] == ["text_transformer", "text_bow"]  # the compact one, and the first textbook feature
    assert [c["name"] for c in said["choices"]] == list(NAMES["text"])
    left, right = said["sides"]
    assert left["places"] == [[0, 5], [6, 9], [10, 14]] and left["kind"] == "characters"
    assert unpack_shares(left["weights"]) == pytest.approx([1 / 6, 1 / 3, 1 / 2], abs=0.004)
    assert (left["parameters"], left["prepare"], left["forward"], left["probe"]) == (250_000, 0.0012, 0.0034, 0.973)
    assert left["norm"] == pytest.approx(np.linalg.norm(left["embedding"]), rel=1e-3) and len(left["embedding"]) == 96
    assert left["told"]["title"] == "Compact transformer" and right["panels"][0]["names"] == ["seven", "and", "nine"]


@pytest.mark.parametrize("modality", ["image", "text", "video"])
def test_every_encoder_of_a_pair_is_small_enough_to_send(activations: Activations, modality: str) -> None:
    for name in NAMES[modality]:
        said = ask(activations, modality, **{modality: [name, NAMES[modality][0]]})
        assert said["sides"][0]["name"] == name and len(json.dumps(said)) < 400_000


def test_what_the_browser_holds_is_not_sent_again_and_nothing_is_computed_twice(activations: Activations) -> None:
    first = ask(activations)["sides"]
    held = [f"{s['name']} {s['mark']}" for s in first]
    again = ask(activations, held=held, text=["text_transformer", "text_lda"])["sides"]
    assert again[0] == {"name": "text_transformer", "mark": first[0]["mark"], "same": True} and again[1]["panels"]
    assert ask(activations)["sides"] == first
    assert activations.made[0].asked == [("text", "text_transformer"), ("text", "text_bow"), ("text", "text_lda")]
    other = ask(activations, held=held, words="two")["sides"]
    assert "same" not in other[0] and other[0]["mark"] != first[0]["mark"] and len(activations.made) == 1


def test_an_encoder_that_is_not_there_is_one_sentence_and_the_other_side_goes_on(activations: Activations) -> None:
    left, right = ask(activations, text=["backbone:nobody/nothing", "text_lda"])["sides"]
    assert left["name"] == "backbone:nobody/nothing" and "'nobody/nothing' is not on this machine" in left["error"]["text"]["template"]
    assert "panels" not in left and right["panels"]
    assert ask(activations, text=[THERE, ""])["sides"][0]["told"]["title"] == "microsoft/resnet-18"
    assert "no encoder named" in ask(activations, "image", image=["text_bow", ""])["sides"][0]["error"]["text"]["template"]


def test_the_unexpected_is_logged_and_not_shown(activations: Activations, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        said = ask(activations, text=["backbone:broken/one", ""])
    assert said["sides"][0]["error"] == {"key": "status.unexpected"} and "secret detail" in caplog.text
    assert "secret" not in json.dumps(said)


def test_what_is_not_given_or_cannot_be_used_has_no_sides(activations: Activations) -> None:
    assert ask(activations, "audio")["missing"] and ask(activations, "audio")["sides"] == []
    assert ask(activations, words="bad") == {"number": 5, "error": {"text": {"template": "The text is bad.", "values": {}}}}


@pytest.mark.parametrize("value", [None, "", "no json", "[1]", 7, '{"number": "x", "modality": null, "held": 3}'])
def test_anything_from_the_browser_is_a_question(value: object) -> None:
    assert read(from_browser(value)) == ("", [])
    assert json.loads(reply(lambda question, state: {}, MODALITIES, value, tuple([""] * 9))) == {"number": 0}


def test_no_text_of_a_visitor_looks_like_markup(activations: Activations) -> None:
    given = ("", json.dumps({"source": "text", "text": "<b>${x}"}), "", "", "digits", "", "", "", "")
    said = reply(activations.answer, MODALITIES, '{"modality": "text"}', given)
    assert "<" not in said and "u003c" not in json.dumps(json.loads(said)["about"])


def test_where_there_is_one_encoder_it_stands_on_both_sides() -> None:
    one = [{"name": "a", "learned": True}]
    assert beginning(one) == ("a", "a") and beginning([*one, {"name": "b", "learned": True}]) == ("a", "b")
    assert beginning([*one, {"name": "b", "learned": True}, {"name": "c", "learned": False}]) == ("a", "c")
    with pytest.raises(FusionError):
        beginning([])


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_packed_numbers_are_right_to_half_a_step(wide: bool, signed: bool) -> None:
    values = np.random.default_rng(0).normal(3, 2, (3, 5, 7))
    values[0, 0, 0] = 0
    packed = numbers(values, signed, wide)
    span = 2 * np.abs(values).max() if signed else np.ptp(values)
    assert np.abs(unpack_numbers(packed) - values).max() < span * 0.51 / (65534 if wide else 254)
    assert not signed or unpack_numbers(packed)[0, 0, 0] == 0
    assert packed["shape"] == [3, 5, 7]


@pytest.mark.parametrize(
    "values", [np.zeros((2, 2)), np.full((2, 2), 4.0), np.full((1, 3), np.nan), np.array([np.inf, 1.0]), np.zeros((0, 2))]
)
def test_flat_empty_and_infinite_numbers_are_packed(values: np.ndarray) -> None:
    for signed in (False, True):
        found = unpack_numbers(numbers(values, signed))
        assert found.shape == values.shape and np.isfinite(found).all()
    if np.isfinite(values).all():
        assert np.allclose(unpack_numbers(numbers(values)), values)


def test_maps_are_averaged_down_and_counted() -> None:
    values = np.kron(np.arange(64, dtype=np.float32).reshape(1, 8, 8), np.ones((1, 64, 64)))  # each of 8 x 8 squares is flat
    packed = views.panel(Panel("maps", "x", np.repeat(values, 40, 0), (0, 0, 1, 1)))
    shown = unpack_numbers(packed)
    assert packed["total"] == 40 and len(shown) == views.MAPS and shown.size <= views.MAP_NUMBERS
    assert shown[5, 0, 0] == 0 and shown[5, -1, -1] == pytest.approx(63, abs=0.2) and shown.mean() == pytest.approx(31.5, abs=0.5)


def test_maps_of_a_clip_are_spread_from_its_first_to_its_last_frame() -> None:
    packed = views.panel(
        Panel("maps", "x", np.arange(50.0)[:, None, None] * np.ones((1, 4, 4)), (0, 0, 1, 1), times=tuple(np.arange(50) / 10))
    )
    assert len(packed["times"]) == views.FRAMES and packed["times"][0] == 0 and packed["times"][-1] == 4.9
    assert unpack_numbers(packed)[:, 0, 0] == pytest.approx(np.array(packed["times"]) * 10, abs=0.1)


def test_a_long_series_keeps_its_mean_and_few_rows_their_precision() -> None:
    line = np.sin(np.arange(6000) / 300)[None]
    packed = views.panel(Panel("series", "x", line, (0, 30)))
    found = unpack_numbers(packed)
    assert found[0] == pytest.approx(line.reshape(600, 10).mean(1), abs=1e-4) and packed["steps"] == 65535


def test_the_strongest_keypoints_the_largest_names_and_the_heaviest_things_stay() -> None:
    rows = np.column_stack([np.zeros((900, 4)), np.arange(900)])
    packed = views.panel(Panel("keypoints", "x", rows))
    assert packed["total"] == 900 and [r[4] for r in packed["rows"]] == list(range(899, 899 - views.KEYPOINTS, -1))
    weights, names = np.arange(40) - 20.0, tuple(f"w{i}" for i in range(40))
    packed = views.panel(Panel("bars", "x", weights, names=names, signed=True))
    assert packed["names"][:3] == ["w0", "w1", "w39"] and len(packed["names"]) == views.NAMED and packed["total"] == 40
    assert unpack_numbers(packed)[:3] == pytest.approx([-20, -19, 19], abs=1e-3)
    packed = views.panel(Panel("words", "x", np.ones((3, 1)) * np.arange(30), names=tuple(map(str, range(30)))))
    assert packed["names"] == [str(i) for i in range(18, 30)] and packed["shape"] == [3, 12]


def test_the_input_is_the_last_point_of_the_cloud() -> None:
    points = np.random.default_rng(0).normal(size=(30, 2))
    packed = views.scatter(Scatter(points, np.arange(30) % 3 - 1, np.array([5.0, -4.0]), 0.5))
    found = unpack_numbers(packed)
    assert (
        found[:-1] == pytest.approx(points, abs=1e-3)
        and found[-1] == pytest.approx([5, -4], abs=1e-3)
        and packed["labels"][:3] == [-1, 0, 1]
    )


def test_a_waveform_keeps_its_ends() -> None:
    samples = np.zeros(48000, np.float32)
    samples[24000], samples[24001] = 0.9, -0.7
    told = views.about(Audio(48000, samples))
    wave = unpack_numbers(told["wave"])
    assert told["seconds"] == 1 and wave.shape == (600, 2)
    assert wave[300] == pytest.approx([-0.7, 0.9], abs=0.004) and np.abs(np.delete(wave, 300, 0)).max() == 0
    assert unpack_numbers(views.about(Audio(8000, np.zeros(0, np.float32)))["wave"]).shape == (1, 2)


def test_what_entered_the_network_is_shown_where_nothing_else_is() -> None:
    registry = FakeRegistry()
    picture = np.full((40, 60, 3), 200, np.uint8)
    assert views.entered(registry.activations("image", "image_vit", picture)) == []
    sound = Audio(8000, np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32))
    assert [p["title"] for p in views.side(registry.activations("audio", "audio_cnn", sound))["panels"]] == ["audio_cnn.mel"]
