"""Random models of a few thousand numbers, one of every family, saved as their repositories are: config, weights, processor."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SIZE, PATCH = 32, 8  # of pictures that the tiny models of vision read: a grid of 4 by 4
NARROW = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the number is seven un ##believ ##able ##s 七 , .".split()


def save(folder: Path, kind: str, config: Any, positive: bool = False) -> Path:
    """A model of the class `kind` with weights that are not the neutral ones it starts with."""
    import transformers

    torch.manual_seed(0)
    model = getattr(transformers, kind)(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 or "bias" in name:
                drawn = torch.randn_like(parameter) * 0.2
                parameter.copy_(drawn.abs() if positive else drawn)
    model.save_pretrained(folder)
    return folder


def write_json(folder: Path, name: str, content: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))


def pictures(folder: Path, kind: str, **settings: Any) -> None:
    """A processor as older repositories have it, with `feature_extractor_type` and a plain size."""
    write_json(
        folder,
        "preprocessor_config.json",
        {
            "feature_extractor_type": kind, "do_normalize": True, "do_resize": True, "resample": 3, "size": SIZE,
            "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], **settings,
        },
    )  # fmt: skip


def word_piece(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    write_json(folder, "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 24})


def byte_pairs(folder: Path, kind: str, special: dict[str, str], **settings: Any) -> int:
    """A byte-pair vocabulary learnt from a few words, in the files of CLIP or RoBERTa; gives its size."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    folder.mkdir(parents=True, exist_ok=True)
    clip = kind.startswith("CLIP")
    model = Tokenizer(models.BPE(end_of_word_suffix="</w>") if clip else models.BPE())
    model.pre_tokenizer, model.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=[] if clip else [*special.values()], initial_alphabet=alphabet,
        show_progress=False, **({"end_of_word_suffix": "</w>"} if clip else {}),
    )  # fmt: skip
    model.train_from_iterator(["the number seven is the number seven", "seven eight seventy"] * 4, trainer)
    found = json.loads(model.to_str())["model"]
    vocabulary = found["vocab"]
    for token in [c + "</w>" for c in alphabet if clip] + [*special.values()]:
        vocabulary.setdefault(token, len(vocabulary))
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in found["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(pairs) + "\n")
    write_json(folder, "tokenizer_config.json", {"tokenizer_class": kind, **special, **settings})
    return len(vocabulary)


def resnet(folder: Path) -> Path:
    import transformers as t

    pictures(folder, "ConvNextFeatureExtractor", crop_pct=0.875)
    config = t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic")
    return save(folder, "ResNetForImageClassification", config, positive=True)  # so that a cell's own middle counts most


def vit(folder: Path) -> Path:
    """As google/vit-base-patch16-224: saved as a classifier, so without a pooler."""
    import transformers as t

    pictures(folder, "ViTFeatureExtractor")
    return save(folder, "ViTForImageClassification", t.ViTConfig(image_size=SIZE, patch_size=PATCH, **NARROW))


def deit(folder: Path) -> Path:
    import transformers as t

    pictures(folder, "DeiTFeatureExtractor", size=40, do_center_crop=True, crop_size=SIZE)
    return save(folder, "DeiTForImageClassificationWithTeacher", t.DeiTConfig(image_size=SIZE, patch_size=PATCH, **NARROW))


def dinov2(folder: Path) -> Path:
    import transformers as t

    crop = {"height": SIZE, "width": SIZE}
    pictures(folder, "BitImageProcessor", size={"shortest_edge": 40}, do_center_crop=True, crop_size=crop)
    config = t.Dinov2WithRegistersConfig(image_size=SIZE, patch_size=PATCH, num_register_tokens=4, **NARROW)
    return save(folder, "Dinov2WithRegistersModel", config)


def swin(folder: Path) -> Path:
    import transformers as t

    pictures(folder, "ViTImageProcessor")
    config = t.SwinConfig(image_size=SIZE, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4)
    return save(folder, "SwinModel", config)


def clip(folder: Path) -> Path:
    import transformers as t

    pictures(folder, "CLIPFeatureExtractor", do_center_crop=True, crop_size=SIZE)
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    size = byte_pairs(folder, "CLIPTokenizer", special, model_max_length=20)
    text = {**NARROW, "vocab_size": size, "max_position_embeddings": 20, "eos_token_id": 2, "bos_token_id": size - 2, "pad_token_id": 1}
    vision = {**NARROW, "image_size": SIZE, "patch_size": PATCH}
    return save(folder, "CLIPModel", t.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12))


