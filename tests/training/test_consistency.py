"""Learning new kinds of samples while the features of the old ones stay."""

from pathlib import Path

import pytest
import torch

from fusion.config import EncoderConfig, StrategyConfig, TrainConfig
from fusion.encoders import Encoder, collate
from fusion.model import FusionModel, build_encoder, build_strategy, load_encoder
from fusion.tasks import TASKS
from fusion.tasks.base import Sample
from fusion.tasks.digits.task import DigitsTask
from fusion.training.consistency import ConsistencyData, ConsistencyLoss, Weights, alone, read, token_error
from fusion.training.encoder import EncoderRun, train_encoder
from fusion.training.losses import SMOOTHING, relative_error
from fusion.types import Features

OLD = ("zero", "one")
NEW = ("cero", "uno")
PLAIN = TrainConfig(epochs=2, samples=120, batch_size=8, lr=1e-2, precision="fp32", workers=0)
FURTHER = TrainConfig(epochs=6, samples=160, batch_size=16, lr=3e-3, precision="fp32", workers=0)


class Words:
    """Old samples say zero or one in English; new ones in Spanish, with the English word as the easier sample."""

    def __init__(self, *_: object) -> None: ...

    def sample(self, index: int, *_: object, **__: object) -> Sample:
        return Sample({"text": OLD[index % 2]}, index % 2, ("text",))

    def pair(self, index: int, *_: object) -> tuple[Sample, Sample]:
        return Sample({"text": NEW[index % 2]}, index % 2, ("text",)), self.sample(index)


def features_of(encoder: Encoder, texts: tuple[str, ...]) -> Features:
    with torch.no_grad():
        return encoder.eval()(*collate([encoder.prepare(t) for t in texts]))


def model() -> FusionModel:
    torch.manual_seed(0)
    encoder = build_encoder(EncoderConfig("text_embedding"))
    return FusionModel({"text": encoder}, build_strategy(StrategyConfig("text_only", "digits", 10, ("text",))))


def test_new_samples_are_learned_and_old_tokens_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DigitsTask, "samples", Words)
    monkeypatch.setattr(DigitsTask, "pairs", Words)
    names = (TASKS["digits"], "text", tmp_path, tmp_path)
    list(train_encoder(*names, PLAIN, EncoderRun("text_embedding"), "cpu"))
    folder = tmp_path / "encoders/text_embedding"
    before = load_encoder(folder)
    head = (folder / "head/model.safetensors").read_bytes()
    list(train_encoder(*names, FURTHER, EncoderRun("text_embedding", consistent=True), "cpu"))
    after = load_encoder(folder)
    assert (folder / "head/model.safetensors").read_bytes() == head, "the head is not trained"
    old, kept = features_of(before, OLD), features_of(after, OLD)
    assert (kept.tokens - old.tokens)[old.mask].square().mean() < 0.05 * old.tokens[old.mask].var()
    near = torch.cdist(features_of(after, NEW).pooled, old.pooled)
    assert near.argmin(1).tolist() == [0, 1], "a new word lies beside the old word of the same meaning"


def test_nothing_is_lost_at_the_start() -> None:
    """Before the first step the student is the teacher: old samples cost nothing but their cross-entropy, here with weight 0."""
    whole = model()
    loss = ConsistencyLoss(whole, weights=Weights(label=0.0))
    data = ConsistencyData(Words(), Words(), "text", whole.encoders["text"], 8, 0)
    batch = data.collate([data[i] for i in range(4, 8)])
    assert batch["new"].tolist() == [False] * 4
    assert loss(whole.train(), batch)[0].item() == pytest.approx(0, abs=1e-6)
    assert [data[i].new for i in range(8)] == [True] * 4 + [False] * 4


def test_strategies_read_old_and_new_samples() -> None:
    """Each sample costs the cross-entropy of the head and that of the strategies, in the mean over those drawn."""
    whole = model()
    torch.manual_seed(1)
    reader = FusionModel({"text": None}, build_strategy(StrategyConfig("text_only", "digits", 10, ("text",))))
    data = ConsistencyData(Words(), Words(), "text", whole.encoders["text"], 8, 0)
    batch = data.collate([data[i] for i in range(8)])
    with torch.no_grad():
        features, logits = read(whole.eval(), batch["values"], batch["mask"])
        head, one, three = (ConsistencyLoss(whole, [reader] * count).cross_entropy(features, logits, batch["label"]) for count in (0, 1, 3))
        answers = alone(reader.eval(), "text", features)
    expected = torch.nn.functional.cross_entropy(answers, batch["label"], reduction="none", label_smoothing=SMOOTHING)
    torch.testing.assert_close(one - head, expected)
    torch.testing.assert_close(three, one)


def test_the_teacher_is_followed_only_where_it_is_right() -> None:
    whole = model()
    data = ConsistencyData(Words(), Words(), "text", whole.encoders["text"], 8, 0)
    batch = data.collate([data[i] for i in range(4)])
    _, logits = read(whole.eval(), batch["easy_values"], batch["easy_mask"])

    def added(label: torch.Tensor) -> float:
        """What the pooled vectors add to the loss."""
        with_label = batch | {"label": label}
        with_pooled, without = (ConsistencyLoss(whole, weights=Weights(pooled=weight))(whole, with_label)[0] for weight in (1.0, 0.0))
        return (with_pooled - without).item()

    right = logits.argmax(-1)
    assert added(right) > 0.01
    assert added((right + 1) % 10) == pytest.approx(0, abs=1e-6)


def test_token_error_is_relative_and_ignores_padding() -> None:
    def features(tokens: torch.Tensor, mask: torch.Tensor) -> Features:
        return Features(tokens, mask, tokens[:, 0], mask.float())

    mask = torch.tensor([[True, True], [True, False]])
    wanted = torch.tensor([[[1.0], [3.0]], [[2.0], [99.0]]])
    longer = torch.cat([wanted + 0.5, torch.full((2, 1, 1), 7.0)], 1)
    found = token_error(features(longer, torch.ones(2, 3, dtype=torch.bool)), features(wanted, mask), torch.tensor([True, True]))
    assert found.item() == pytest.approx(0.25 / 1.0)  # the variance of 1, 3, 2 is 1
    none = token_error(features(longer, torch.ones(2, 3, dtype=torch.bool)), features(wanted, mask), torch.tensor([False, False]))
    assert none.item() == 0


def test_relative_error_is_zero_for_the_target_and_about_one_for_its_mean() -> None:
    target = torch.randn(50, 3, generator=torch.Generator().manual_seed(2)) * 7 + 3
    assert relative_error(target, target) == 0
    assert torch.allclose(relative_error(target.mean().expand_as(target), target), torch.tensor(149 / 150), atol=1e-5)
