"""Heads on a visitor's choice of encoders: from vectors to strategies that a lab finds."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion.config import EncoderConfig, StrategyConfig, TrainConfig
from fusion.encoder_choice import choose, heads_folder
from fusion.encoders import ENCODERS
from fusion.lab import Lab
from fusion.model import FusionModel, build_strategy, fuser_state, save_weights
from fusion.paths import references_file
from fusion.reference_vectors import ReferenceVectors
from fusion.tasks import COMPACT, TASKS, Task
from fusion.training import heads
from fusion.training.heads import WITHOUT_TOKENS, Progress, join, train_heads
from fusion.training.loop import StepResult
from fusion.training.references import probe, sampled
from fusion.types import MODALITIES, FusionError
from tests.tiny import make_checkpoints

OWN = {"text": "text_lstm"}
QUICK = TrainConfig(epochs=2, samples=1000, batch_size=100, lr=1e-2, precision="fp32", workers=0)


def planted(seed: int, count: int = 300) -> ReferenceVectors:
    """Vectors that lie at their digit's own axis; every tenth names none and lies anywhere."""
    generator = torch.Generator().manual_seed(seed)
    digits = torch.arange(count) // 3 % 10
    pooled = torch.randn(count, 96, generator=generator) * 0.1
    pooled[torch.arange(count), digits] += 3
    content = digits.clone()
    content[::10] = -1
    pooled[::10] = torch.randn(len(pooled[::10]), 96, generator=generator) * 0.1
    return ReferenceVectors(pooled, digits, content)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tiny checkpoints of digits, an LSTM beside them, and planted references of all."""
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))
    make_checkpoints(tmp_path)
    torch.manual_seed(0)
    save_weights(tmp_path / "digits" / "encoders" / "text_lstm", ENCODERS["text_lstm"]().state_dict(), EncoderConfig("text_lstm"))
    for i, m in enumerate(MODALITIES):
        name = OWN.get(m, COMPACT[m])
        planted(i).save(references_file(tmp_path, TASKS["digits"], m, name))
    return tmp_path


def test_joined_parts_share_their_digit() -> None:
    found = {"image": planted(0), "audio": planted(1, 500)}
    cache = join(found, 400)
    assert cache.modalities == ("image", "audio") and len(cache) == 400
    for i, m in enumerate(cache.modalities):
        named = cache.content[:, i] >= 0
        assert 0.8 < named.float().mean() < 1
        assert torch.equal(cache.content[named, i], cache.labels[named])
        assert torch.equal(cache.pooled[m][named].float().argmax(1), cache.labels[named])


def test_trained_heads_are_found_and_right(home: Path) -> None:
    choice = choose(TASKS["digits"], OWN)
    assert Lab("digits", "cpu", home, OWN).strategies == ()
    steps: list[Progress] = []
    train_heads(TASKS["digits"], choice, home, names=("late", "early"), config=QUICK, on_progress=steps.append)
    shares = [s.share for s in steps]
    assert shares == sorted(shares) and shares[0] > 0 and shares[-1] == pytest.approx(1)
    assert [*dict.fromkeys(s.what for s in steps)] == ["late", "early", *(f"{m}_only" for m in MODALITIES)]
    lab = Lab("digits", "cpu", home, OWN)
    assert lab.strategies == ("early", "late") and len(lab.baselines) == 4
    model, test = lab.models["late"], join({m: planted(9) for m in MODALITIES}, 200, seed=5)
    logits = model.fuse(test.features(torch.arange(200), with_tokens=False), torch.ones(200, 4, dtype=torch.bool)).logits
    assert (logits.argmax(1) == test.labels)[(test.content >= 0).any(1)].float().mean() > 0.95
    assert set(lab.predict({"text": "seven"}, "late").probs) == set(lab.labels)


def save_untrained(task: Task, name: str, cache: object, home: Path, *given: object, **options: object) -> Iterator[StepResult]:
    """In place of a training: the checkpoint that one would write."""
    modalities = (name.removesuffix("_only"),) if name.endswith("_only") else MODALITIES
    config = StrategyConfig(name, task.name, 10, modalities)
    save_weights(home / name, fuser_state(FusionModel({}, build_strategy(config))), config)
    yield StepResult(1, 1, 1, 1, 0.0, 0.0, 0.0)


def test_what_an_interrupted_training_finished_is_kept_and_the_rest_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what is damaged; who asks for a new training gets one of all."""
    monkeypatch.setattr(heads, "train_strategy", save_untrained)
    choice, few = choose(TASKS["digits"], OWN), {"names": ("late", "early"), "config": QUICK}

    def trained(**options: bool) -> list[str]:
        steps: list[Progress] = []
        train_heads(TASKS["digits"], choice, home, **few, **options, on_progress=steps.append)
        return [*dict.fromkeys(s.what for s in steps)]

    folder = heads_folder(home, TASKS["digits"], choice)
    for name in trained():
        assert (folder / name / "model.safetensors").exists()
    assert trained() == []
    (folder / "late" / "model.safetensors").write_bytes(b"cut off")
    (folder / "text_only" / "config.json").unlink()
    lab = Lab("digits", "cpu", home, OWN)
    assert {"late", "text_only"} < set(lab.untrained) and lab.strategies == ("early",)
    with pytest.raises(FusionError, match="The strategy late has not been trained on these encoders yet"):
        lab.predict({"text": "seven"}, "late")
    assert trained() == ["late", "text_only"]
    lab = Lab("digits", "cpu", home, OWN)
    assert lab.strategies == ("early", "late") and not {"late", "early", "text_only"} & set(lab.untrained)
    assert trained(anew=True) == ["late", "early", *(f"{m}_only" for m in MODALITIES)]


