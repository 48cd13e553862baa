"""Oracles of the strategies that act on tokens, or on modalities by attention: references, plain loops, exact zeros, closed forms."""

import pytest
import torch
from torch import nn

from fusion.strategies import STRATEGIES
from fusion.strategies.cross_attention import CrossAttention
from fusion.strategies.early_tokens import EarlyTokens
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
        tokens = {m: strategy.inward[m](features[m].tokens[b][features[m].mask[b]]) for m in names}
        for layer in strategy.layers:
            qkv = {m: layer.project[m](x).chunk(3, -1) for m, x in tokens.items()}
            out = {}
            for m, x in tokens.items():
                heard = torch.zeros_like(x)
                for key in names:
                    if key != m:
                        q, k, v = (t.chunk(H, -1) for t in (qkv[m][0], qkv[key][1], qkv[key][2]))
                        answers = [(q[h] @ k[h].T / q[h].shape[-1] ** 0.5).softmax(-1) @ v[h] for h in range(H)]
                        heard = heard + torch.cat(answers, -1) / (len(names) - 1)
                x = layer.norms[m][0](x + layer.merge[m](heard))
                out[m] = layer.norms[m][1](x + layer.think[m](x))
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
        theirs.self_attn.in_proj_weight, theirs.self_attn.in_proj_bias = ours.project.weight, ours.project.bias
        theirs.self_attn.out_proj.weight, theirs.self_attn.out_proj.bias = ours.merge.weight, ours.merge.bias
        theirs.linear1, theirs.linear2, theirs.norm1, theirs.norm2 = ours.think[0], ours.think[3], ours.norms[0], ours.norms[1]
    return reference


def test_early_tokens_equals_torch_transformer() -> None:
    torch.manual_seed(0)
    strategy = EarlyTokens(MODALITIES, D, K, dim=8, num_heads=2).eval()
    features = make_features()
    line = [strategy.gather.expand(3, 1, 8)] + [strategy.inward[m](features[m].tokens) + strategy.kind[m] for m in MODALITIES]
    padded = ~torch.cat([torch.ones(3, 1, dtype=torch.bool)] + [features[m].mask for m in MODALITIES], 1)
    reference = early_tokens_reference(strategy, 8, 2)
    wanted = reference(torch.cat(line, 1).requires_grad_(), src_key_padding_mask=padded)
    output = strategy(features, everyone())
    torch.testing.assert_close(output.fused, strategy.outward(wanted[:, 0]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(torch.cat([*output.tokens.values()], 1), wanted[:, 1:], rtol=1e-4, atol=1e-5)


def test_early_tokens_maps_are_blocks_of_the_joint_map_renormalised() -> None:
    torch.manual_seed(0)
    strategy = EarlyTokens(MODALITIES, D, K, dim=8, num_heads=2, depth=1).eval()
    features = make_features()
    line = [strategy.gather.expand(3, 1, 8)] + [strategy.inward[m](features[m].tokens) + strategy.kind[m] for m in MODALITIES]
    mask = torch.cat([torch.ones(3, 1, dtype=torch.bool)] + [features[m].mask for m in MODALITIES], 1)
    q, k, v = strategy.blocks[0].heads(torch.cat(line, 1))
    joint = attend(q, k, v, mask, True)[1][:, :, 1:, 1:]
    maps = strategy(features, everyone(), need_attention=True).attention
    assert set(maps) == {(q, k) for q in MODALITIES for k in MODALITIES if q != k}
    lengths = [LENGTHS[m] for m in MODALITIES]
    for query, rows in zip(MODALITIES, joint.split(lengths, 2), strict=True):
        for key, block in zip(MODALITIES, rows.split(lengths, 3), strict=True):
            if query != key:
                torch.testing.assert_close(maps[query, key][:, 0], block / block.sum(-1, keepdim=True))


@pytest.mark.parametrize("name", ["early_tokens", "cross_attention"])
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
