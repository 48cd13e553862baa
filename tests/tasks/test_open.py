"""The task `open`: labels are typed, and every modality answers without training."""

import json
import re

import numpy as np
import pytest
import torch

import fusion
from fusion.encoders import collate
from fusion.encoders.named import NamedReading
from fusion.files import load_json
from fusion.lab import Lab
from fusion.tasks import TASKS
from fusion.tasks.open.labels import read_labels, wordings
from fusion.types import Audio, Clip, FusionError

LABELS = ["dog", "violin", "rain", "bus"]


@pytest.fixture(scope="module")
def lab() -> Lab:
    return fusion.load("open", device="cpu", labels=LABELS)


@pytest.fixture(scope="module")
def media() -> dict[str, object]:
    rng = np.random.default_rng(0)
    noise = (rng.standard_normal(16000) * 0.1).astype(np.float32)
    frames = rng.integers(0, 255, (4, 48, 64, 3), dtype=np.uint8)
    return {
        "image": frames[0],
        "text": "somebody plays the fiddle",
        "audio": Audio(16000, noise),
        "video": Clip(frames, np.arange(4) / 4),
    }


@pytest.fixture(scope="module")
def encoded(lab, media):
    return lab.encode(media)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["dog"], "at least 2"),
        ("", "A label is empty"),
        ([], "at least 2"),
        ([f"thing {i}" for i in range(101)], "at most 100"),
        (["dog", " "], "A label is empty"),
        (["dog", "Dog"], "given twice"),
        (["dog", "x" * 300], "too long"),
        (["dog", "<b>cat</b>"], "no part of a word"),
        (["dog", "\U0001f436"], "no part of a word"),
        (["dog", "кот"], "script"),
        (["dog", "---"], "holds no word"),
        (["dog", "|"], "holds no word"),
        (["dog", 7], "a word or a phrase"),
    ],
)
def test_labels_that_cannot_be_read_are_said_in_one_sentence(typed, said):
    with pytest.raises(FusionError, match=said) as caught:
        read_labels(typed)
    assert re.fullmatch(r"[^.]+\.", str(caught.value)) and len(str(caught.value)) < 160


def test_labels_may_come_as_one_text_and_have_several_wordings():
    assert read_labels("guitar, violin | fiddle,\n") == ("guitar", "violin | fiddle")
    assert read_labels(["café", "rock 'n' roll"]) == ("café", "rock 'n' roll")
    assert wordings("violin | fiddle | violin") == ("violin", "fiddle")
    assert len(read_labels([f"thing {i}" for i in range(100)])) == 100


def test_names_in_other_languages_are_translated_where_all_of_a_set_are_known(lab):
    for typed in (["狗", "吉他"], ["perro", "guitarra"], ["chien", "guitare"], ["Hund", "Gitarre"]):
        other = lab.with_labels(typed)
        assert other.task.wordings(typed[0]) == ("dog",) and other.labels == tuple(typed)
        assert any("was read as dog" in str(note) for note in other.label_notes)
        assert other.predict({"text": "a puppy"}, "late").label == typed[0]
    assert lab.with_labels(["chat", "guitar"]).task.wordings("chat") == ("chat",)  # French for a cat, but not here
    with pytest.raises(FusionError, match="script"):
        read_labels(["狗", "violin"])


def test_other_tasks_take_no_labels():
    with pytest.raises(FusionError, match="fixed"):
        fusion.load("digits", device="cpu", labels=["seven", "eight"])


def test_every_strategy_answers_with_the_typed_labels(lab, encoded):
    found = lab.compare(encoded)
    assert set(found) == {*lab.strategies, *lab.baselines} and {"late", "dynamic", "shared_space", "text_only"} <= set(found)
    for prediction in found.values():
        assert list(prediction.probs) == LABELS and sum(prediction.probs.values()) == pytest.approx(1, abs=1e-4)
        assert isinstance(prediction.known, bool)
    assert found["text_only"].label == "violin"  # nobody typed a fiddle


def test_any_subset_answers_as_if_the_rest_had_never_been(lab, encoded, media):
    for strategy in lab.strategies:
        whole = lab.predict(encoded, strategy)
        alone = lab.predict({"text": media["text"], "audio": media["audio"]}, strategy)
        np.testing.assert_allclose(whole.subsets["text", "audio"], list(alone.probs.values()), atol=1e-5)