def test_without_heads_a_lab_says_how_to_get_them(home: Path) -> None:
    with pytest.raises(FusionError, match="No strategy has been trained on these encoders yet"):
        Lab("digits", "cpu", home, OWN).predict({"text": "seven"}, "late")


def test_what_cannot_be_trained_is_one_sentence(home: Path) -> None:
    with pytest.raises(FusionError, match="cross_attention needs tokens"):
        train_heads(TASKS["digits"], choose(TASKS["digits"], OWN), home, names=("cross_attention",))
    with pytest.raises(FusionError, match="All strategies for the compact encoders are included"):
        train_heads(TASKS["digits"], choose(TASKS["digits"]), home)
    assert "cross_attention" not in WITHOUT_TOKENS and "late" in WITHOUT_TOKENS


def test_a_probe_reads_what_is_planted_and_not_what_is_not() -> None:
    other = planted(1)
    named = other.content >= 0
    tests = {"planted": ReferenceVectors(other.pooled[named], other.labels[named], other.content[named])}
    noise = torch.randn(200, 96, generator=torch.Generator().manual_seed(99))
    tests["noise"] = ReferenceVectors(noise, torch.arange(200) % 10, torch.arange(200) % 10)
    found = probe(planted(0), tests)
    assert found["planted"] == 1.0 and found["noise"] < 0.3


@pytest.mark.parametrize("modality", MODALITIES)
def test_samples_of_the_project_s_own(modality: str) -> None:
    """No data folder: media of all digits, the same for the same seed; a few name none."""
    several = list(sampled(TASKS["digits"].samples("train", None, (modality,)), modality, 60, seed=3))
    again = list(sampled(TASKS["digits"].samples("train", None, (modality,)), modality, 5, seed=3))
    assert len({digit for _, digit, _ in several}) > 5 and {named for _, _, named in several} >= {-1}
    assert all(named in (digit, -1) for _, digit, named in several)
    first = [m if isinstance(m, str) else getattr(m, "samples", getattr(m, "frames", m)) for m, _, _ in (several[0], again[0])]
    np.testing.assert_array_equal(*first)
