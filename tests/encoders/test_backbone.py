"""Backbones: tiny random models of every family, read through the library's own loading, against the library called by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fusion.encoders import collate
from fusion.encoders.backbone import Backbone, load_backbone
from fusion.encoders.backbones.geometry import measure, widen
from fusion.encoders.fixed import FixedEncoder
from fusion.types import Audio, Clip, Medium
from tests.encoders import tiny_models as tiny

RNG = np.random.default_rng(0)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
Loader = Callable[[str, str], Backbone]


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Loader:
    """Each tiny model made and loaded once; "folder" of an encoder is its source."""
    made: dict[tuple[str, str], Backbone] = {}

    def get(modality: str, name: str) -> Backbone:
        if (modality, name) not in made:
            folder = getattr(tiny, name)(tmp_path_factory.mktemp(name))
            made[modality, name] = load_backbone(str(folder), modality)
        return made[modality, name]

    return get


def direct(encoder: Backbone) -> Any:
    """The model as the library loads it, untouched by ours."""
    import transformers

    return transformers.AutoModel.from_pretrained(encoder.source).eval()


def picture(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)


def clip(frames: int, height: int = 40, width: int = 60) -> Clip:
    return Clip(picture(frames, height, width), np.linspace(0, 1.5, frames, dtype=np.float32))


def noise(rate: int, seconds: float) -> Audio:
    return Audio(rate, RNG.normal(0, 0.1, max(1, int(rate * seconds))).astype(np.float32))


ODD: dict[str, list[Medium]] = {
    "image": [picture(64, 64), picture(1, 1), picture(3, 700), np.zeros((90, 40, 3), np.uint8), np.full((4, 3, 3), 255, np.uint8)],
    "text": ["the number seven", "", "   ", "七, unbelievable! s_x \u0663", "seven " * 300, "\U0001f600"],
    "audio": [noise(8000, 0.7), noise(44100, 0.005), Audio(16000, np.zeros(16000, np.float32)), noise(11025, 13), noise(8000, 0)],
    "video": [clip(20), clip(1), clip(3, 1, 1), Clip(np.zeros((9, 30, 30, 3), np.uint8), np.arange(9, dtype=np.float32) / 8)],
}  # fmt: skip


def describe(encoder: Backbone, *media: Medium) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return encoder.describe(*collate([encoder.prepare(m) for m in media]))


@pytest.mark.parametrize(("modality", "name"), tiny.EVERY)
def test_contract(load: Loader, modality: str, name: str) -> None:
    """One place for each real token, finite on every medium, alone as in a batch, frozen, of the width asked for."""
    encoder = load(modality, name)
    assert isinstance(encoder, FixedEncoder) and encoder.modality == modality and encoder.embed_dim == 96
    assert not encoder.train().training and not any(p.requires_grad for p in encoder.parameters())
    prepared = [encoder.prepare(m) for m in ODD[modality]]
    together = encoder(*collate(prepared))
    assert together.tokens.shape[2] == together.pooled.shape[1] == 96
    assert torch.isfinite(together.tokens).all() and torch.isfinite(together.pooled).all() and not together.pooled.requires_grad
    torch.testing.assert_close(together.weights.sum(1), torch.ones(len(prepared)))
    for i, p in enumerate(prepared):
        alone = encoder(*collate([p]))
        assert len(p.layout.places) == int(together.mask[i].sum()) == alone.tokens.shape[1] and np.isfinite(p.layout.places).all()
        torch.testing.assert_close(alone.pooled[0], together.pooled[i], **CLOSE)
        torch.testing.assert_close(alone.tokens[0], together.tokens[i][together.mask[i]], **CLOSE)
    for panel in encoder.panels(ODD[modality][0], prepared[0]):
        assert np.isfinite(panel.values).all() and (panel.signed or panel.values.min() >= 0)
    assert encoder.picture(prepared[0].values) is None or encoder.picture(prepared[0].values).ndim == (3 if modality == "video" else 2)


# Images


def by_hand_image(model: Any, name: str, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Tokens and vector as each family's paper has them."""
    if name == "clip":
        out = model.vision_model(pixel_values=pixels)
        return out.last_hidden_state[:, 1:], model.visual_projection(out.pooler_output)
    out = (model.vision_model if name in ("siglip", "align") else model)(pixel_values=pixels)
    hidden = out.last_hidden_state
    if hidden.ndim == 4:
        return hidden.flatten(2).transpose(1, 2), hidden.mean((2, 3)) if name == "resnet" else out.pooler_output
    special = {"vit": 1, "deit": 2, "dinov2": 5, "swin": 0, "siglip": 0}[name]  # class; distillation; four registers
    return hidden[:, special:], hidden[:, 0] if special else out.pooler_output


