"""What strategies are trained and measured on: a cache gives back what was put in, batches keep the task's promises."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fusion.config import EncoderConfig, load_config
from fusion.model import load_weights, save_weights
from fusion.tasks import TASKS
from fusion.tasks.digits_add.pairs import held_out
from fusion.training.batches import StrategyData, drop_modalities, make_batch
from fusion.training.features import FeatureCache, cache_path
from fusion.types import MODALITIES
from tests.tiny import make_checkpoints

N, D = 60, 4


def make_cache(places: bool = False) -> FeatureCache:
    """Sample i of digit i % 10: token t of modality m is (i, m, t, 0), i % 3 + 1 tokens; its pooled vector is (i, m, -1, 0)."""
    tokens, starts, pooled = {}, {}, {}
    for k, m in enumerate(MODALITIES):
        each = [torch.tensor([[i, k, t, 0.0] for t in range(i % 3 + 1)]) for i in range(N)]
        tokens[m] = torch.cat(each).half()
        starts[m] = torch.tensor([0, *np.cumsum([len(e) for e in each])])
        pooled[m] = torch.tensor([[i, k, -1.0, 0.0] for i in range(N)]).half()
    digits = torch.arange(N) % 10
    content = digits[:, None].repeat(1, 4)
    content[7, 1] = -1  # a text that names nothing
    if places:
        content[:, 0] = -1  # a picture asks for nothing
    extra = {"found": digits != 3, "box": torch.rand(N, 4), "mask": torch.zeros(N, 48, 48, dtype=torch.uint8)} if places else {}
    return FeatureCache(MODALITIES, tokens, starts, pooled, digits, content, extra)


def test_features_are_those_of_the_sample() -> None:
    features = make_cache().features(torch.tensor([5, 9, 13]))
    for k, m in enumerate(MODALITIES):
        f = features[m]
        assert f.mask.sum(1).tolist() == [3, 1, 2] and f.tokens.dtype == torch.float32
        assert f.tokens[0].tolist() == [[5, k, t, 0] for t in range(3)]
        assert f.tokens[1].tolist() == [[9, k, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], "padding is zero"
        assert f.pooled[:, 0].tolist() == [5, 9, 13]


def test_rows_of_their_own_and_no_tokens() -> None:
    features = make_cache().features({"image": torch.tensor([1]), "text": torch.tensor([2])}, ("image", "text"), with_tokens=False)
    assert set(features) == {"image", "text"}
    assert features["image"].pooled[0, 0] == 1 and features["text"].pooled[0, 0] == 2
    torch.testing.assert_close(features["text"].tokens[:, 0], features["text"].pooled)


@pytest.mark.parametrize("places", [False, True])
def test_save_and_load(places: bool, tmp_path) -> None:
    cache = make_cache(places)
    cache.save(tmp_path / "deep" / "features.safetensors")
    again = FeatureCache.load(tmp_path / "deep" / "features.safetensors")
    assert again.modalities == MODALITIES and set(again.places) == set(cache.places)
    for m in MODALITIES:
        assert torch.equal(again.tokens[m], cache.tokens[m]) and torch.equal(again.starts[m], cache.starts[m])
    assert torch.equal(again.content, cache.content) and len(list((tmp_path / "deep").iterdir())) == 1


def test_mixed_takes_one_modality_from_the_other() -> None:
    clean, broken = make_cache(), make_cache()
    broken.pooled["audio"] = broken.pooled["audio"] + 100
    mixed = clean.mixed(broken, "audio")
    assert mixed.pooled["audio"][0, 0] == 100 and mixed.pooled["image"][0, 0] == 0 and clean.pooled["audio"][0, 0] == 0


def test_labels_of_digits_need_somebody_who_says_it() -> None:
    task, cache, present = TASKS["digits"], make_cache(), torch.tensor([[False, True, False, False], [True, True, False, False]])
    for row, wanted in enumerate((-1, 7)):
        batch = make_batch(task, cache, torch.tensor([7]), MODALITIES, present[row : row + 1], np.random.default_rng(0), None)
        assert batch["label"].tolist() == [wanted]
        assert batch["own"].tolist() == [[7 if row else -1, -1, -1, -1]]
        assert batch["auxiliary"]["parity"].tolist() == [wanted % 2 if wanted >= 0 else -1]


@pytest.mark.parametrize("held", [True, False])
def test_halves_of_digits_add(held: bool) -> None:
    """What is seen comes from one sample, what is said from another, and the label is the last digit of their sum."""
    task, cache, index = TASKS["digits-add"], make_cache(), torch.arange(N)
    batch = make_batch(task, cache, index, MODALITIES, torch.ones(N, 4, dtype=torch.bool), np.random.default_rng(5), held)
    own = {m: batch["features"][m][2][:, 0].long() for m in MODALITIES}
    assert torch.equal(own["image"], index) and torch.equal(own["video"], index) and torch.equal(own["text"], own["audio"])
    a, b = index % 10, own["audio"] % 10
    assert torch.equal(batch["label"], (a + b) % 10) and torch.equal(batch["auxiliary"]["said"], b)
    assert (held_out(a.numpy(), b.numpy()) == held).all() and (batch["own"] == -1).all(), "alone, nobody knows the sum"


def test_digits_find_asks_only_with_picture_and_question() -> None:
    task, cache = TASKS["digits-find"], make_cache(places=True)
    present = torch.tensor([[True, True, False, False], [True, False, False, False], [False, True, True, False]])
    batch = make_batch(task, cache, torch.tensor([1, 2, 4]), MODALITIES, present, np.random.default_rng(0), None)
    assert batch["asked"].tolist() == [True, False, False] and batch["label"].tolist() == [1, -1, 4]


def test_batches_repeat_with_seed_and_epoch() -> None:
    data = StrategyData(TASKS["digits-add"], make_cache(), 0, MODALITIES)
    one = data.collate(list(range(20)))
    assert torch.equal(one["label"], data.collate(list(range(20)))["label"])
    data.epoch = 1
    assert not torch.equal(one["label"], data.collate(list(range(20)))["label"]), "new partners in every epoch"


def test_anchors_are_mostly_kept_and_nobody_is_left_with_nothing() -> None:
    present = drop_modalities(20000, MODALITIES, np.random.default_rng(0), ("image",))
    assert present.any(1).all() and 0.92 < present[:, 0].mean() < 0.96 and 0.68 < present[:, 1].mean() < 0.73
    assert 0.42 < present.all(1).mean() < 0.52


def broken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def foreign(path: Path) -> None:
    save_file({"pooled.image": torch.zeros(3, 4)}, path)


@pytest.mark.parametrize("damage", [Path.unlink, broken, foreign, lambda path: path.write_bytes(b"")])
def test_kept_features_that_are_not_whole_are_made_anew(damage: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "features.safetensors"
    make_cache().keep(path)
    assert len(FeatureCache.find(path)) == N
    damage(path)
    assert FeatureCache.find(path) is None
    make_cache().keep(path)
    assert len(FeatureCache.find(path)) == N and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_takes_nothing_costs_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    make_cache().keep(tmp_path / "taken" / "features.safetensors")
    assert "cannot be written: there is a file where its folder should be. The features are used once" in capsys.readouterr().err


def test_features_are_kept_by_what_encoders_are_and_not_by_when_they_were_written(tmp_path: Path) -> None:
    home, task = make_checkpoints(tmp_path / "checkpoints"), TASKS["digits"]
    path = cache_path(task, tmp_path, home, "key")
    assert cache_path(task, tmp_path, home, "key") == path != cache_path(task, tmp_path, home, "other key")
    folder = home / "digits" / "encoders" / "image"
    save_weights(folder, load_weights(folder), load_config(folder / "config.json", EncoderConfig))
    assert cache_path(task, tmp_path, home, "key") == path
    save_weights(folder, {k: v + 1 for k, v in load_weights(folder).items()}, EncoderConfig("image_cnn"))
    changed = cache_path(task, tmp_path, home, "key")
    save_weights(folder, load_weights(folder), EncoderConfig("image_cnn", {"size": 96}))
    assert len({path, changed, cache_path(task, tmp_path, home, "key")}) == 3