def siglip(folder: Path) -> Path:
    import transformers as t

    pictures(folder, "SiglipImageProcessor", size={"height": SIZE, "width": SIZE})
    word_piece(folder)
    write_json(folder, "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "model_max_length": 16})
    text = {**NARROW, "vocab_size": len(WORDS), "max_position_embeddings": 16, "projection_size": 16}
    config = t.SiglipConfig(text_config=text, vision_config={**NARROW, "image_size": SIZE, "patch_size": PATCH})
    return save(folder, "SiglipModel", config)


def align(folder: Path) -> Path:
    """Texts by BERT and pictures by EfficientNet, whose padding depends on whether a size is even."""
    import transformers as t

    pictures(folder, "EfficientNetImageProcessor", size={"height": 64, "width": 64})
    word_piece(folder)
    vision = {
        "image_size": 64, "width_coefficient": 1.0, "depth_coefficient": 1.0, "kernel_sizes": [3, 5], "in_channels": [32, 8],
        "out_channels": [8, 12], "strides": [1, 2], "num_block_repeats": [1, 1], "expand_ratios": [1, 2], "depthwise_padding": [],
        "hidden_dim": 16,
    }  # fmt: skip
    text = {**NARROW, "vocab_size": len(WORDS), "max_position_embeddings": 24}
    return save(folder, "AlignModel", t.AlignConfig(text_config=text, vision_config=vision, projection_dim=16))


def convnext(folder: Path) -> Path:
    import transformers as t

    pictures(folder, "ConvNextImageProcessor", size={"shortest_edge": 64}, crop_pct=0.875)
    return save(folder, "ConvNextModel", t.ConvNextConfig(hidden_sizes=[8, 12], depths=[1, 1], num_stages=2))


def mobilenet(folder: Path) -> Path:
    import transformers as t

    pictures(folder, "MobileNetV1ImageProcessor", size={"shortest_edge": 144}, do_center_crop=True, crop_size={"height": 128, "width": 128})
    return save(folder, "MobileNetV1Model", t.MobileNetV1Config(depth_multiplier=0.25, min_depth=4, image_size=128))


def bert(folder: Path) -> Path:
    import transformers as t

    word_piece(folder)
    return save(folder, "BertForMaskedLM", t.BertConfig(vocab_size=len(WORDS), max_position_embeddings=24, **NARROW))


def sentence(folder: Path) -> Path:
    """As sentence-transformers/all-MiniLM-L6-v2."""
    import transformers as t

    word_piece(folder)
    write_json(folder / "1_Pooling", "config.json", {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False})
    return save(folder, "BertModel", t.BertConfig(vocab_size=len(WORDS), max_position_embeddings=24, **NARROW))


def distilbert(folder: Path) -> Path:
    import transformers as t

    word_piece(folder)
    config = t.DistilBertConfig(vocab_size=len(WORDS), max_position_embeddings=24, dim=16, n_layers=1, n_heads=2, hidden_dim=24)
    return save(folder, "DistilBertForMaskedLM", config)


def roberta(folder: Path) -> Path:
    import transformers as t

    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}
    size = byte_pairs(folder, "RobertaTokenizer", special, model_max_length=22)
    return save(folder, "RobertaForMaskedLM", t.RobertaConfig(vocab_size=size, max_position_embeddings=24, **NARROW))


def byt5(folder: Path) -> Path:
    """A tokenizer that does not say where its tokens lie, and a model with a decoder that is not needed."""
    import transformers as t

    write_json(folder, "tokenizer_config.json", {"tokenizer_class": "ByT5Tokenizer", "model_max_length": 64})
    config = t.T5Config(vocab_size=384, d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2, decoder_start_token_id=0)
    return save(folder, "T5ForConditionalGeneration", config)


def canine(folder: Path) -> Path:
    """Reads no text of fewer than four letters."""
    import transformers as t

    write_json(folder, "tokenizer_config.json", {"tokenizer_class": "CanineTokenizer", "model_max_length": 64})
    config = t.CanineConfig(max_position_embeddings=64, num_hash_buckets=64, local_transformer_stride=16, **NARROW)
    return save(folder, "CanineModel", config)