def test_a_clip_is_read_with_its_sound(lab, media):
    clip, sound = media["video"], media["audio"]
    with_sound = Clip(clip.frames, clip.times, sound)
    encoded = lab.encode({"video": with_sound})
    assert set(encoded.features) == {"audio", "video"} and any("sound of the clip" in note for note in encoded.notes)
    apart = lab.predict({"video": clip, "audio": sound}, "late")
    assert lab.predict(encoded, "late").probs == pytest.approx(apart.probs, abs=1e-5)
    assert lab.predict_batch([{"video": with_sound}], "late")[0].probs == pytest.approx(apart.probs, abs=1e-5)
    assert set(lab.encode({"video": clip}).features) == {"video"}
    other = Audio(16000, np.zeros(16000, np.float32))
    chosen = lab.encode({"video": with_sound, "audio": other})  # a sound that is given counts
    assert chosen.media["audio"] is not sound


def test_other_labels_need_no_other_encoding(lab, encoded, media):
    other = lab.with_labels("piano, violin")
    afresh = fusion.load("open", "cpu", labels="piano, violin").predict(media, "late")
    assert other.predict(encoded, "late").probs == pytest.approx(afresh.probs, abs=1e-5)
    assert list(lab.predict(encoded, "late").probs) == LABELS  # the first lab keeps its own
    assert other.encoders is lab.encoders


def test_labels_that_mean_the_same_share_their_probability(lab, encoded):
    single = lab.with_labels(["fiddle", "bus"]).predict(encoded, "text_only")
    double = lab.with_labels(["fiddle", "a fiddle", "bus"])
    shared = double.predict(encoded, "text_only")
    assert shared.probs["fiddle"] == pytest.approx(shared.probs["a fiddle"], abs=1e-6)
    assert shared.probs["fiddle"] + shared.probs["a fiddle"] == pytest.approx(single.probs["fiddle"], abs=0.02)
    assert [str(note) for note in double.label_notes if "mean the same" in note] == [
        "fiddle, a fiddle mean the same and share their probability."
    ]


def test_a_label_that_only_words_can_tell_is_said(lab):
    notes = [str(note) for note in lab.with_labels(["violin", "jurisprudence"]).label_notes]
    assert any("jurisprudence" in note for note in notes) and not any("violin" in note for note in notes)


def test_words_about_something_else_are_none_of_these(lab):
    assert lab.predict({"text": "a brown dog runs over the grass"}, "late").known
    assert not lab.predict({"text": "the committee postponed the vote on taxes"}, "late").known


def test_without_labels_all_names_are_asked(media):
    lab = fusion.load("open", device="cpu")
    assert len(lab.labels) > 1400 and len(set(lab.labels)) == len(lab.labels)
    probs = lab.predict({"text": "somebody plays the violin"}, "late").probs
    assert "violin" in max(probs, key=probs.__getitem__)


def test_a_medium_has_the_same_names_alone_and_in_a_batch(lab, media):
    for modality, encoder in lab.encoders.items():
        prepared = [encoder.prepare(media[modality]), encoder.prepare(media[modality])]
        with torch.inference_mode():
            alone, both = encoder(*collate(prepared[:1])), encoder(*collate(prepared))
        torch.testing.assert_close(alone.pooled[0], both.pooled[1], atol=1e-4, rtol=1e-4)
        assert alone.tokens.shape[1] == len(prepared[0].layout.places)
        if isinstance(encoder, NamedReading):
            assert alone.pooled.shape[1] == len(encoder.names) and (alone.pooled <= 0).all()


def test_the_names_that_spoke_for_a_label_are_told(lab, encoded):
    found = lab.names_behind(encoded, "dog", count=4)
    assert set(found) == {"image", "audio", "video"} and all(len(names) == 4 for names in found.values())
    assert any("terrier" in name or "dog" in name or "hound" in name for name, _ in found["image"])
    assert all(0 <= probability <= 1 for names in found.values() for _, probability in names)
    with pytest.raises(FusionError, match="no label named"):
        lab.names_behind(encoded, "zeppelin")


def test_names_are_those_of_the_encoders(lab):
    listed = json.loads((TASKS["open"].names_file).read_text("utf-8"))
    assert {kind: len(found) for kind, found in listed.items()} == {"image": 1000, "audio": 521}
    for modality, kind in {"image": "image", "audio": "audio", "video": "image"}.items():
        assert list(lab.encoders[modality].names) == listed[kind]


def test_the_report_names_its_floors():
    report = load_json(fusion.config.CHECKPOINTS / "open" / "report.json")
    assert {"typed photos", "typed sounds", "coco top-1", "esc10"} <= set(report["floors"])
    assert all(0 <= row["reached"] <= 1 for row in report["floors"].values())
