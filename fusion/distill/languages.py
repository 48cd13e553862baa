"""Teaches the text encoder of `scenes` further languages, and what is none of the classes, while what it reads already stays as it is.

    python -m fusion distill languages --data DIR

A warm start. The vocabulary gains Chinese characters at its end, so that every other text has the pieces it had. Only the trunk is
trained, with three kinds of sentences in each batch:

    kept    captions and phrases it was trained on: its tokens stay where they were
    known   a sentence of a class in any language: its pooled vector is drawn to that of an English phrase of the class, and the trained
            strategies, which stay as they are, have to answer with the class
    none    a sentence of no class: the strategies have to be undecided

Reference: Reimers & Gurevych 2020, Making Monolingual Sentence Embeddings Multilingual using Knowledge Distillation (arXiv 2004.09813);
Li & Hoiem 2016, Learning without Forgetting; Hendrycks 2019, Outlier Exposure.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypedDict, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import CHECKPOINTS, EncoderConfig, TrainConfig
from fusion.distill.text import labelled_sentences, vary
from fusion.encoders import Prepared, collate
from fusion.encoders.text_bert import TextBERT
from fusion.files import save_json
from fusion.media.corruptions import corrupt
from fusion.messages import DEFAULT_LANGUAGE
from fusion.model import FusionModel, load_encoder, load_model, present_mask, save_weights
from fusion.tasks.scenes import languages, phrases
from fusion.tasks.scenes.captions import mine
from fusion.tasks.scenes.sources import NONE
from fusion.tasks.scenes.task import LABELS, ScenesTask
from fusion.training.loop import forget_state, train
from fusion.training.losses import SMOOTHING, relative_error, soft_target
from fusion.training.progress import report
from fusion.types import Features

STAGE = TrainConfig(epochs=8, samples=7680, batch_size=128, lr=1e-3, weight_decay=0.01, precision="bf16", workers=0)
STAGES = (STAGE, replace(STAGE, epochs=6, lr=8e-4, seed=1))  # one after the other
KEPT = 0.25  # share of the sentences that are kept
WEIGHTS = {"kept": 4.0, "twin": 0.5, "known": 1.0, "none": 1.5}
ASKED = 2  # strategies that answer each batch, drawn at random, besides the encoder's own classifier


def grown(encoder: TextBERT, pieces: list[str]) -> TextBERT:
    """The same encoder with further pieces at the end of its vocabulary; texts without them are read exactly as before."""
    further = [piece for piece in dict.fromkeys(pieces) if piece not in set(encoder.vocabulary)]
    options = encoder.options() | {"vocabulary": [*encoder.vocabulary, *further]}
    larger = TextBERT(encoder.embed_dim, **options)
    state = encoder.state_dict()
    name = "trunk.embeddings.word_embeddings.weight"
    old = state[name]
    state[name] = torch.cat([old, torch.randn(len(further), old.shape[1], dtype=old.dtype) * old.std()])
    larger.load_state_dict(state)
    return larger


class Batch(TypedDict):
    """kept, kept_mask (K, T) of sentences that are held; values, mask (B, T) of new ones, label (B,), -1 for none."""

    kept: Tensor
    kept_mask: Tensor
    values: Tensor
    mask: Tensor
    label: Tensor


class Sentences:
    """A quarter of the sentences are kept, the others new, half of these of no class."""

    def __init__(self, encoder: TextBERT, before: TextBERT, data: Path, config: TrainConfig) -> None:
        self.encoder = encoder
        self.before = before
        self.count = config.samples
        self.seed = config.seed
        self.epoch = 0
        self.kept = [(text, k) for text, k in labelled_sentences(data) if text.isascii()]
        by_class = [[i for i, (_, k) in enumerate(self.kept) if k == c] for c in (NONE, *range(len(LABELS)))]
        self.pools = [np.array(p) for p in by_class]
        self.emoji = languages.read_emoji_names(data)
        self.captions = [text for text in mine(data, "train")[NONE] if not languages.names_a_class(text)]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Prepared, int, bool]:
        """A prepared sentence, its class, and whether it is kept."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        if rng.random() < KEPT:
            text, label = self.draw_kept(rng)
            return self.before.prepare(text), label, True
        text, label = self.draw_known(rng) if rng.random() < 0.5 else self.draw_none(rng)
        if text.lower() in languages.reserved():
            return self[index + self.count]
        if rng.random() < 0.1:
            text = str(corrupt("text", text, int(rng.integers(1, 3)), rng))
        return self.encoder.prepare(vary(text, rng)), label, False

    def draw_kept(self, rng: np.random.Generator) -> tuple[str, int]:
        """A sentence that the encoder was trained on."""
        pool = self.pools[0 if rng.random() < 0.25 else int(rng.integers(1, len(self.pools)))]
        text, label = self.kept[int(pool[int(rng.integers(len(pool)))])]
        if rng.random() < 0.3:
            text = str(corrupt("text", text, int(rng.integers(1, 5)), rng))
        return vary(text, rng), label

    def draw_known(self, rng: np.random.Generator) -> tuple[str, int]:
        label = int(rng.integers(len(LABELS)))
        return languages.make_known(languages.pick(languages.LANGUAGES, rng), label, rng), label

    def draw_none(self, rng: np.random.Generator) -> tuple[str, int]:
        language = languages.pick(languages.LANGUAGES, rng)
        if language == DEFAULT_LANGUAGE and rng.random() < 0.35:
            return languages.pick(self.captions, rng), NONE
        return languages.make_none(language, self.emoji[language], rng), NONE

    def collate(self, samples: list[tuple[Prepared, int, bool]]) -> Batch:
        values, mask = collate([text for text, _, kept in samples if not kept])
        kept_values, kept_mask = collate([text for text, _, kept in samples if kept])
        label = torch.tensor([label for _, label, kept in samples if not kept])
        return {"kept": kept_values, "kept_mask": kept_mask, "values": values, "mask": mask, "label": label}


