"""Oracles of the strategies that act on tokens, or on modalities by attention: references, plain loops, exact zeros, closed forms."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fusion.strategies import STRATEGIES
from fusion.strategies.additive_attention import AdditiveAttention
from fusion.strategies.bottleneck import Bottleneck
from fusion.strategies.cross_attention import CrossAttention
from fusion.strategies.early_tokens import EarlyTokens
from fusion.strategies.tcn import TCN, align
from fusion.strategies.tokens import FEW_KEYS, ChannelDropout, attend
from fusion.types import Features
from tests.strategies.test_contract import LENGTHS, MODALITIES, D, K, everyone, make_features


def test_few_and_many_keys_give_one_answer() -> None:
    """Both sides of the switch, each with and without its map, equal softmax written out."""
    generator = torch.Generator().manual_seed(0)
    for Tk in (1, 3, FEW_KEYS - 1, FEW_KEYS, FEW_KEYS + 9):
        q, k, v = (torch.randn(2, 2, T, 4, generator=generator) for T in (5, Tk, Tk))
        mask = torch.arange(Tk) < torch.tensor([[Tk], [1 + Tk // 2]])
        scores = torch.einsum("bhqd,bhkd->bhqk", q, k) / 2
        wanted = scores.masked_fill(~mask[:, None, None], float("-inf")).softmax(-1)
        for need_map in (False, True):
            answer, weights = attend(q, k, v, mask, need_map)
            torch.testing.assert_close(answer, wanted @ v)
            assert (weights is not None) == need_map
        torch.testing.assert_close(weights, wanted)


def test_channel_dropout_drops_whole_channels_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropped = ChannelDropout(0.25)(torch.ones(500, 3, 8))
    assert (dropped == dropped[:, :1]).all()
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / 0.75).item()}
    assert abs(dropped.mean().item() - 1) < 0.05
    x = torch.randn(2, 3, 8)
    assert ChannelDropout(0.25).eval()(x) is x


def cross_attention_by_loops(strategy: CrossAttention, features: dict[str, Features], present: torch.Tensor) -> torch.Tensor:
    """One sample, one pair, one head at a time: the formula as it is written."""
    H, rows = strategy.num_heads, []
    for b in range(len(present)):
        names = [m for i, m in enumerate(MODALITIES) if present[b, i]]
        tokens = {m: strategy.in_proj[m](features[m].tokens[b][features[m].mask[b]]) for m in names}
        for layer in strategy.layers:
            qkv = {m: layer.qkv[m](x).chunk(3, -1) for m, x in tokens.items()}
            out = {}
            for m, x in tokens.items():
                attended = torch.zeros_like(x)
                for key in names:
                    if key != m:
                        q, k, v = (t.chunk(H, -1) for t in (qkv[m][0], qkv[key][1], qkv[key][2]))
                        answers = [(q[h] @ k[h].T / q[h].shape[-1] ** 0.5).softmax(-1) @ v[h] for h in range(H)]
                        attended = attended + torch.cat(answers, -1) / (len(names) - 1)
                x = layer.norm1[m](x + layer.out_proj[m](attended))
                out[m] = layer.norm2[m](x + layer.mlp[m](x))
            tokens = out
        pooled = []
        for m in MODALITIES:
            if m in names:
                pooled += [strategy.score[m](tokens[m]).softmax(0).T[0] @ tokens[m], torch.ones(1)]
            else:
                pooled.append(torch.zeros(strategy.token_dim + 1))
        rows.append(strategy.mix(torch.cat(pooled)))
    return torch.stack(rows)


def test_cross_attention_equals_plain_loops() -> None:
    torch.manual_seed(0)
    strategy = CrossAttention(MODALITIES, D, K, dim=8, num_heads=2).eval()
    features = make_features()
    for rows in ([[1, 1, 1, 1]] * 3, [[1, 0, 1, 1], [0, 1, 0, 0], [0, 1, 0, 1]]):
        present = torch.tensor(rows, dtype=torch.bool)
        wanted = cross_attention_by_loops(strategy, features, present)
        for need_attention in (False, True):
            torch.testing.assert_close(strategy(features, present, need_attention).fused, wanted, rtol=1e-4, atol=1e-5)


def early_tokens_reference(strategy: EarlyTokens, dim: int, num_heads: int) -> nn.TransformerEncoder:
    """PyTorch's own transformer with our weights."""
    layer = nn.TransformerEncoderLayer(dim, num_heads, 2 * dim, 0.0, "gelu", batch_first=True, norm_first=True)
    reference = nn.TransformerEncoder(layer, len(strategy.blocks), strategy.norm, enable_nested_tensor=False).eval()
    for theirs, ours in zip(reference.layers, strategy.blocks, strict=True):
        theirs.self_attn.in_proj_weight, theirs.self_attn.in_proj_bias = ours.qkv.weight, ours.qkv.bias
        theirs.self_attn.out_proj.weight, theirs.self_attn.out_proj.bias = ours.out_proj.weight, ours.out_proj.bias
        theirs.linear1, theirs.linear2, theirs.norm1, theirs.norm2 = ours.mlp[0], ours.mlp[3], ours.norm1, ours.norm2
    return reference


