"""Which encoder reads each modality, and where what was trained on it lies."""

from pathlib import Path

import pytest
import torch

from fusion.encoder_choice import choose, heads_folder, is_compact, names_of
from fusion.encoders import CLASSICAL, ENCODERS
from fusion.paths import encoder_folder
from fusion.reference_vectors import ReferenceVectors
from fusion.tasks import COMPACT, TASKS
from fusion.types import MODALITIES, FusionError

DIGITS = TASKS["digits"]


def test_sets_and_single_choices() -> None:
    assert choose(DIGITS) == COMPACT and is_compact(DIGITS, choose(DIGITS))
    assert choose(DIGITS, "classical") == CLASSICAL
    assert choose(DIGITS, {"text": "text_bow"}) == COMPACT | {"text": "text_bow"}
    assert choose(DIGITS, {"audio": "backbone:facebook/wav2vec2-base"})["audio"] == "backbone:facebook/wav2vec2-base"


@pytest.mark.parametrize(
    "encoders, said",
    [
        ("modern", "no set of encoders named 'modern'"),
        ({"smell": "nose"}, "no modality named 'smell'"),
        ({"image": "image_nose"}, "no encoder named 'image_nose'"),
        ({"image": "text_bow"}, "reads text, not image"),
    ],
)
def test_what_does_not_exist_is_one_sentence(encoders: object, said: str) -> None:
    with pytest.raises(FusionError, match=said):
        choose(DIGITS, encoders)


def test_a_task_that_asks_where_keeps_its_own() -> None:
    assert is_compact(TASKS["digits-find"], choose(TASKS["digits-find"]))
    with pytest.raises(FusionError, match="needs its own encoders"):
        choose(TASKS["digits-find"], "classical")


def test_every_encoder_is_of_one_modality_and_the_compact_one_comes_first() -> None:
    assert sorted(n for m in MODALITIES for n in names_of(m)) == sorted(ENCODERS)
    assert all(names_of(m)[0] == COMPACT[m] for m in MODALITIES)


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "checkpoints"
    assert encoder_folder(home, DIGITS, "image", "image_cnn") == home / "digits" / "encoders" / "image"
    assert encoder_folder(home, DIGITS, "text", "text_bow") == home / "digits" / "encoders" / "text_bow"
    assert heads_folder(home, DIGITS, COMPACT) == home / "digits"
    own = choose(DIGITS, {"text": "text_bow"})
    assert heads_folder(home, DIGITS, own).is_relative_to(tmp_path / "cache")
    assert heads_folder(home, DIGITS, own) != heads_folder(home, TASKS["digits-add"], own)
    assert heads_folder(home, DIGITS, CLASSICAL).is_relative_to(tmp_path / "cache"), "not shipped here, so made here"
    (home / "digits" / "classical").mkdir(parents=True)
    assert heads_folder(home, DIGITS, CLASSICAL) == home / "digits" / "classical"
    one, other = (encoder_folder(home, DIGITS, "text", f"backbone:{name}") for name in ("a/b", "a/c"))
    assert one != other and one.is_relative_to(tmp_path / "cache")


def test_references_come_back(tmp_path: Path) -> None:
    kept = ReferenceVectors(torch.randn(5, 3).half(), torch.tensor([3, 1, 4, 1, 5]), torch.tensor([3, -1, 4, 1, -1]))
    kept.save(tmp_path / "a" / "image_lbp.safetensors")
    found = ReferenceVectors.find(tmp_path / "a" / "image_lbp.safetensors")
    assert torch.equal(found.pooled, kept.pooled) and torch.equal(found.labels, kept.labels) and torch.equal(found.content, kept.content)
    assert ReferenceVectors.find(tmp_path / "nothing.safetensors") is None
    (tmp_path / "broken.safetensors").write_bytes(b"not one")
    assert ReferenceVectors.find(tmp_path / "broken.safetensors") is None
