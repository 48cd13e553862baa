"""The encoders that can be chosen, and looking inside one: with untrained weights, whose features are as good as any here."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion.config import EncoderConfig
from fusion.encoder_registry import EncoderRegistry
from fusion.encoders import ENCODERS
from fusion.model import save_weights
from fusion.paths import METRICS, encoder_folder, references_file
from fusion.reference_vectors import ReferenceVectors
from fusion.tasks import TASKS
from fusion.tasks.digits.examples import make_example
from fusion.types import FusionError
from tests.encoders import tiny_models
from tests.tiny import make_checkpoints

DIGITS = TASKS["digits"]


@pytest.fixture
def registry(tmp_path: Path) -> EncoderRegistry:
    """Compact encoders, an LSTM beside them, and references of the latter along two of 96 directions."""
    make_checkpoints(tmp_path)
    folder = encoder_folder(tmp_path, DIGITS, "text", "text_lstm")
    save_weights(folder, ENCODERS["text_lstm"]().state_dict(), EncoderConfig("text_lstm"))
    (folder / METRICS).write_text(json.dumps({"probe": 0.5}))
    spread = torch.zeros(300, 96)
    spread[:, 3], spread[:, 5] = torch.linspace(-9, 9, 300), torch.cos(torch.arange(300.0))
    labels = torch.arange(300) % 10
    ReferenceVectors(spread, labels, labels).save(references_file(tmp_path, DIGITS, "text", "text_lstm"))
    return EncoderRegistry("digits", "cpu", tmp_path)


def test_names_are_those_with_weights(registry: EncoderRegistry) -> None:
    assert registry.names("text") == ("text_transformer", "text_lstm")
    assert registry.names("image") == ("image_cnn",)


def test_loaded_once_and_kept(registry: EncoderRegistry) -> None:
    assert registry.load("text", "text_lstm") is registry.load("text", "text_lstm")
    assert not registry.load("text", "text_lstm").training


def test_inside_is_what_the_encoder_gives(registry: EncoderRegistry) -> None:
    found = registry.activations("text", "text_lstm", "the number seven")
    assert (found.encoder, found.modality, found.probe) == ("text_lstm", "text", 0.5)
    assert found.trained_on == f"Trained on {TASKS['digits'].card.data['text'].partition(' (`')[0]}."
    assert found.view.layout.kind == "characters" and len(found.view.layout.places) == 3
    assert found.view.weights.sum() == pytest.approx(1, abs=1e-5) and found.view.embedding.shape == (96,)
    assert found.prepare_seconds > 0 and found.forward_seconds > 0


def test_the_map_shows_the_two_widest_directions(registry: EncoderRegistry) -> None:
    found = registry.activations("text", "text_lstm", "seven")
    x = found.scatter.points
    assert found.scatter.explained == pytest.approx(1, abs=1e-5), "there are two directions in all"
    np.testing.assert_allclose(np.abs(x[:, 0]), np.abs(np.linspace(-9, 9, 300)), atol=0.2)
    here = found.view.embedding[[3, 5]] - [0, np.cos(np.arange(300.0)).mean()]
    np.testing.assert_allclose(np.abs(found.scatter.here), np.abs(here), atol=0.15)
    np.testing.assert_array_equal(found.scatter.labels, np.arange(300) % 10)
    assert registry.activations("image", "image_cnn", make_example("seven")["image"]).scatter is None, "no references, no map"


def test_whitened_vectors_are_shown_as_wide_as_they_were(registry: EncoderRegistry, tmp_path: Path) -> None:
    """Whitening makes all directions alike; on the map the widest raw one is the widest again, and carries its share of the variance."""
    encoder, generator = ENCODERS["text_bow"](), torch.Generator().manual_seed(0)
    size = encoder.pooled_map.mean.shape[0]
    raw = torch.randn(400, size, generator=generator) * torch.tensor([10.0, 5.0, *([1.0] * (size - 2))])
    encoder.pooled_map.fit(raw)
    save_weights(encoder_folder(tmp_path, DIGITS, "text", "text_bow"), encoder.state_dict(), EncoderConfig("text_bow", encoder.options()))
    labels = torch.arange(400) % 10
    ReferenceVectors(encoder.pooled_map(raw), labels, labels).save(references_file(tmp_path, DIGITS, "text", "text_bow"))
    found = registry.activations("text", "text_bow", "seven").scatter
    np.testing.assert_allclose(np.abs(found.points[:, 0]), (raw[:, 0] - raw[:, 0].mean()).abs().numpy(), atol=1.5)
    variance = torch.linalg.eigvalsh(torch.cov(raw.T)).flip(0)[:96]
    assert found.explained == pytest.approx(float(variance[:2].sum() / variance.sum()), abs=0.01)


@pytest.mark.parametrize(
    "modality, name, said",
    [
        ("image", "image_nose", "no encoder named 'image_nose'"),
        ("image", "text_lstm", "reads text, not image"),
        ("image", "image_vit", "has no weights here"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(registry: EncoderRegistry, modality: str, name: str, said: str) -> None:
    with pytest.raises(FusionError, match=said):
        registry.load(modality, name)


def test_every_encoder_can_be_described(registry: EncoderRegistry) -> None:
    for name in ENCODERS:
        about = registry.describe(name)
        assert about["title"] and about["paper"] and str(about["idea"]).endswith((".", ":")), name
    assert registry.describe("backbone:a/b")["title"] == "a/b"


def test_a_backbone_is_read_anew_once_it_is_fitted(registry: EncoderRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looks into it first; what is fitted to it later, and the map among references, belong together."""
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))
    name = f"backbone:{tiny_models.vit(tmp_path / 'vit')}"
    before = registry.load("image", name)
    assert registry.load("image", name) is before
    fitted = EncoderRegistry("digits", "cpu", tmp_path).load("image", name)
    fitted.pooled_map.fit(torch.randn(50, fitted.pooled_map.mean.shape[0], generator=torch.Generator().manual_seed(0)))
    maps = {k: v for k, v in fitted.state_dict().items() if "_map." in k}
    save_weights(encoder_folder(tmp_path, DIGITS, "image", name), maps, EncoderConfig(name))
    torch.testing.assert_close(registry.load("image", name).pooled_map.map, fitted.pooled_map.map)
    assert not torch.equal(before.pooled_map.map, fitted.pooled_map.map)
