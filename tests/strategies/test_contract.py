"""Every strategy keeps the contract of `fusion.strategies.base`: one set of tests over the dict."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations

import pytest
import torch

from fusion.config import StrategyConfig
from fusion.model import FusionModel, build_strategy, fuser_state, load_model, save_weights
from fusion.strategies import STRATEGIES
from fusion.strategies.base import PerModality, Targets
from fusion.types import Features

MODALITIES, D, K = ("image", "text", "audio", "video"), 8, 5
LENGTHS = {"image": 9, "text": 4, "audio": 6, "video": 3}


def make_features(batch: int = 3, seed: int = 0) -> dict[str, Features]:
    """Random tokens; the last sample's text has only two real ones."""
    generator, features = torch.Generator().manual_seed(seed), {}
    for m, T in LENGTHS.items():
        tokens = torch.randn(batch, T, D, generator=generator)
        mask = torch.ones(batch, T, dtype=torch.bool)
        if m == "text":
            mask[-1, 2:] = False
        features[m] = Features(tokens, mask, torch.randn(batch, D, generator=generator), mask / mask.sum(-1, keepdim=True))
    return features


OPTIONS = {"multitask": {"auxiliary": {"parity": 2}}, "gated_cross_attention": {"gate": 0.5}}
FORMS = {  # forms of a strategy that an option chooses; the first word is its name
    "early_tokens average": {"readout": "average"},
    "cross_attention average": {"readout": "average"},
    "bottleneck average": {"readout": "average"},
    "late calibrated": {"temperatures": "calibrated"},
    "low_rank bias": {"missing": "bias"},
    "tcn causal": {"causal": True},
    "early learned": {"missing": "learned"},
    "early reconstruct": {"missing": "reconstruct"},
}


def make_config(name: str, modalities: tuple[str, ...] = MODALITIES) -> StrategyConfig:
    return StrategyConfig(name.split()[0], "digits", K, modalities, D, FORMS.get(name, OPTIONS.get(name, {})))


def make_model(name: str, modalities: tuple[str, ...] = MODALITIES) -> FusionModel:
    torch.manual_seed(1)
    return FusionModel({}, build_strategy(make_config(name, modalities))).eval()


def history_of(batch: int) -> torch.Tensor:
    """Some loss of every sample in every modality so far."""
    return torch.rand(batch, len(MODALITIES), generator=torch.Generator().manual_seed(3))


def no_targets(batch: int) -> Targets:
    """For losses that do not look at them."""
    nothing = torch.zeros(batch, len(MODALITIES), dtype=torch.long)
    return Targets(nothing[:, 0], nothing, nothing)


def loss_of(model: FusionModel, features: dict[str, Features], present: torch.Tensor) -> torch.Tensor:
    """What training minimises, on made-up labels that every modality names."""
    output, logits, _ = model.fuse(features, present)
    label = torch.arange(len(present)) % K
    entropy = torch.nn.functional.cross_entropy
    losses = {"label": entropy(logits, label)}
    if output.unimodal_logits:
        losses["unimodal"] = torch.stack([entropy(z, label) for z in output.unimodal_logits.values()]).sum()
    for question, answer in (output.auxiliary or {}).items():
        losses[question] = entropy(answer, label % answer.shape[1])
    shown = label[:, None].expand(-1, len(MODALITIES))
    return model.strategy.objective(losses, output, features, present, Targets(label, shown, shown, 5, history_of(len(present))))