@pytest.mark.parametrize("name", tiny.IMAGE)
def test_image_tokens_are_the_models_own(load: Loader, name: str) -> None:
    from transformers import AutoImageProcessor

    encoder, image = load("image", name), picture(50, 70)
    pixels = AutoImageProcessor.from_pretrained(encoder.source)(image, return_tensors="pt")["pixel_values"]
    tokens, vector = by_hand_image(direct(encoder), name, pixels)
    ours = describe(encoder, image)
    torch.testing.assert_close(ours[0], tokens, **CLOSE)
    torch.testing.assert_close(ours[2], vector, **CLOSE)


@pytest.mark.parametrize("name", [name for name in tiny.IMAGE if name not in ("align", "mobilenet", "convnext")])
def test_bright_patch_changes_its_token_most(load: Loader, name: str) -> None:
    """Also where a centre crop hides the border: places say where a token truly lies."""
    encoder, h, w = load("image", name), 120, 160
    ground, light = (255, 0) if name == "resnet" else (0, 255)  # its positive weights would give nothing but zero for black
    plain = np.full((h, w, 3), ground, np.uint8)
    prepared = encoder.prepare(plain)
    blank = describe(encoder, plain)[0]
    for index in (1, 6, 11, 14):
        x0, y0, x1, y1 = prepared.layout.places[index] * (w, h, w, h)
        lit = plain.copy()
        lit[round(y0 + (y1 - y0) / 4) : round(y1 - (y1 - y0) / 4), round(x0 + (x1 - x0) / 4) : round(x1 - (x1 - x0) / 4)] = light
        change = (describe(encoder, lit)[0] - blank).square().sum(-1)
        found = int(change.argmax())
        near = {index, index + 1, index + 4, index + 5} if name == "resnet" else {index}  # its cells pass the border of the crop
        assert found in near


def test_places_follow_resize_and_crop(load: Loader) -> None:
    """Shorter side to 40, the middle 32: of a picture of 80 by 160 the columns 48 to 112 of 160 and rows 8 to 72 of 80."""
    prepared = load("image", "dinov2").prepare(picture(80, 160))
    np.testing.assert_allclose(prepared.extent, (0.3, 0.1, 0.7, 0.9), atol=1e-4)
    np.testing.assert_allclose(prepared.layout.places[[0, 15]], [(0.3, 0.1, 0.4, 0.3), (0.6, 0.7, 0.7, 0.9)], atol=1e-4)
    np.testing.assert_allclose(load("image", "vit").prepare(picture(80, 160)).extent, (0, 0, 1, 1), atol=1e-4)


def test_measured_window_of_padding_and_of_bytes() -> None:
    """A processor that pads at the right, and one that takes bytes only and turns colours over."""

    def pads(frames: np.ndarray) -> Tensor:
        return torch.nn.functional.pad(torch.from_numpy(frames).float().permute(0, 3, 1, 2), (0, 40, 0, 0), value=3.0)

    np.testing.assert_allclose(measure(pads, 40, 40), (0, 0, 2, 1), atol=1e-5)

    def turns(frames: np.ndarray) -> Tensor:
        assert frames.dtype == np.uint8
        return 7 - torch.from_numpy(frames).float().permute(0, 3, 1, 2)[:, :, 10:50, 30:]

    np.testing.assert_allclose(measure(turns, 100, 60, exact=False), (0.5, 0.1, 1, 0.5), atol=3e-3)