def make_line(strategy: EarlyTokens, features: dict[str, Features]) -> tuple[torch.Tensor, torch.Tensor]:
    """All tokens (B, S, dim) and which of them are real (B, S)."""
    line = [strategy.in_proj[m](features[m].tokens) + strategy.modality_embedding[m] for m in MODALITIES]
    return torch.cat(line, 1), torch.cat([features[m].mask for m in MODALITIES], 1)


def test_early_tokens_equals_torch_transformer() -> None:
    torch.manual_seed(0)
    strategy = EarlyTokens(MODALITIES, D, K, dim=8, num_heads=2, depth=2).eval()
    features = make_features()
    line, real = make_line(strategy, features)
    wanted = early_tokens_reference(strategy, 8, 2)(line.requires_grad_(), src_key_padding_mask=~real)
    output = strategy(features, everyone())
    torch.testing.assert_close(torch.cat([*output.tokens.values()], 1)[real], wanted[real], rtol=1e-4, atol=1e-5)
    parts = dict(zip(MODALITIES, wanted.split([LENGTHS[m] for m in MODALITIES], 1), strict=True))
    pooled = [
        torch.cat([pooled_by_hand(strategy.score.weight[i], parts[m], features[m].mask), torch.ones(3, 1)], -1)
        for i, m in enumerate(MODALITIES)
    ]
    torch.testing.assert_close(output.fused, strategy.mix(torch.cat(pooled, -1)), rtol=1e-4, atol=1e-5)


def pooled_by_hand(score: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, dim): each sample's real tokens, averaged by the softmax of their scores."""
    real = [t[m] for t, m in zip(tokens, mask, strict=True)]
    return torch.stack([((t @ score).softmax(0) @ t) for t in real])


def test_early_tokens_maps_are_blocks_of_the_joint_map_renormalised() -> None:
    torch.manual_seed(0)
    strategy = EarlyTokens(MODALITIES, D, K, dim=8, num_heads=2, depth=1).eval()
    features = make_features()
    line, mask = make_line(strategy, features)
    q, k, v = strategy.blocks[0].heads(line)
    joint = attend(q, k, v, mask, True)[1]
    maps = strategy(features, everyone(), need_attention=True).attention
    assert set(maps) == {(q, k) for q in MODALITIES for k in MODALITIES if q != k}
    lengths = [LENGTHS[m] for m in MODALITIES]
    for query, rows in zip(MODALITIES, joint.split(lengths, 2), strict=True):
        for key, block in zip(MODALITIES, rows.split(lengths, 3), strict=True):
            if query != key:
                torch.testing.assert_close(maps[query, key][:, 0], block / block.sum(-1, keepdim=True))


def test_early_tokens_without_the_key_that_drowned_all_others() -> None:
    """Scores hundreds of nats apart: a subset without the loudest modality is answered as if that had never been there."""
    torch.manual_seed(0)
    strategy = EarlyTokens(MODALITIES, D, K, dim=8, num_heads=2).eval()
    with torch.no_grad():
        strategy.blocks[0].qkv.weight[:16] *= 4
        strategy.modality_embedding["audio"] += 30 * torch.randn(8)
        strategy.blocks[0].norm1.weight.fill_(5.0)
    features = {m: Features(f.tokens[:1], f.mask[:1], f.pooled[:1], f.weights[:1]) for m, f in make_features().items()}
    q, k, _ = strategy.blocks[0].heads(make_line(strategy, features)[0])
    assert (q @ k.transpose(-2, -1)).max(-1).values.sub((q @ k.transpose(-2, -1)).min(-1).values).max() > 200
    alone = {m: f for m, f in features.items() if m in ("image", "text")}
    wanted = strategy(alone, torch.tensor([[True, True, False, False]])).fused
    found = strategy(features, torch.tensor([[True] * 4, [True, True, False, False]])).fused
    assert found.isfinite().all()
    torch.testing.assert_close(found[1:], wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["early_tokens", "additive_attention", "cross_attention", "bottleneck", "tcn"])
