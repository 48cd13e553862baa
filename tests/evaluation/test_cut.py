"""What cutting the paths between modalities costs, and which experts answer: measured on a small cache."""

from pathlib import Path

import pytest
import torch

from fusion.config import StrategyConfig
from fusion.cut_paths import cut_notes, falls, measured
from fusion.evaluation.cut import measure_cut, paths_cut
from fusion.evaluation.experts import measure_experts
from fusion.files import save_json
from fusion.messages import message
from fusion.model import FusionModel, build_strategy, strategy_options
from fusion.tasks import TASKS
from fusion.types import MODALITIES
from tests.training.test_data import D, make_cache


def make_model(name: str) -> FusionModel:
    torch.manual_seed(0)
    options = strategy_options(TASKS["digits"], name)
    return FusionModel({}, build_strategy(StrategyConfig(name, "digits", 10, embed_dim=D, options=options))).eval()


def test_every_strategy_on_tokens_is_measured_open_and_cut() -> None:
    models = {name: make_model(name) for name in ("late", "cross_attention", "perceiver", "tcn")}
    cache = make_cache()
    found = measure_cut(models, TASKS["digits"], {"all-3": cache})
    assert set(found) == {"cross_attention", "perceiver", "tcn"}
    assert all(set(row) == {"all-3"} and set(row["all-3"]) == {"open", "cut"} for row in found.values())
    assert not any(model.strategy.cut for model in models.values())


def test_the_paths_are_open_again_after_an_error() -> None:
    model = make_model("cross_attention")
    with pytest.raises(ValueError), paths_cut(model):
        assert model.strategy.cut
        raise ValueError
    assert not model.strategy.cut


def test_a_map_of_experts_has_a_row_for_each_subset_that_sums_to_one() -> None:
    subsets = [("image",), ("image", "text"), MODALITIES]
    found = measure_experts({name: make_model(name) for name in ("early", "moe")}, make_cache(), subsets)
    assert set(found) == {"moe"} and set(found["moe"]) == {"image", "image+text", "+".join(MODALITIES)}
    assert all(len(row) == 15 and sum(row) == pytest.approx(1, abs=0.01) for row in found["moe"].values())


def test_a_score_that_does_not_fall_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    folder.mkdir()
    falling, flat = {"all-3": {"open": 0.99, "cut": 0.5}}, {"all-3": {"open": 0.99, "cut": 0.985}}
    save_json(folder / "cut.json", {"strategies": {"mult": falling, "bottleneck": flat}})
    measured.cache_clear()
    said = {name: cut_notes(tmp_path, TASKS["digits"], name) for name in ("mult", "bottleneck", "early")}
    assert falls(falling) and not falls(flat)
    assert "falls from 99.0 to 50.0 %" in said["mult"][0] and "does not fall" in said["bottleneck"][0] and said["early"] == ()
    assert cut_notes(tmp_path / "elsewhere", TASKS["digits"], "mult") == ()
    assert said["mult"][0].template != message("").template