def test_thin_pictures_are_widened_not_blown_up() -> None:
    frames, extent = widen(np.zeros((1, 2, 640, 3), np.uint8))
    assert frames.shape[1:3] == (40, 640) and extent == (0.0, -9.5, 1.0, 10.5)
    frames, extent = widen(np.zeros((1, 1, 1, 3), np.uint8))
    assert frames.shape[1:3] == (32, 32) and extent == (0, 0, 1, 1)


def test_attention_of_the_class_token(load: Loader) -> None:
    """Against the library's own attentions; what is shown leaves out the class token itself."""
    encoder, image = load("image", "deit"), picture(64, 64)
    prepared = encoder.prepare(image)
    shown = {p.title: p for p in encoder.panels(image, prepared)}["backbone.attention"]
    model = direct(encoder)
    model.set_attn_implementation("eager")
    attention = model(pixel_values=prepared.values[None], output_attentions=True).attentions[-1]
    np.testing.assert_allclose(shown.values, attention[0, :, 0, 2:].reshape(2, 4, 4).detach().numpy(), rtol=1e-4)
    assert shown.extent == prepared.extent


# Texts


def by_hand_text(model: Any, name: str, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    if name == "clip":
        out = model.text_model(**inputs)
        return out.last_hidden_state[:, 1:-1], model.text_projection(out.pooler_output)
    if name == "clap":
        out = model.text_model(**inputs)
        vector = torch.nn.functional.normalize(model.text_projection(out.pooler_output), dim=-1)
        return out.last_hidden_state[:, 1:-1], vector
    if name == "align":
        hidden = model.text_model(**inputs).last_hidden_state
        return hidden[:, 1:-1], model.text_projection(hidden[:, 0])
    if name == "siglip":
        out = model.text_model(input_ids=inputs["input_ids"])
        real = int((inputs["input_ids"] != 0).sum())
        return out.last_hidden_state[:, 1 : real - 1], out.pooler_output
    if name == "byt5":
        hidden = model.encoder(**inputs).last_hidden_state
        return hidden[:, :-1], hidden.mean(1)
    hidden = model(**inputs).last_hidden_state
    return hidden[:, 1:-1], hidden.mean(1)


@pytest.mark.parametrize("name", tiny.TEXT)
def test_text_tokens_are_the_models_own(load: Loader, name: str) -> None:
    from transformers import AutoTokenizer

    encoder, text = load("text", name), "the number is seven"
    text = text.replace(" ", "") if name == "byt5" else text  # read by words, which have no blanks
    fill = {"padding": "max_length"} if name == "siglip" else {}
    inputs = AutoTokenizer.from_pretrained(encoder.source)(text, return_tensors="pt", **fill)
    tokens, vector = by_hand_text(direct(encoder), name, inputs)
    ours = describe(encoder, text, "seven")
    torch.testing.assert_close(ours[0][:1, : tokens.shape[1]], tokens, **CLOSE)
    torch.testing.assert_close(ours[2][:1], vector, **CLOSE)
    assert int(ours[1][0].sum()) == tokens.shape[1]


def test_subwords_lie_where_they_were_written(load: Loader) -> None:
    text = "  Unbelievable, sevens 七x"
    assert pieces(load("text", "bert"), text) == ["Un", "believ", "able", ",", "seven", "s", "七", "x"]
    assert pieces(load("text", "byt5"), "ab 七") == ["ab"] * 2 + ["七"] * 3, "a token that does not say where lies on its word"
    found = pieces(load("text", "roberta"), "the seven 七")
    assert found[:2] == ["the", "seven"] and found[-3:] == ["七"] * 3, "three bytes of one character"
    assert pieces(load("text", "clip"), "The SEVEN") == ["The", "SEVEN"]


def pieces(encoder: Backbone, text: str) -> list[str]:
    return [text[int(a) : int(b)] for a, b in encoder.prepare(text).layout.places]


def test_long_texts_are_cut_and_empty_ones_have_one_token(load: Loader) -> None:
    prepared = load("text", "bert").prepare("seven " * 100)
    assert len(prepared.layout.places) == 22 and prepared.extent == (0.0, 22 * 6 - 1.0)
    assert load("text", "bert").prepare("").layout.places.tolist() == [[0, 0]]


def test_sentence_pooling_is_what_its_repository_says(tmp_path: Path) -> None:
    folder = tiny.sentence(tmp_path)
    mean = load_backbone(str(folder), "text")
    tiny.write_json(folder / "1_Pooling", "config.json", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    first = load_backbone(str(folder), "text")
    hidden = direct(mean)(input_ids=mean.prepare("the seven").values[None, :, 0]).last_hidden_state
    torch.testing.assert_close(describe(mean, "the seven")[2], hidden.mean(1), **CLOSE)
    torch.testing.assert_close(describe(first, "the seven")[2], hidden[:, 0], **CLOSE)


# Sounds


@pytest.mark.parametrize("name", tiny.AUDIO)
def test_audio_tokens_are_the_models_own(load: Loader, name: str) -> None:
    from transformers import AutoFeatureExtractor

    encoder = load("audio", name)
    rate = encoder.tower.rate
    sound = noise(rate, 0.9)
    inputs = AutoFeatureExtractor.from_pretrained(encoder.source)(sound.samples, sampling_rate=rate, return_tensors="pt")
    model, ours = direct(encoder), describe(encoder, sound)
    if name == "clap":
        out = model.audio_model(input_features=inputs["input_features"])
        hidden = out.last_hidden_state[..., :3].flatten(2).transpose(1, 2)  # 10 s in 32 columns: three begin within 0.9 s
        vector = torch.nn.functional.normalize(model.audio_projection(out.pooler_output), dim=-1)
    elif name == "whisper":
        hidden = model.encoder(inputs["input_features"]).last_hidden_state[:, :46]  # middles at 0, 20, ... 900 ms
        vector = hidden.mean(1)
    elif name == "ast":
        hidden = model(**inputs).last_hidden_state
        vector = hidden[:, :2].mean(1)
        hidden = hidden[:, 2:].unflatten(1, (5, 25))[:, :, :18].flatten(1, 2)  # 32 bands by 6, 128 frames by 5; steps begin at 22.5 ms
    else:
        hidden = model(inputs["input_values"]).last_hidden_state
        vector = hidden.mean(1)
        assert hidden.shape[1] == 44, "14400 samples, a step of 320 and a reach of 400: (14400 - 400) // 320 + 1"
    torch.testing.assert_close(ours[0], hidden, **CLOSE)
    torch.testing.assert_close(ours[2], vector, **CLOSE)


def test_a_second_of_speech_has_49_tokens_20_ms_apart(load: Loader) -> None:
    places = load("audio", "wav2vec2").prepare(noise(16000, 1.0)).layout.places
    assert len(places) == 49
    np.testing.assert_allclose(np.diff(places[:, 0]), 0.02, atol=1e-6)
    np.testing.assert_allclose(places.mean(1), (np.arange(49) * 320 + 200) / 16000, atol=1e-6)


@pytest.mark.parametrize(("name", "seconds"), [("wav2vec2", 1), ("hubert", 1), ("ast", 1), ("whisper", 1), ("clap", 4)])
def test_click_changes_the_tokens_of_its_moment_most(load: Loader, name: str, seconds: int) -> None:
    """At the middle of a token's place, in a sound of another rate that hums, so that its loudness is not all the click's."""
    encoder, rate = load("audio", name), 24000
    hum = 0.1 * np.sin(2 * np.pi * 200 * np.arange(seconds * rate) / rate).astype(np.float32)
    places = encoder.prepare(Audio(rate, hum)).layout.places
    before = describe(encoder, Audio(rate, hum))[0][0]
    steps = len(places) // encoder.tower.clock.rows
    for step in (int(share * steps) for share in (0.3, 0.5, 0.8)):
        moment = places[step].mean()
        clicked = hum.copy()
        clicked[int(moment * rate) : int(moment * rate) + 24] += 0.8
        change = (describe(encoder, Audio(rate, clicked))[0][0] - before).square().sum(-1)
        assert int(change.argmax()) % steps == step


def test_long_sounds_are_read_where_they_are_loud(load: Loader) -> None:
    samples = RNG.normal(0, 0.001, 16000 * 25).astype(np.float32)
    samples[16000 * 18 : 16000 * 19] += RNG.normal(0, 0.3, 16000).astype(np.float32)
    extent = load("audio", "wav2vec2").prepare(Audio(16000, samples)).extent
    assert extent[0] <= 18 and extent[1] >= 19 and extent[1] - extent[0] == pytest.approx(10, abs=0.01)


# Clips


@pytest.mark.parametrize("name", tiny.VIDEO)
def test_video_tokens_are_the_models_own(load: Loader, name: str) -> None:
    from transformers import AutoVideoProcessor

    encoder = load("video", name)
    moving = clip(encoder.tower.frames)
    pixels = AutoVideoProcessor.from_pretrained(encoder.source)(list(moving.frames), return_tensors="pt")["pixel_values"]
    hidden = direct(encoder)(pixel_values=pixels).last_hidden_state
    tokens = hidden if name == "videomae" else hidden[:, 1:]
    if name == "timesformer":  # keeps the four moments of a patch together
        tokens = tokens.unflatten(1, (16, 4)).transpose(1, 2).flatten(1, 2)
    ours = describe(encoder, moving)
    torch.testing.assert_close(ours[0], tokens, **CLOSE)
    torch.testing.assert_close(ours[2], hidden.mean(1) if name == "videomae" else hidden[:, 0], **CLOSE)


@pytest.mark.parametrize("name", tiny.VIDEO)
def test_flash_changes_its_tubelet_most(load: Loader, name: str) -> None:
    encoder = load("video", name)
    count, h, w = encoder.tower.frames, 60, 90
    moments = encoder.tower.shape[0]
    black = Clip(np.zeros((count, h, w, 3), np.uint8), np.linspace(0, 1.4, count, dtype=np.float32))
    places = encoder.prepare(black).layout.places
    before = describe(encoder, black)[0][0]
    for index in (5, 22, 41, 63):
        t, x0, y0, x1, y1 = places[index]
        lit = black.frames.copy()
        at = np.abs(black.times - t) < 1.4 / (count - 1) * count / moments / 2
        assert at.sum() == count // moments
        lit[at, round(y0 * h + 3) : round(y1 * h - 2), round(x0 * w + 3) : round(x1 * w - 2)] = 255
        change = (describe(encoder, Clip(lit, black.times))[0][0] - before).square().sum(-1)
        assert int(change.argmax()) == index


# What a backbone is


def test_whitening_is_kept_without_the_backbone(load: Loader) -> None:
    """Fitted, its vectors have unit variance; and the small part of its state gives the same features to a fresh copy."""
    encoder = copy.deepcopy(load("image", "resnet"))
    media = [picture(40, 40) // (i + 1) for i in range(30)]
    encoder.fit(media)
    vectors = encoder(*collate([encoder.prepare(m) for m in media])).pooled
    torch.testing.assert_close(vectors.mean(0), torch.zeros(96), atol=1e-3, rtol=0)
    fresh = load_backbone(encoder.source, "image")
    small = {k: v for k, v in encoder.state_dict().items() if k.startswith(("token_map.", "pooled_map."))}
    fresh.load_state_dict(small, strict=False)
    torch.testing.assert_close(fresh(*collate([fresh.prepare(media[0])])).pooled[0], vectors[0], rtol=1e-3, atol=1e-3)
    assert encoder.options() == {"source": encoder.source, "modality": "image"}


def test_features_can_be_trained_on(load: Loader) -> None:
    encoder = load("text", "bert")
    features = encoder(*collate([encoder.prepare("the seven")]))
    layer = torch.nn.Linear(96, 3)
    (layer(features.pooled).sum() + layer(features.tokens).sum()).backward()
    assert layer.weight.grad.abs().sum() > 0
