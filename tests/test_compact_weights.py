"""Weights with 8 bits for each number, in files of limited size."""

import pytest
import torch

from fusion.compact_weights import compress, expand, load_from_files, save_in_files
from fusion.types import FusionError


def test_rounding_changes_a_weight_by_less_than_a_hundredth_of_the_largest_of_its_row():
    generator = torch.Generator().manual_seed(0)
    state = {
        "a.weight": torch.randn(64, 128, generator=generator),
        "a.bias": torch.randn(64, generator=generator),
        "steps": torch.tensor(7),
    }
    found = expand(compress(state))
    assert found.keys() == state.keys()
    assert compress(state)["a.weight"].dtype == torch.int8
    largest = state["a.weight"].abs().amax(1, keepdim=True)
    assert ((found["a.weight"] - state["a.weight"]).abs() / largest).max() < 1 / 200
    assert torch.allclose(found["a.bias"].float(), state["a.bias"], atol=1e-2) and found["steps"] == 7


def test_other_weights_stay_as_they_are():
    state = {"a.weight": torch.ones(3, 2), "a.scale": torch.ones(3), "b.scale": torch.ones(1)}
    assert expand({"b.scale": torch.ones(1)}).keys() == {"b.scale"}
    assert expand(compress(state)).keys() == state.keys()


def test_several_files(tmp_path):
    state = {str(i): torch.full((100,), float(i)) for i in range(5)}
    save_in_files(tmp_path, state, largest=1000)
    assert sorted(p.name for p in tmp_path.glob("*.safetensors")) == ["model-2.safetensors", "model-3.safetensors", "model.safetensors"]
    found = load_from_files(tmp_path)
    assert found.keys() == state.keys() and all(torch.equal(found[k], state[k]) for k in state)
    save_in_files(tmp_path, {"0": state["0"]})
    assert load_from_files(tmp_path).keys() == {"0"}  # files of the larger state are gone


def test_a_damaged_further_file_is_said(tmp_path):
    save_in_files(tmp_path, {str(i): torch.ones(100) for i in range(3)}, largest=1000)
    path = tmp_path / "model-2.safetensors"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(FusionError, match="damaged"):
        load_from_files(tmp_path)
