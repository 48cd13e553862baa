"""Oracles of the strategies on tokens that follow a paper closely, and what is left when the paths between modalities are cut."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fusion.strategies import STRATEGIES
from fusion.strategies.base import Strategy
from fusion.strategies.bottleneck import Bottleneck
from fusion.strategies.film import FiLM
from fusion.strategies.gated_cross_attention import GatedCrossAttention
from fusion.strategies.mult import MulT, PairLayer, sinusoid
from fusion.strategies.perceiver import Perceiver, fourier
from fusion.types import Features
from tests.strategies.test_contract import LENGTHS, MODALITIES, D, K, everyone, make_features


def one_sample(features: dict[str, Features], row: int, names: tuple[str, ...]) -> dict[str, Features]:
    part = slice(row, row + 1)
    return {m: Features(f.tokens[part], f.mask[part], f.pooled[part], f.weights[part]) for m, f in features.items() if m in names}


def attention_with(weights: tuple[torch.Tensor, ...], heads: int) -> nn.MultiheadAttention:
    """torch's own attention, weights of queries, keys and values (D, 3D) as rows, their biases, and the output's weight and bias."""
    inner, bias, outer, outer_bias = weights
    module = nn.MultiheadAttention(inner.shape[1], heads, batch_first=True).eval()
    with torch.no_grad():
        module.in_proj_weight.copy_(inner)
        module.in_proj_bias.copy_(bias)
        module.out_proj.weight.copy_(outer)
        module.out_proj.bias.copy_(outer_bias)
    return module


def pair_layer_by_torch(layer: PairLayer, i: int, z: torch.Tensor, u: torch.Tensor, with_key: bool) -> torch.Tensor:
    """One layer of the transformer of pair i, z (Tq, d) and u (Tk, d), from torch's own modules."""

    def norm(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], module.weight[i].flatten(), module.bias[i].flatten())

    def linear(module: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return x @ module.weight[i] + module.bias[i]

    inner = torch.cat([layer.query.weight[i], layer.key_value.weight[i]], 1).T
    bias = torch.cat([layer.query.bias[i], layer.key_value.bias[i]], 1)[0]
    attention = attention_with((inner, bias, layer.out_proj.weight[i].T, layer.out_proj.bias[i, 0]), layer.num_heads)
    if with_key:
        keys = norm(layer.norm_key, u)
        z = z + attention(norm(layer.norm_query, z)[None], keys[None], keys[None])[0][0]
    return z + linear(layer.outer, F.relu(linear(layer.inner, norm(layer.norm_mlp, z))))


def mult_by_loops(strategy: MulT, features: dict[str, Features], names: tuple[str, ...]) -> torch.Tensor:
    """One sample whose modalities are `names`: the paper's figure, one pair at a time, without padding."""
    low = {}
    for m in names:
        x = features[m].tokens[0][features[m].mask[0]]  # (T, D) real tokens
        x = strategy.convolutions[m](x.T[None])[0].T * strategy.dim**0.5
        low[m] = x + sinusoid(len(x), strategy.dim, x.device)
    last = []
    for q in MODALITIES:
        if q not in names:
            last.append(torch.zeros(strategy.token_dim))
            continue
        parts = []
        for i, (query, key) in enumerate(strategy.pairs):
            if query == q:
                z = low[q]
                for layer in strategy.layers:
                    z = pair_layer_by_torch(layer, i, z, low.get(key, z), key in names)
                parts.append(z)
        x = torch.cat(parts, -1)[None]
        for block in strategy.memory[q]:
            attention = attention_with((block.qkv.weight, block.qkv.bias, block.out_proj.weight, block.out_proj.bias), block.num_heads)
            normed = block.norm1(x)
            x = x + attention(normed, normed, normed)[0]
            x = x + block.mlp(block.norm2(x))
        last.append(strategy.norms[q](x)[0, -1])
    h = torch.cat(last)
    return h + strategy.outer(F.relu(strategy.inner(h)))


@pytest.mark.parametrize("names", [MODALITIES, ("image", "text", "video"), ("text",)])
def test_mult_equals_plain_loops(names: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    strategy = MulT(MODALITIES, D, K, dim=6, num_heads=3, depth=2).eval()
    features = make_features()
    present = torch.tensor([[m in names for m in MODALITIES]] * 3)
    for need_attention in (False, True):
        fused = strategy(features, present, need_attention).fused
        for row in range(3):  # the last one's text is padded
            wanted = mult_by_loops(strategy, one_sample(features, row, names), names)
            torch.testing.assert_close(fused[row], wanted, rtol=1e-4, atol=1e-5)


def test_mult_has_a_transformer_for_each_ordered_pair_with_low_level_keys() -> None:
    """12 pairs of four modalities; what a layer did to the key modality's own tokens never reaches a query through the pairs."""
    strategy = MulT(MODALITIES, D, K, dim=6, depth=2).eval()
    assert len(strategy.pairs) == len(set(strategy.pairs)) == 12
    assert all(layer.query.weight.shape[0] == 12 for layer in strategy.layers)
    maps = strategy(make_features(), everyone(), need_attention=True).attention
    assert set(maps) == set(strategy.pairs) and next(iter(maps.values())).shape[1] == 2


def test_film_by_hand() -> None:
    """Two modalities: the tokens of one under the scale and shift that the other's pooled vector gives, and none where it is alone."""
    torch.manual_seed(0)
    names = ("image", "text")
    strategy, features = FiLM(names, D, K, dim=8, depth=2).eval(), make_features()
    for there in (True, False):
        present = torch.tensor([[True, there]] * 3)
        x = strategy.in_proj["image"](features["image"].tokens)
        said = F.layer_norm(features["text"].pooled, (D,)) @ strategy.condition.weight[1] + strategy.condition.bias[1]
        for layer in strategy.blocks:
            block = layer["image"]
            gamma, beta = (said * there @ block.modulate.weight.T)[:, None].chunk(2, -1)
            h = block.inner(x).relu()
            y = block.outer(h)
            y = (y - y.mean(-1, keepdim=True)) / (y.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
            x = h + ((1 + gamma) * y + beta).relu()
        torch.testing.assert_close(strategy(features, present).tokens["image"], x, rtol=1e-4, atol=1e-5)


def test_gated_attention_begins_closed() -> None:
    """At gate zero the others change nothing; open, they do."""
    for gate, changes in ((0.0, False), (0.5, True)):
        torch.manual_seed(0)
        strategy = GatedCrossAttention(MODALITIES, D, K, dim=8, gate=gate).eval()
        before, features = strategy(make_features(), everyone()).tokens["image"], make_features()
        features["text"].tokens.add_(torch.randn(D))
        assert ((strategy(features, everyone()).tokens["image"] - before).abs().max() > 1e-4) == changes


def test_gated_attention_is_torch_attention_over_all_others() -> None:
    """A text token asks the tokens of the three others in one softmax; its maps are that one's parts, renormalised."""
    torch.manual_seed(0)
    strategy = GatedCrossAttention(MODALITIES, D, K, dim=8, num_heads=2, gate=0.5).eval()
    features, layer = make_features(), strategy.layers[0]["image"]
    tokens = {m: strategy.in_proj[m](features[m].tokens) for m in MODALITIES}
    keys = torch.cat([tokens[m] for m in ("text", "audio", "video")], 1)
    real = torch.cat([features[m].mask for m in ("text", "audio", "video")], 1)
    inner, bias = torch.cat([layer.query.weight, layer.key_value.weight]), torch.cat([layer.query.bias, layer.key_value.bias])
    attention = attention_with((inner, bias, layer.out_proj.weight, layer.out_proj.bias), 2)
    asked, weights = attention(layer.norm1(tokens["image"]), keys, keys, key_padding_mask=~real, average_attn_weights=False)
    x = tokens["image"] + layer.attention_gate.tanh() * asked
    x = x + layer.mlp_gate.tanh() * layer.mlp(layer.norm2(x))
    output = strategy(features, everyone(), need_attention=True)
    torch.testing.assert_close(output.tokens["image"], layer.block(x, features["image"].mask), rtol=1e-4, atol=1e-5)
    start = 0
    for m in ("text", "audio", "video"):
        part = weights[..., start : start + LENGTHS[m]]
        torch.testing.assert_close(output.attention["image", m][:, 0], part / part.sum(-1, keepdim=True), rtol=1e-4, atol=1e-5)
        start += LENGTHS[m]


def test_perceiver_reads_with_torch_attention() -> None:
    torch.manual_seed(0)
    strategy, features = Perceiver(MODALITIES, D, K, dim=8, depth=1, num_latents=3).eval(), make_features()
    line, real = [], torch.cat([features[m].mask for m in MODALITIES], 1)
    for m in MODALITIES:
        placed = torch.cat([F.layer_norm(features[m].tokens, (D,)), fourier(features[m].mask)], -1)
        line.append(strategy.in_proj[m](placed) + strategy.modality_embedding[m])
    keys = strategy.norm_tokens(torch.cat(line, 1))
    inner = torch.cat([strategy.query.weight, strategy.key_value.weight])
    bias = torch.cat([strategy.query.bias, strategy.key_value.bias])
    attention = attention_with((inner, bias, strategy.out_proj.weight, strategy.out_proj.bias), 2)
    x = strategy.latents.expand(3, -1, -1)
    x = x + attention(strategy.norm_latents(x), keys, keys, key_padding_mask=~real)[0]
    x = x + strategy.mlp(strategy.norm_mlp(x))
    x = strategy.block(x, torch.ones(3, 3, dtype=torch.bool))
    torch.testing.assert_close(strategy(features, everyone()).fused, strategy.norm(x).mean(1), rtol=1e-4, atol=1e-5)


def test_perceiver_reads_again_with_the_same_weights() -> None:
    once, twice = (Perceiver(MODALITIES, D, K, dim=8, depth=depth) for depth in (1, 2))
    assert sum(p.numel() for p in once.parameters()) == sum(p.numel() for p in twice.parameters())


def test_positions_run_from_minus_one_to_one_over_the_real_tokens() -> None:
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    assert fourier(mask)[0, :, 0].tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert fourier(mask)[1, :3, 0].tolist() == [-1.0, 0.0, 1.0]
    assert fourier(torch.ones(1, 1, dtype=torch.bool)).isfinite().all()


def test_bottleneck_averages_the_logits_of_its_class_tokens() -> None:
    """As in the paper: no word of another modality reaches a class token but through the bottleneck, and the mean of logits adds up."""
    torch.manual_seed(0)
    strategy, features = Bottleneck(MODALITIES, D, K, dim=8, num_heads=2, readout="average").eval(), make_features()
    seen = {}
    for m, layer in strategy.classify.items():
        layer.register_forward_hook(lambda module, inputs, output, m=m: seen.update({m: output}))
    present = torch.tensor([[True, True, True, False]] * 3)
    fused = strategy(features, present).fused
    torch.testing.assert_close(fused, (seen["image"] + seen["text"] + seen["audio"]) / 3)


FORMS: dict[str, tuple[str, dict[str, object]]] = {
    **{name: (name, {}) for name in ("early_tokens", "cross_attention", "bottleneck", "film", "mult", "perceiver")},
    "gated_cross_attention": ("gated_cross_attention", {"gate": 0.5}),
    **{f"{name} average": (name, {"readout": "average"}) for name in ("early_tokens", "cross_attention", "bottleneck")},
}


def make(form: str) -> Strategy:
    torch.manual_seed(0)
    name, options = FORMS[form]
    return STRATEGIES[name](MODALITIES, D, K, **options).eval()


def test_every_strategy_on_tokens_can_be_cut() -> None:
    assert {name for name, _ in FORMS.values()} | {"tcn"} == {n for n, kind in STRATEGIES.items() if kind.fuses == "tokens"}


@pytest.mark.parametrize("form", FORMS)
def test_when_cut_each_modality_is_read_as_if_it_were_alone(form: str) -> None:
    """Tokens of a modality depend on that modality only, in a batch and in one sample's subsets; open, they depend on others."""
    strategy, features = make(form), make_features()
    changed = make_features()
    changed["audio"].tokens.add_(torch.randn(D))
    changed["audio"].pooled.add_(torch.randn(D))
    for cut in (False, True):
        strategy.cut = cut
        for given, present in ((features, everyone()), (one_sample(features, 0, MODALITIES), everyone(4))):
            other = changed if given is features else one_sample(changed, 0, MODALITIES)
            before, after = strategy(given, present), strategy(other, present)
            if before.tokens is not None:
                moved = (after.tokens["image"] - before.tokens["image"]).abs().max()
                assert (moved > 1e-4) != cut, form


@pytest.mark.parametrize("form", [form for form in FORMS if "average" in form or form in ("film", "perceiver", "gated_cross_attention")])
def test_when_cut_an_averaging_readout_is_late_fusion(form: str) -> None:
    """The answer to all is the mean of the answers to each: no readout combines what the paths do not carry."""
    strategy, features = make(form), make_features()
    strategy.cut = True
    alone = [strategy(features, torch.eye(4, dtype=torch.bool)[i].expand(3, -1)).fused for i in range(4)]
    torch.testing.assert_close(strategy(features, everyone()).fused, torch.stack(alone).mean(0), rtol=1e-4, atol=1e-5)
