"""Training encoders by name: where weights and heads go, and which names are understood."""

from pathlib import Path

import pytest
import torch

from fusion.config import TrainConfig
from fusion.encoders import ENCODERS, FixedEncoder, collate
from fusion.model import load_encoder, load_model
from fusion.tasks import COMPACT, TASKS, Task
from fusion.tasks.base import Sample
from fusion.tasks.digits.task import DigitsTask
from fusion.training import encoder as encoder_training
from fusion.training import train as training
from fusion.training.encoder import EncoderRun, train_encoder, trained_encoder
from fusion.training.options import Changes, TrainOptions
from fusion.types import FusionError

TINY = TrainConfig(epochs=2, samples=120, batch_size=8, lr=1e-2, precision="fp32", workers=0)
TEXTS = ("zero", "one")


class TwoWords:
    """Stands for the data set: every sample says zero or one."""

    def __init__(self, *_: object) -> None: ...

    def sample(self, index: int, *_: object, **__: object) -> Sample:
        return Sample({"text": TEXTS[index % 2]}, index % 2, ("text",))


def learn(out: Path, **options: object) -> None:
    for _ in train_encoder(TASKS["digits"], "text", out, out, TINY, EncoderRun(**options), "cpu"):
        pass


@pytest.mark.parametrize(
    ("encoder", "home", "head"),
    [("text_embedding", "encoders/text_embedding", "encoders/text_embedding/head"), (None, "encoders/text", "text_only")],
)
def test_an_encoder_learns_and_is_found_again(encoder: str | None, home: str, head: str, tmp_path: Path, monkeypatch) -> None:
    """Loaded from its folders it says which word it was, and nothing of the run is left."""
    monkeypatch.setattr(DigitsTask, "samples", TwoWords)
    learn(tmp_path, encoder=encoder)
    loaded = load_encoder(tmp_path / home)
    assert isinstance(loaded, ENCODERS[encoder or COMPACT["text"]])
    model = load_model(tmp_path / head, {"text": loaded})
    assert model.strategy.modalities == ("text",)
    with torch.no_grad():
        logits = model({"text": collate([loaded.prepare(t) for t in TEXTS])}, torch.ones(2, 1, dtype=torch.bool)).logits
    assert logits.argmax(-1).tolist() == [0, 1]
    assert {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.safetensors")} == {f"{f}/model.safetensors" for f in (home, head)}
    assert not [*tmp_path.rglob(".training*")]


def test_warm_start_begins_with_what_is_there(tmp_path: Path, monkeypatch) -> None:
    """With a rate of zero the weights stay what they were; anew they would be those of the other seed."""
    monkeypatch.setattr(DigitsTask, "samples", TwoWords)
    learn(tmp_path, encoder="text_embedding")
    before = load_encoder(tmp_path / "encoders/text_embedding").state_dict()
    still = TrainConfig(epochs=1, samples=16, batch_size=8, lr=0.0, precision="fp32", workers=0, seed=1)
    again = EncoderRun("text_embedding", warm_start=True)
    for _ in train_encoder(TASKS["digits"], "text", tmp_path, tmp_path, still, again, "cpu"):
        pass
    for key, value in load_encoder(tmp_path / "encoders/text_embedding").state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_names_on_the_command_line(tmp_path: Path, monkeypatch) -> None:
    asked = []

    def fake(task: Task, modality: str, data: Path, out: Path, config: TrainConfig, run: EncoderRun, *_: object) -> list:
        asked.append((modality, run.encoder, config))
        return []

    monkeypatch.setattr(training, "train_encoder", fake)
    training.run("digits", "image_vit,image_cnn,image_only", TrainOptions(tmp_path, changes=Changes(epochs=2)))
    assert [a[:2] for a in asked] == [("image", "image_vit"), ("image", "image_cnn"), ("image", "image_cnn")]
    assert asked[1][2] == asked[2][2] != asked[0][2], "a compact encoder has one recipe by either name"
    assert all(a[2].epochs == 2 for a in asked)


def test_every_recipe_is_of_something_that_is_trained() -> None:
    for name in TASKS["digits"].recipes:
        modality, encoder = trained_encoder(TASKS["digits"], name)
        assert ENCODERS[encoder].modality == modality and not issubclass(ENCODERS[encoder], FixedEncoder)


def test_what_cannot_be_trained_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(encoder_training.ENCODERS, "image_fixed", type("Still", (FixedEncoder,), {"modality": "image"}))
    with pytest.raises(FusionError, match="image_fixed has nothing to train"):
        training.run("digits", "image_fixed", TrainOptions(tmp_path))
    with pytest.raises(FusionError, match="no strategy named 'image_vit'"):
        training.run("digits-add", "image_vit", TrainOptions(tmp_path))
    with pytest.raises(FusionError, match="no strategy named 'nobody'"):
        training.run("digits", "nobody", TrainOptions(tmp_path))