def test_dropping_equals_never_having_had(name: str) -> None:
    """Rows that lack a modality among rows that have it give what they give where nobody has it, tokens included."""
    strategy = STRATEGIES[name](MODALITIES, D, K).eval()
    present = torch.tensor([[True, True, False, True], [True] * 4, [False, True, False, True]])
    mixed = strategy(make_features(), present)
    for row in (0, 2):
        alone = {
            m: Features(f.tokens[row : row + 1], f.mask[row : row + 1], f.pooled[row : row + 1], f.weights[row : row + 1])
            for i, (m, f) in enumerate(make_features().items())
            if present[row, i]
        }
        output = strategy(alone, present[row : row + 1])
        torch.testing.assert_close(output.fused[0], mixed.fused[row], rtol=1e-4, atol=1e-5)
        for m, tokens in (output.tokens or {}).items():
            real = alone[m].mask[0]
            torch.testing.assert_close(tokens[0][real], mixed.tokens[m][row][real], rtol=1e-4, atol=1e-5)


def influence(strategy: Bottleneck, of: str) -> dict[str, float]:
    """Largest gradient of each modality's output tokens with respect to the input tokens of `of`."""
    features = make_features()
    features[of].tokens.requires_grad_()
    sizes = {}
    for m, x in strategy(features, everyone()).tokens.items():
        # one channel, because the sum over the channels of a normalised token is constant
        slope = torch.autograd.grad(x[..., 0].sum(), features[of].tokens, retain_graph=True, materialize_grads=True)
        sizes[m] = slope[0].abs().max().item()
    return sizes


def test_bottleneck_is_the_only_way_across() -> None:
    torch.manual_seed(0)
    open_, cut = (Bottleneck(MODALITIES, D, K, dim=8, num_heads=2, num_bottlenecks=n).eval() for n in (2, 0))
    for of in MODALITIES:
        assert all(size > 1e-6 for size in influence(open_, of).values()), "through the bottleneck all reach all"
        assert {m for m, size in influence(cut, of).items() if size != 0} == {of}, "cut, each reaches itself only"


def test_bottleneck_crosses_from_the_second_layer_on() -> None:
    """In the first layer the bottleneck has not met any modality yet."""
    torch.manual_seed(0)
    one, two = (Bottleneck(MODALITIES, D, K, dim=8, num_heads=2, depth=depth).eval() for depth in (1, 2))
    assert {m for m, size in influence(one, "audio").items() if size != 0} == {"audio"}
    assert {m for m, size in influence(two, "audio").items() if size != 0} == set(MODALITIES)


def test_bottleneck_is_the_mean_over_those_present() -> None:
    """One layer, two modalities: what reaches the MLP as bottleneck is the mean of what each alone would leave there."""
    torch.manual_seed(0)
    strategy = Bottleneck(MODALITIES, D, K, dim=8, num_heads=2, depth=1).eval()
    attended = []
    strategy.mix.register_forward_pre_hook(lambda module, inputs: attended.append(inputs[0][:, -8:]))
    for rows in ([1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]):
        strategy(make_features(), torch.tensor([rows] * 3, dtype=torch.bool))
    torch.testing.assert_close(attended[0], (attended[1] + attended[2]) / 2)


def test_streams_of_different_rate_align_to_the_same_steps() -> None:
    """The same linear ramp at 6, 12 and 24 tokens, and padded, is the same line on the time axis."""
    wanted = torch.linspace(2, 5, 10)[None, :, None]
    for T in (6, 12, 24):
        ramp = torch.linspace(2, 5, T)[None, :, None]
        torch.testing.assert_close(align(ramp, torch.ones(1, T, dtype=torch.bool), 10, hold=False), wanted)
        padded, mask = torch.cat([ramp, torch.full((1, 7, 1), 99.0)], 1), torch.arange(T + 7)[None] < T
        torch.testing.assert_close(align(padded, mask, 10, hold=False), wanted)
    assert align(torch.full((1, 1, 1), 3.0), torch.ones(1, 1, dtype=torch.bool), 4, hold=False).flatten().tolist() == [3.0] * 4


def test_hold_is_the_latest_token_that_has_come() -> None:
    held = align(torch.tensor([[[0.0], [1.0], [2.0]]]), torch.ones(1, 3, dtype=torch.bool), 5, hold=True)
    assert held.flatten().tolist() == [0.0, 0.0, 1.0, 1.0, 2.0]


