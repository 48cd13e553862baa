"""Learned encoders beside the compact ones, and what learned ones show of their insides."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fusion.encoders import ENCODERS, Encoder, collate
from fusion.encoders.image_cnn import strongest_channels
from fusion.encoders.image_vit import ImageViT, read_attention
from fusion.encoders.text_embedding import TextEmbedding, parts_of, plain, row_of
from fusion.encoders.text_lstm import Recurrence, TextLSTM
from fusion.encoders.video_r3d import SpaceTime, VideoR3D
from fusion.types import Audio, Clip, Medium

LEARNED = ["image_cnn", "image_vit", "text_transformer", "text_lstm", "text_embedding", "audio_cnn", "video_tcn", "video_r3d"]
MEDIA: dict[str, list[Medium]] = {
    "image": [
        np.zeros((1, 1, 3), np.uint8),
        np.full((9, 200, 3), 255, np.uint8),
        np.tile(np.arange(70, dtype=np.uint8)[:, None, None], (1, 50, 3)),
    ],
    "text": ["", "七", "not six but seven, 不是八 " * 8],
    "audio": [Audio(8000, np.zeros(200, np.float32)), Audio(16000, np.sin(np.arange(20000) / 9).astype(np.float32))],
    "video": [
        Clip(np.zeros((1, 1, 1, 3), np.uint8), np.zeros(1, np.float32)),
        Clip(np.random.default_rng(0).integers(0, 256, (30, 20, 90, 3), dtype=np.uint8), np.arange(30, dtype=np.float32) / 10),
    ],
}


def build(name: str) -> Encoder:
    torch.manual_seed(0)
    return ENCODERS[name]().eval()


@pytest.mark.parametrize("name", LEARNED)
def test_panels_are_what_their_kind_says(name: str) -> None:
    """For any medium, also where no gradient may be had, as on the page."""
    encoder = build(name)
    for medium in MEDIA[encoder.modality]:
        with torch.inference_mode():
            prepared = encoder.prepare(medium)
            features = encoder(*collate([prepared]))
            panels = encoder.panels(medium, prepared)
        assert panels and features.pooled.isfinite().all()
        for panel in panels:
            assert panel.title.startswith(name + ".") and np.isfinite(panel.values).all()
            assert panel.signed or panel.values.min() >= 0
            if panel.kind == "maps":
                assert panel.values.ndim == 3 and len(panel.extent) == 4 and len(panel.times) in (0, len(panel.values))
            elif panel.kind == "series":
                assert panel.values.ndim == 2 and len(panel.extent) == 2
            else:
                assert panel.kind == "words" and panel.values.shape == (len(prepared.layout.places), len(panel.names))


def test_a_panel_changes_nothing() -> None:
    """Looking leaves no gradients and no hooks behind."""
    for name in LEARNED:
        encoder = build(name)
        medium = MEDIA[encoder.modality][-1]
        prepared = encoder.prepare(medium)
        one, two = encoder.panels(medium, prepared), encoder.panels(medium, prepared)
        assert all(p.grad is None for p in encoder.parameters())
        assert not any(m._forward_pre_hooks or m._forward_hooks for m in encoder.modules())
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a.values, b.values)


# --- text


def test_recurrence_equals_torch_on_each_plain_sequence() -> None:
    torch.manual_seed(0)
    read, lengths = Recurrence(8), (5, 1, 9)
    words = torch.randn(3, 9, 8)
    padding = torch.arange(9)[None] >= torch.tensor(lengths)[:, None]
    together = read(words, src_key_padding_mask=padding)
    assert together.shape == (3, 9, 8)
    for row, count in enumerate(lengths):
        torch.testing.assert_close(together[row, :count], read.lstm(words[row, :count])[0])
        assert (together[row, count:] == 0).all()


def test_padding_is_never_read() -> None:
    torch.manual_seed(0)
    read, words = Recurrence(8), torch.randn(2, 6, 8)
    padding = torch.tensor([[False] * 3 + [True] * 3, [False] * 6])
    noisy = torch.where(padding[..., None], torch.full_like(words, 1e3), words)
    torch.testing.assert_close(read(noisy, padding), read(words, padding), rtol=0, atol=0)


def test_lstm_tokens_know_order_and_embeddings_do_not() -> None:
    """The same words in another order: embeddings change places and nothing else, what an LSTM makes of a word changes."""
    for name, alike in (("text_embedding", True), ("text_lstm", False)):
        encoder = build(name)
        one, two = (encoder(*collate([encoder.prepare(t)])).tokens[0] for t in ("three not four", "four not three"))
        assert torch.allclose(one, two.flip(0), atol=1e-6) == alike
    assert not any(key.startswith("near") for key in TextLSTM().state_dict())


def test_lstm_movement_of_a_single_word_is_its_state() -> None:
    encoder = build("text_lstm")
    prepared = encoder.prepare("seven")
    token = encoder(*collate([prepared])).tokens[0, 0]
    moved = encoder.panels("seven", prepared)[0].values
    np.testing.assert_allclose(moved, [[token[:48].norm().item(), token[48:].norm().item()]], rtol=1e-5)


def test_parts_of_a_word() -> None:
    assert parts_of("Seven") == ["<seven>", "<se", "sev", "eve", "ven", "en>"]
    assert parts_of("7") == parts_of("٧") == parts_of("⑦") == ["<7>"] and parts_of("") == ["<>"]
    assert plain("ⅦX") == "viix"


def test_similarity_is_the_share_of_common_parts() -> None:
    """Where all rows of the table are at right angles, cosine = common / sqrt(parts of one * parts of the other)."""
    rows = 600
    encoder = TextEmbedding(embed_dim=rows, rows=rows)
    encoder.table.weight.data[1:] = torch.eye(rows)
    words = ["seven", "sevens", "eight"]
    parts = [{row_of(p, rows) for p in parts_of(w)} for w in words]
    assert [len(p) for p in parts] == [6, 7, 6], "no two of these share a row by chance"
    found = encoder.panels(" ".join(words), encoder.prepare(" ".join(words)))[0]
    expected = [[len(a & b) / (len(a) * len(b)) ** 0.5 for b in parts] for a in parts]
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    assert found.names == tuple(words) and found.values[0, 1] > 0.5 > found.values[0, 2]


def test_words_with_common_trigrams_are_near_before_any_training() -> None:
    encoder = build("text_embedding")
    tokens = F.normalize(encoder(*collate([encoder.prepare("seven sevens eight quatre quatro")])).tokens[0], dim=-1)
    alike = tokens @ tokens.T
    assert alike[0, 1] > 0.5 > alike[0, 2] and alike[3, 4] > 0.4 > alike[3, 2]


def test_the_table_is_small() -> None:
    assert sum(p.numel() for p in TextEmbedding().parameters()) * 4 < 2e6


def test_words_attention_sums_to_one() -> None:
    encoder = build("text_transformer")
    panel = encoder.panels("not six but seven", encoder.prepare("not six but seven"))[0]
    assert panel.names == ("not", "six", "but", "seven")
    np.testing.assert_allclose(panel.values.sum(1), 1, rtol=1e-5)


# --- pictures


def test_attention_is_the_softmax_of_queries_and_keys() -> None:
    """And the layers it walks through are those of the encoder: one more step gives what the encoder gives."""
    torch.manual_seed(0)
    D, H = 8, 2
    layer = nn.TransformerEncoderLayer(D, H, 16, 0.0, batch_first=True, norm_first=True)
    context = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    x, padding = torch.randn(2, 5, D), torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    maps = read_attention(context, x, padding)
    h = context.layers[0](x, src_key_padding_mask=padding)
    h = context.layers[1].norm1(h)
    q, k, _ = F.linear(h, context.layers[1].self_attn.in_proj_weight, context.layers[1].self_attn.in_proj_bias).chunk(3, -1)
    q, k = (y.view(2, 5, H, D // H).transpose(1, 2) for y in (q, k))
    scores = (q @ k.transpose(2, 3) / (D // H) ** 0.5).masked_fill(padding[:, None, None], float("-inf"))
    torch.testing.assert_close(maps[1], scores.softmax(-1))


def test_vit_without_positions_does_not_know_where_patches_are() -> None:
    torch.manual_seed(0)
    encoder, order = ImageViT(depth=2).eval(), torch.randperm(64)
    values, mask = collate([encoder.prepare(MEDIA["image"][2]), encoder.prepare(MEDIA["image"][1])])
    with_places = encoder.context(encoder.embed(values)[:, order] - encoder.position[order] + encoder.position)
    encoder.position.data.zero_()
    tokens = encoder.tokenize(values, mask)[0]
    shuffled = encoder.context(encoder.embed(values)[:, order])
    torch.testing.assert_close(shuffled, tokens[:, order], rtol=1e-4, atol=1e-5)
    real = mask.expand(-1, 64)
    torch.testing.assert_close(encoder.pool(shuffled, real)[0], encoder.pool(tokens, real)[0], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(with_places, tokens[:, order], atol=1e-3)


def test_vit_panels_are_shares_and_cosines() -> None:
    encoder = build("image_vit")
    looks, alike = encoder.panels(MEDIA["image"][2], encoder.prepare(MEDIA["image"][2]))
    np.testing.assert_allclose(looks.values.sum((1, 2)), 1, rtol=1e-5)
    assert looks.values.shape == (4, 8, 8) and alike.values.max() == pytest.approx(1)


def test_strongest_channels_are_those_that_vary() -> None:
    x = torch.randn(20, 6, 6)
    x = (x - x.mean((1, 2), keepdim=True)) / x.flatten(1).std(1)[:, None, None] * torch.arange(20.0)[:, None, None] + 50
    torch.testing.assert_close(strongest_channels(x, 3), x[[19, 18, 17]])


# --- sound and clips


def test_the_mel_panel_peaks_at_the_tone() -> None:
    import librosa

    encoder, centres = build("audio_cnn"), librosa.mel_frequencies(50, fmin=60, fmax=3900)[1:-1]
    sound = Audio(8000, np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000).astype(np.float32))
    panel = encoder.panels(sound, encoder.prepare(sound))[0]
    assert panel.values.mean(1).argmax() == np.abs(centres - 1000).argmin() and panel.values.max() == pytest.approx(70, abs=0.1)


def test_change_is_where_and_when_something_changed() -> None:
    frames = np.zeros((12, 40, 40, 3), np.uint8)
    frames[7:, 10:20, 5:15] = 200
    clip = Clip(frames, np.arange(12, dtype=np.float32))
    encoder = build("video_tcn")
    panel = encoder.panels(clip, encoder.prepare(clip))[0]
    assert [t for t, m in zip(panel.times, panel.values, strict=True) if m.any()] == [7.0]
    assert (np.argwhere(panel.values[6]).min(0) == [10, 5]).all() and (np.argwhere(panel.values[6]).max(0) == [19, 14]).all()


def test_factorised_convolution_with_a_delta_in_time_is_a_picture_convolution() -> None:
    torch.manual_seed(0)
    both, x = SpaceTime(2, 4).eval(), torch.randn(3, 2, 7, 9, 9)
    both[3].weight.data.zero_()
    both[3].weight.data[:, :, 1, 0, 0] = torch.eye(4)
    frames = x.transpose(1, 2).flatten(0, 1)
    unit = (1 + both[1].eps) ** -0.5  # what an untrained norm divides by
    each = F.conv2d(frames, both[0].weight[:, :, 0], padding=1).relu() * unit**2
    torch.testing.assert_close(both(x), each.view(3, 7, 4, 9, 9).transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_saliency_is_zero_where_the_network_cannot_see() -> None:
    """A stem of stride 2 whose filters keep their middle alone reads every second pixel of every second row, and no other."""
    torch.manual_seed(0)
    encoder = VideoR3D(width=4).eval()
    kept = encoder.stem[0][0].weight.data[..., 2, 2].clone()
    encoder.stem[0][0].weight.data.zero_()
    encoder.stem[0][0].weight.data[..., 2, 2] = kept
    found = encoder.saliency(torch.randn(1, 12, 40, 40), torch.ones(1, 12, dtype=torch.bool))[0]
    assert (found[:, 1::2] == 0).all() and (found[:, :, 1::2] == 0).all()
    assert (found[:, ::2, ::2] > 0).float().mean() > 0.9


def test_saliency_is_a_slope() -> None:
    """Against the change of the squared length when one pixel is moved a little, with the shares of the tokens moving along."""
    torch.manual_seed(0)
    encoder = VideoR3D(width=4).double().requires_grad_(False).eval()
    values, mask = torch.randn(1, 12, 40, 40).double(), torch.ones(1, 12, dtype=torch.bool)

    def length(x: torch.Tensor) -> float:
        tokens, real = encoder.tokenize(x, mask)
        return float((encoder.pool(tokens, real)[1][..., None] * tokens).sum(1).square().sum())

    found = encoder.saliency(values, mask)[0]
    for t, y, x in ((0, 3, 3), (6, 20, 17), (11, 39, 0)):
        step = torch.zeros_like(values)
        step[0, t, y, x] = 1e-5
        assert found[t, y, x].item() == pytest.approx(abs(length(values + step) - length(values - step)) / 2e-5, rel=1e-4)


def test_clip_cells_tile_the_frame() -> None:
    """A 2:1 clip fills the middle of the square: its nine cells cover it once, and are seen at every second of the 12 frames."""
    clip = Clip(np.zeros((12, 20, 40, 3), np.uint8), np.arange(12, dtype=np.float32))
    places = build("video_r3d").prepare(clip).layout.places
    assert sorted(set(places[:, 0])) == [0, 2, 4, 6, 8, 10]
    cells = places[:9, 1:]
    assert ((cells[:, 2] - cells[:, 0]) * (cells[:, 3] - cells[:, 1])).sum() == pytest.approx(1)