def for_one(layer: torch.nn.Module, modality: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """What `PerModality`, or a Sequential of it, does to one modality's vectors (B, D)."""
    i = MODALITIES.index(modality)

    def call(x: torch.Tensor) -> torch.Tensor:
        for part in layer if isinstance(layer, torch.nn.Sequential) else [layer]:
            own = isinstance(part, PerModality)
            x = x @ part.weight[i] + (0 if part.bias is None else part.bias[i]) if own else part(x)
        return x

    return call


def everyone(batch: int = 3) -> torch.Tensor:
    return torch.ones(batch, 4, dtype=torch.bool)


@pytest.fixture(params=[*STRATEGIES, *FORMS])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_shapes(name: str) -> None:
    model = make_model(name)
    output, logits, _ = model.fuse(make_features(), everyone(), need_attention=True)
    assert logits.shape == (3, K)
    assert output.fused.shape == (3, model.strategy.out_dim)
    if output.weights is not None:
        assert output.weights.shape == (3, 4)
        torch.testing.assert_close(output.weights.sum(-1), torch.ones(3))
    for m, tokens in (output.tokens or {}).items():
        assert tokens.shape == (3, LENGTHS[m], model.strategy.token_dim)
    for (query, key), weights in output.attention.items():
        B, _, _, Tq, Tk = weights.shape
        assert (B, Tq, Tk) == (3, LENGTHS[query], LENGTHS[key])
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
        if key == "text":
            assert (weights[-1, ..., 2:] == 0).all(), "padding is never attended to"


@pytest.mark.parametrize("subset", [c for n in (1, 2, 3) for c in combinations(range(4), n)])
def test_missing_value_cannot_matter(name: str, subset: tuple[int, ...]) -> None:
    model, present = make_model(name), torch.zeros(3, 4, dtype=torch.bool)
    present[:, list(subset)] = True
    base = model.fuse(make_features(), present).logits
    changed = make_features()
    for i, m in enumerate(MODALITIES):
        if i not in subset:
            changed[m].tokens.fill_(float("nan"))
            changed[m].pooled.fill_(float("nan"))
    torch.testing.assert_close(model.fuse(changed, present).logits, base, rtol=0, atol=0)
    given = {m: f for i, (m, f) in enumerate(make_features().items()) if i in subset}
    torch.testing.assert_close(model.fuse(given, present).logits, base, rtol=1e-5, atol=1e-6)


def test_present_value_matters(name: str) -> None:
    model = make_model(name)
    base = model.fuse(make_features(), everyone()).logits
    for m in MODALITIES:
        changed = make_features()
        changed[m].tokens.add_(torch.randn(D))
        changed[m].pooled.add_(torch.randn(D))
        assert (model.fuse(changed, everyone()).logits - base).abs().max() > 1e-4, f"{m} is ignored"


def test_padding_cannot_matter(name: str) -> None:
    model, changed = make_model(name), make_features()
    changed["text"].tokens[-1, 2:] = 100.0
    torch.testing.assert_close(model.fuse(changed, everyone()).logits, model.fuse(make_features(), everyone()).logits)


def test_order_of_dict_cannot_matter(name: str) -> None:
    model = make_model(name)
    reverse = dict(reversed(make_features().items()))
    torch.testing.assert_close(model.fuse(reverse, everyone()).logits, model.fuse(make_features(), everyone()).logits)


def test_batch_of_one_equals_row_of_batch(name: str) -> None:
    model, features = make_model(name), make_features()
    together = model.fuse(features, everyone()).logits
    for i in range(3):
        one = {m: Features(f.tokens[i : i + 1], f.mask[i : i + 1], f.pooled[i : i + 1], f.weights[i : i + 1]) for m, f in features.items()}
        torch.testing.assert_close(model.fuse(one, everyone(1)).logits[0], together[i], rtol=1e-4, atol=1e-5)


def test_one_sample_in_many_subsets_equals_as_many_samples(name: str) -> None:
    """What is shared between subsets is computed once; nothing of that can be seen, at any depth."""
    config = make_config(name)
    if "depth" in inspect.signature(STRATEGIES[config.name]).parameters:
        config = replace(config, options=config.options | {"depth": 3})
    torch.manual_seed(1)
    model = FusionModel({}, build_strategy(config)).eval()
    present = torch.tensor([[i in c for i in range(4)] for n in (4, 3, 2, 1) for c in combinations(range(4), n)])
    features = {m: Features(f.tokens[-1:], f.mask[-1:], f.pooled[-1:], f.weights[-1:]) for m, f in make_features().items()}
    many = model.fuse({m: f.repeat(len(present)) for m, f in features.items()}, present, need_attention=True)
    one = model.fuse_subsets(features, present, need_attention=True)
    torch.testing.assert_close(one.logits, many.logits, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.fuse_subsets(features, present).logits, many.logits, rtol=1e-4, atol=1e-5)
    first = one.output.first()
    torch.testing.assert_close(first.fused, many.output.fused[:1], rtol=1e-4, atol=1e-5)
    for m, tokens in (many.output.tokens or {}).items():
        torch.testing.assert_close(first.tokens[m], tokens[:1], rtol=1e-4, atol=1e-5)
    assert set(one.output.attention) == set(many.output.attention)
    for pair, weights in many.output.attention.items():
        torch.testing.assert_close(one.output.attention[pair][:1], weights[:1], rtol=1e-4, atol=1e-6)


def test_per_modality_is_a_linear_for_each() -> None:
    torch.manual_seed(0)
    layer, x = PerModality(3, 5, 2), torch.randn(4, 3, 5)
    for i in range(3):
        linear = torch.nn.Linear(5, 2)
        with torch.no_grad():
            linear.weight.copy_(layer.weight[i].T)
            linear.bias.copy_(layer.bias[i, 0])
        torch.testing.assert_close(layer(x)[:, i], linear(x[:, i]))


def test_maps_do_not_change_the_answer(name: str) -> None:
    model = make_model(name)
    with_maps = model.fuse(make_features(), everyone(), need_attention=True).logits
    torch.testing.assert_close(model.fuse(make_features(), everyone()).logits, with_maps, rtol=1e-4, atol=1e-5)


def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = make_model(name).train()
    present = everyone(8)
    present[:4] = ~torch.eye(4, dtype=torch.bool)  # each modality is missing once
    loss_of(model, make_features(8), present).backward()
    for path, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), path
        assert parameter.grad.abs().max() > 0, path


def test_same_seed_same_model(name: str) -> None:
    torch.testing.assert_close(
        make_model(name).fuse(make_features(), everyone()).logits, make_model(name).fuse(make_features(), everyone()).logits, rtol=0, atol=0
    )


def test_save_and_load(name: str, tmp_path) -> None:
    model = make_model(name)
    save_weights(tmp_path / name, fuser_state(model), make_config(name))
    loaded = load_model(tmp_path / name, dict.fromkeys(MODALITIES, torch.nn.Identity()))
    torch.testing.assert_close(
        loaded.fuse(make_features(), everyone()).logits, model.fuse(make_features(), everyone()).logits, rtol=0, atol=0
    )


def test_description_is_for_visitors(name: str) -> None:
    kind = STRATEGIES[name.split()[0]]
    first = kind.__doc__.strip().splitlines()[0]
    assert first.endswith(".") and 40 < len(first) < 160
    assert kind.title and kind.formula and kind.paper and kind.fuses in ("tokens", "embeddings", "logits")