class Taught(nn.Module):
    """The encoder, what it was before, and the strategies that read it; only the encoder's trunk is trained."""

    def __init__(self, encoder: TextBERT, before: TextBERT, strategies: dict[str, FusionModel], twins: Tensor) -> None:
        """`twins` (K, N, D): pooled vectors of N English phrases of each class, as they were before."""
        super().__init__()
        self.encoder = encoder
        self.before = before.requires_grad_(False)
        self.strategies = nn.ModuleDict(cast("dict[str, nn.Module]", strategies)).requires_grad_(False)
        self.twins = nn.Buffer(twins, persistent=False)
        self.encoder.requires_grad_(False)
        self.encoder.trunk.requires_grad_(True)

    def train(self, mode: bool = True) -> Taught:
        """Dropout in the trunk alone."""
        super().train(mode)
        self.before.eval()
        self.strategies.eval()
        return self

    def answers(self, features: Features) -> list[Tensor]:
        """Logits (B, K) of the encoder's own classifier and of a few strategies, each with text alone."""
        names = [name for name in self.strategies if name != "text_only"]
        chosen = [names[int(i)] for i in torch.randperm(len(names))[:ASKED]]
        found = []
        for name in ("text_only", *chosen):
            model = self.strategies[name]
            assert isinstance(model, FusionModel)
            present = present_mask(model.strategy.modalities, [("text",)] * len(features.pooled))
            found.append(model.fuse({"text": features}, present).logits.float())
        return found


@torch.inference_mode()
def twins_of(before: TextBERT, count: int = 200, seed: int = 0) -> Tensor:
    """Pooled vectors (K, N, D) of English phrases of each class."""
    rng = np.random.default_rng(seed)
    found = []
    for label in range(len(LABELS)):
        drawn = (phrases.make_phrase(label, rng) for _ in range(4 * count))
        texts = [text for text in drawn if text.isascii()][:count]
        found.append(before.eval()(*collate([before.prepare(text) for text in texts])).pooled)
    return torch.stack(found).clone()


def loss(model: Taught, batch: Batch) -> tuple[Tensor, Tensor]:
    """How far kept tokens and vectors moved, and new vectors lie from a twin's, in units of their variance; and cross-entropy of the
    strategies' answers to the new sentences."""
    with torch.no_grad():
        before = model.before(batch["kept"], batch["kept_mask"])
    held = model.encoder(batch["kept"], batch["kept_mask"])
    real = before.mask
    moved = relative_error(held.tokens[real], before.tokens[real]) + relative_error(held.pooled, before.pooled)
    now = model.encoder(batch["values"], batch["mask"])
    label = batch["label"]
    known = label >= 0
    row = torch.randint(model.twins.shape[1], (int(known.sum()),))
    apart = F.mse_loss(now.pooled[known], model.twins[label[known], row]) / model.twins.var()
    total = WEIGHTS["kept"] * moved + WEIGHTS["twin"] * apart
    weight = torch.where(known, WEIGHTS["known"], WEIGHTS["none"])
    with torch.autocast(now.pooled.device.type, enabled=False):  # one of the strategies overflows in half precision
        answers = model.answers(Features(now.tokens.float(), now.mask, now.pooled.float(), now.weights.float()))
    for logits in answers:
        target = soft_target(label, logits.shape[1], SMOOTHING)
        total = total + (weight * F.cross_entropy(logits, target, reduction="none")).mean() / len(answers)
    return total, (answers[0].argmax(-1) == label)[known].float().mean()


@torch.inference_mode()
def measured(encoder: TextBERT, classifier: FusionModel) -> dict[str, dict[str, float]]:
    """{language: macro recall on the sentences written for the test, and how many these are}."""
    found = {}
    for language in languages.LANGUAGES:
        pairs = [(text, k) for text, k in languages.test_sentences(language) if k != NONE]
        features = encoder.eval()(*collate([encoder.prepare(text) for text, _ in pairs]))
        given = torch.ones(len(pairs), 1, dtype=torch.bool)
        answers = classifier.fuse({"text": features}, given).logits.argmax(-1)
        label = torch.tensor([k for _, k in pairs])
        recall = [float((answers[label == k] == k).float().mean()) for k in range(len(LABELS))]
        found[language] = {"recall": round(sum(recall) / len(recall), 4), "sentences": len(pairs)}
    return found


def run(data: Path, home: Path = CHECKPOINTS / ScenesTask.name, stages: tuple[TrainConfig, ...] = STAGES) -> dict[str, dict[str, float]]:
    """Trains the encoder in `home` further, and saves it and what was measured of it."""
    folder = home / "encoders" / "text"
    before = load_encoder(folder)
    start = load_encoder(folder)
    assert isinstance(before, TextBERT) and isinstance(start, TextBERT)
    torch.manual_seed(stages[0].seed)
    encoder = grown(start, [*languages.characters(), *languages.symbols()])
    without_text = ("image_only", "audio_only", "video_only")
    names = sorted(p.parent.name for p in home.glob("*/config.json") if p.parent.name not in without_text)
    strategies = {name: load_model(home / name, {}) for name in names}
    model = Taught(encoder, before, strategies, twins_of(before))
    for number, config in enumerate(stages, 1):
        report(train(model, Sentences(encoder, before, data, config), loss, config, folder, "cpu"), f"languages, stage {number}")
        forget_state(folder)
    save_weights(folder, encoder.state_dict(), EncoderConfig("text_bert", encoder.options()), half=True)
    found = measured(encoder, strategies["text_only"])
    save_json(folder / "languages.json", found)
    return found