def reach(strategy: TCN, step: int) -> set[int]:
    """Which video tokens the state at one step depends on; there is one token per step."""
    features = make_features()
    N = strategy.num_steps
    video = torch.randn(3, N, D, requires_grad=True)
    features["video"] = Features(video, torch.ones(3, N, dtype=torch.bool), features["video"].pooled, torch.ones(3, N) / N)
    state = strategy.steps(features, everyone())[:, step]
    slope = torch.autograd.grad(state.pow(2).sum(), video)[0].abs().amax((0, 2))
    return {t for t in range(N) if slope[t] != 0}


def test_tcn_sees_exactly_what_it_says() -> None:
    """Kernel 3 with dilations 1 and 2: six steps back and none ahead when causal, three to either side when centred."""
    torch.manual_seed(0)
    causal, centred = (TCN(MODALITIES, D, K, dim=8, depth=2, num_steps=13, causal=c).eval() for c in (True, False))
    for step in range(13):
        assert reach(causal, step) == set(range(max(0, step - 6), step + 1))
        assert reach(centred, step) == set(range(max(0, step - 3), min(13, step + 4)))


@pytest.mark.parametrize("causal", [True, False])
def test_tcn_layer_is_a_dilated_convolution(causal: bool) -> None:
    torch.manual_seed(0)
    strategy, features = TCN(MODALITIES, D, K, dim=8, depth=3, num_steps=13, causal=causal).eval(), make_features()
    deep, layers, norms = strategy.steps(features, everyone()), strategy.convolutions, strategy.norms
    strategy.convolutions = strategy.norms = torch.nn.ModuleList()
    x = strategy.steps(features, everyone())
    for level, (layer, norm) in enumerate(zip(layers, norms, strict=True)):
        kernel, apart = layer.weight.unflatten(1, (3, 8)).transpose(1, 2), 2**level
        padded = F.pad(x.transpose(1, 2), (2 * apart, 0) if causal else (apart, apart))
        x = x + F.gelu(norm(F.conv1d(padded, kernel, layer.bias, dilation=apart).transpose(1, 2)))
    torch.testing.assert_close(deep, x, rtol=1e-4, atol=1e-5)


def test_tcn_causal_at_any_rate() -> None:
    """Tokens whose time has not come cannot matter, also when they fall between two steps."""
    torch.manual_seed(0)
    strategy = TCN(MODALITIES, D, K, dim=8, num_steps=7, causal=True).eval()
    features = make_features()
    for m in ("text", "audio", "video"):
        T = LENGTHS[m]
        for step in range(7):
            changed = make_features()
            late = torch.arange(T) * 6 > step * (T - 1)
            changed[m].tokens[:2, late] += 1.0  # the last sample's text is padded
            before, after = (strategy.steps(f, everyone())[:2, : step + 1] for f in (features, changed))
            torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_additive_attention_by_hand() -> None:
    """Values are x itself, scores 3 tanh(first channel + bias): weights and sum in closed form, missing ones left out."""
    strategy = AdditiveAttention(MODALITIES, D, K, hidden=1).eval()
    with torch.no_grad():
        strategy.values.weight.copy_(torch.eye(D).expand(4, -1, -1))
        strategy.content.weight.copy_(torch.eye(D)[:1])
        strategy.summary.weight.copy_(torch.eye(D)[1:2] * 0.5)
        strategy.bias.copy_(torch.tensor([[0.1], [0.2], [-0.3], [0.0]]))
        strategy.score.weight.fill_(3.0)
    features = make_features()
    present = torch.tensor([[True, True, False, True]] * 3)
    x = torch.stack([features[m].pooled for m in ("image", "text", "video")], 1)
    summary = x[..., 1].mean(1, keepdim=True) / 2
    grades = (3 * torch.tanh(x[..., 0] + summary + torch.tensor([0.1, 0.2, 0.0]))).exp()
    shares = grades / grades.sum(1, keepdim=True)
    output = strategy(features, present)
    torch.testing.assert_close(output.weights, torch.stack([shares[:, 0], shares[:, 1], torch.zeros(3), shares[:, 2]], 1))
    torch.testing.assert_close(output.fused, strategy.mix((shares[..., None] * x).sum(1)))


def test_additive_attention_is_not_additive() -> None:
    """Unlike a vote its answer has mixed differences, so that synergy is within reach."""
    torch.manual_seed(0)
    strategy = AdditiveAttention(("image", "text"), D, K).eval()
    one, two = make_features(seed=1), make_features(seed=2)

    def fused(image: dict[str, Features], text: dict[str, Features]) -> torch.Tensor:
        return strategy({"image": image["image"], "text": text["text"]}, torch.ones(3, 2, dtype=torch.bool)).fused

    assert (fused(one, one) - fused(two, one) - fused(one, two) + fused(two, two)).abs().max() > 1e-3