def wav2vec2(folder: Path, kind: str = "Wav2Vec2") -> Path:
    import transformers as t

    extractor = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000, "feature_size": 1, "do_normalize": True}
    write_json(folder, "preprocessor_config.json", extractor)
    more = {"conv_dim": [8] * 7, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, **NARROW}
    return save(folder, f"{kind}Model", getattr(t, f"{kind}Config")(**more))


def hubert(folder: Path) -> Path:
    return wav2vec2(folder, "Hubert")


def wavlm(folder: Path) -> Path:
    return wav2vec2(folder, "WavLM")


def ast(folder: Path) -> Path:
    import transformers as t

    config = t.ASTConfig(patch_size=8, frequency_stride=6, time_stride=5, max_length=128, num_mel_bins=32, **NARROW)
    t.ASTFeatureExtractor(max_length=128, num_mel_bins=32, mean=-4.2, std=4.5).save_pretrained(folder)
    return save(folder, "ASTForAudioClassification", config)


def whisper(folder: Path) -> Path:
    import transformers as t

    t.WhisperFeatureExtractor(feature_size=16, chunk_length=2).save_pretrained(folder)
    config = t.WhisperConfig(
        vocab_size=40, num_mel_bins=16, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, max_source_positions=100, max_target_positions=20,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    return save(folder, "WhisperForConditionalGeneration", config)


def clap(folder: Path) -> Path:
    import transformers as t

    t.ClapFeatureExtractor(truncation="rand_trunc", max_length_s=10).save_pretrained(folder)
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}
    size = byte_pairs(folder, "RobertaTokenizer", special, model_max_length=18)
    audio = {
        "spec_size": 256, "num_mel_bins": 64, "patch_embeds_hidden_size": 8, "depths": [1, 1, 1, 1], "num_attention_heads": [2, 2, 2, 2],
        "hidden_size": 64, "window_size": 8,
    }  # fmt: skip
    text = {**NARROW, "vocab_size": size, "max_position_embeddings": 20}
    return save(folder, "ClapModel", t.ClapConfig(audio_config=audio, text_config=text, projection_dim=12))


def videomae(folder: Path) -> Path:
    """As MCG-NJU/videomae-base: saved as it was pretrained."""
    import transformers as t

    pictures(folder, "VideoMAEFeatureExtractor", do_center_crop=True, crop_size=SIZE)
    config = t.VideoMAEConfig(
        image_size=SIZE, patch_size=PATCH, num_frames=8, decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2,
        decoder_intermediate_size=24, **NARROW,
    )  # fmt: skip
    return save(folder, "VideoMAEForPreTraining", config)


def timesformer(folder: Path) -> Path:
    import transformers as t

    pictures(folder, "VideoMAEImageProcessor", do_center_crop=True, crop_size=SIZE)
    config = t.TimesformerConfig(image_size=SIZE, patch_size=PATCH, num_frames=4, **NARROW)
    return save(folder, "TimesformerForVideoClassification", config)


def vivit(folder: Path) -> Path:
    import transformers as t

    crop = {"height": SIZE, "width": SIZE}
    write_json(
        folder,
        "preprocessor_config.json",
        {"image_processor_type": "VivitImageProcessor", "do_center_crop": True, "crop_size": crop, "do_resize": True, "offset": True,
         "size": {"shortest_edge": 40}, "rescale_factor": 1 / 127.5, "do_rescale": True},
    )  # fmt: skip
    config = t.VivitConfig(image_size=SIZE, num_frames=8, tubelet_size=[2, PATCH, PATCH], **NARROW)
    return save(folder, "VivitForVideoClassification", config)


Maker = Callable[[Path], Path]
IMAGE: dict[str, Maker] = {f.__name__: f for f in (resnet, vit, deit, dinov2, swin, clip, siglip, align, convnext, mobilenet)}
TEXT: dict[str, Maker] = {f.__name__: f for f in (bert, sentence, distilbert, roberta, byt5, clip, siglip, align, clap)}
AUDIO: dict[str, Maker] = {f.__name__: f for f in (wav2vec2, hubert, wavlm, ast, whisper, clap)}
VIDEO: dict[str, Maker] = {f.__name__: f for f in (videomae, timesformer, vivit)}
EVERY = [(m, name) for m, kinds in (("image", IMAGE), ("text", TEXT), ("audio", AUDIO), ("video", VIDEO)) for name in kinds]
