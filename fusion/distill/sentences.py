"""Distils the encoder of the sentence space from MiniLM: three of its six layers, and the word pieces that occur in texts like those typed.

    python -m fusion distill sentences --data DIR --wordnet DIR

The student starts as every second layer of the teacher, and its word pieces stay as they are: so a word that no training text holds
still has the teacher's piece. It learns the teacher's last output for every piece, its sentence vectors, and the similarities of the
sentences of a batch. The teacher reads each batch anew: no sentence is stored, and hardly any is read twice.

Reference: Sanh 2019 (DistilBERT); Reimers & Gurevych 2020 (students in the teacher's sentence space).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import CHECKPOINTS, EncoderConfig, TrainConfig
from fusion.distill.name_senses import read_senses, vectors_with_senses
from fusion.distill.sentence_texts import PHRASINGS, Texts, read_texts
from fusion.distill.teachers import TextTeacher, load_text_teacher, sentence_vectors
from fusion.encoders import Prepared, collate
from fusion.encoders.text_minilm import SPECIAL, TextMiniLM
from fusion.files import save_json, save_tensors
from fusion.label_space import TABLES
from fusion.model import load_encoder, save_compact_encoder
from fusion.tasks.open.task import OpenTask, names
from fusion.tasks.scenes.captions import read_captions
from fusion.training.loop import forget_state, train
from fusion.training.progress import report

LAYERS = (0, 3, 5)  # of the teacher's six, with which the student starts
LEAST = 3  # occurrences in all texts, below which a word piece of the teacher is left out
TOGETHER = 64  # texts in a batch
DRAWN = 2  # times as many texts are drawn, of which those of similar length make a batch
LONGEST = 40  # word pieces of a training text
RECIPE = TrainConfig(epochs=10, samples=140, batch_size=1, lr=6e-4, weight_decay=0.01, precision="bf16", workers=0)
SYNONYMS = (
    ("puppy", "dog"), ("canine", "dog breed"), ("kitty", "cat"), ("automobile", "car"), ("violin player", "violin"),
    ("six-string", "guitar"), ("piano music", "piano"), ("jet", "airplane"), ("locomotive", "train"), ("bicycle", "bike"),
    ("cup of coffee", "espresso"), ("rifle", "gun"), ("cell phone", "cellular telephone"), ("couch", "sofa"), ("chainsaw", "power saw"),
    ("infant crying", "baby cry"), ("laughter", "laugh"), ("thunder", "thunderstorm"), ("rooster", "cock"), ("pumpkin", "squash"),
    ("hamburger", "cheeseburger"), ("television", "tv"), ("ship", "boat"), ("church bell", "bell"), ("drums", "drum"), ("trumpet", "horn"),
    ("strawberry", "fruit"), ("oven", "stove"), ("wolf", "coyote"), ("fungus", "mushroom"),
)  # fmt: skip


def build_vocabulary(teacher: TextTeacher, texts: Texts) -> list[str]:
    """Word pieces of the teacher that the texts hold, and all single characters in plain letters; any word can be spelled."""
    pieces = teacher.tokenizer.get_vocab()
    reader = TextMiniLM.read_with([*SPECIAL, *(w for w in pieces if w not in SPECIAL)])
    seen: Counter[str] = Counter()
    every = list(texts.every()) + texts.held
    for start in range(0, len(every), 10_000):
        for encoded in reader.encode_batch(every[start : start + 10_000]):
            seen.update(encoded.tokens)
    letters = {w for w in pieces if len(w.removeprefix("##")) == 1 and w.isascii()}
    kept = [w for w in sorted(pieces, key=pieces.__getitem__) if (seen[w] >= LEAST or w in letters) and w not in SPECIAL]
    return [*SPECIAL, *kept]


def start_from(student: TextMiniLM, teacher: TextTeacher, layers: tuple[int, ...] = LAYERS) -> None:
    """Gives the student the teacher's word pieces, places and layers."""
    index = teacher.tokenizer.get_vocab()
    rows = torch.tensor([index[w] for w in student.vocabulary])
    state = teacher.network.state_dict()
    own = student.trunk.state_dict()
    for name in own:
        source = name
        if name.startswith("encoder.layer."):
            number, _, rest = name.removeprefix("encoder.layer.").partition(".")
            source = f"encoder.layer.{layers[int(number)]}.{rest}"
        value = state[source]
        if name == "embeddings.word_embeddings.weight":
            value = value[rows]
        own[name] = value[: own[name].shape[0]].clone().reshape(own[name].shape) if value.shape != own[name].shape else value.clone()
    student.trunk.load_state_dict(own)


class Batch(TypedDict):
    """values, mask (B, T): texts of similar length, prepared by the student."""

    values: Tensor
    mask: Tensor


class Sentences:
    """Each sample is a whole batch, of texts of similar length."""

    def __init__(self, student: TextMiniLM, texts: Texts, count: int, seed: int) -> None:
        self.student = student
        self.texts = texts
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> list[Prepared]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        drawn = sorted((self.texts.draw(rng) for _ in range(DRAWN * TOGETHER)), key=len)
        start = TOGETHER * int(rng.integers(DRAWN))
        return [self.student.prepare(text) for text in drawn[start : start + TOGETHER]]

    def collate(self, samples: list[list[Prepared]]) -> Batch:
        values, mask = collate([p for batch in samples for p in batch])
        return {"values": values[:, :LONGEST], "mask": mask[:, :LONGEST]}


class Taught(nn.Module):
    """The student, whose word pieces are frozen, and the teacher, which is no part of what is saved."""

    def __init__(self, student: TextMiniLM, teacher: TextTeacher) -> None:
        super().__init__()
        self.student = student
        student.trunk.get_submodule("embeddings.word_embeddings").requires_grad_(False)
        index = teacher.tokenizer.get_vocab()
        self.pieces = torch.tensor([index[w] for w in student.vocabulary])
        self.teacher = [teacher.network]  # in a list: torch does not look into it

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Output for each piece by student and teacher (B, T + 2, 384), and the mask (B, T + 2)."""
        found, real = self.student.hidden(values, mask)
        ids, _ = self.student.enclosed(values, mask)
        with torch.no_grad():
            wanted = self.teacher[0](input_ids=self.pieces[ids], attention_mask=real.long()).last_hidden_state
        return found.float(), wanted.float(), real


def loss(model: Taught, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cosine distances of pieces and of sentences, and error of the sentences' similarities; beside it the mean cosine of sentences."""
    found, wanted, real = model(batch["values"], batch["mask"])
    pieces = 1 - F.cosine_similarity(found, wanted, dim=-1)[real].mean()
    mine = model.student.sentence(found, real)
    theirs = model.student.sentence(wanted, real)
    cosine = (mine * theirs).sum(-1).mean()
    relation = (mine @ mine.T - theirs @ theirs.T).square().mean()
    return pieces + 4 * (1 - cosine) + 10 * relation, cosine.detach()


def agreement(student: Tensor, teacher: Tensor, neighbours: int = 5) -> dict[str, float]:
    """How alike two sets of unit vectors (N, *) of the same texts are.

    cosine      mean cosine between both vectors of a text
    neighbours  share of each text's nearest texts by the teacher that are so by the student
    order       rank correlation of the similarities of all pairs of texts
    """
    ours, theirs = (x @ x.T for x in (student, teacher))
    pairs = torch.triu_indices(len(ours), len(ours), 1)
    order = spearmanr(ours[*pairs].numpy(), theirs[*pairs].numpy()).statistic
    near = [(x - 2 * torch.eye(len(x))).topk(min(neighbours, len(x) - 1)).indices for x in (ours, theirs)]
    shared = (near[0][:, :, None] == near[1][:, None, :]).any(-1).float().mean()
    return {
        "cosine": round(float((student * teacher).sum(-1).mean()), 4),
        "neighbours": round(float(shared), 4),
        "order": round(float(order), 4),
    }


def measure(student: TextMiniLM, teacher: TextTeacher, texts: Texts, captions: list[str]) -> dict[str, dict[str, float]]:
    """Agreement on texts that training never saw: names, names in a phrasing, captions; and which synonym belongs to which word."""
    rng = np.random.default_rng(0)
    held = {
        "names": texts.held,
        "names in phrasings": [str(rng.choice(PHRASINGS)).format(name) for name in texts.held],
        "captions": rng.permutation(list(dict.fromkeys(captions)))[:1500].tolist(),
    }
    found = {}
    for kind, several in held.items():
        found[kind] = agreement(student.vectors(several), sentence_vectors(teacher, several)) | {"texts": len(several)}
    left, right = (list(side) for side in zip(*SYNONYMS, strict=True))
    points = {
        "student": (student.vectors(left), student.vectors(right)),
        "teacher": (sentence_vectors(teacher, left), sentence_vectors(teacher, right)),
    }
    nearest = {name: (a @ b.T).argmax(1) for name, (a, b) in points.items()}
    order = torch.arange(len(left))
    matched = {name: float((rows == order).float().mean()) for name, rows in nearest.items()}
    found["synonyms"] = {name: round(share, 4) for name, share in matched.items()} | {"texts": len(left)}
    return found


def run(data: Path, wordnet: Path, home: Path = CHECKPOINTS / OpenTask.name, config: TrainConfig = RECIPE) -> dict[str, dict[str, float]]:
    """Trains, saves the encoder, the vectors of all names, and what was measured on held-out texts."""
    teacher = load_text_teacher()
    texts = read_texts(data, wordnet, names()["audio"])
    torch.manual_seed(config.seed)
    student = TextMiniLM(build_vocabulary(teacher, texts))
    start_from(student, teacher)
    folder = home / "encoders" / "text"
    model = Taught(student, teacher)
    report(train(model, Sentences(student, texts, config.samples, config.seed), loss, config, folder, "cpu"), "sentences")
    save(student.eval(), wordnet, home)
    forget_state(folder)
    found = measure(student, teacher, texts, read_captions(data, "test"))
    save_json(folder / "distilled.json", found)
    return found


def save(student: TextMiniLM, wordnet: Path, home: Path) -> None:
    """Writes the encoder with 8 bits for each weight, and the vectors of all names as it gives them then: ImageNet's with their senses."""
    folder = home / "encoders" / "text"
    save_compact_encoder(folder, student, EncoderConfig("text_minilm", student.options()))
    rounded = load_encoder(folder)
    assert isinstance(rounded, TextMiniLM)
    photos, sounds = (list(names()[kind]) for kind in ("image", "audio"))
    vectors = {"image": vectors_with_senses(photos, read_senses(wordnet), rounded.vectors), "audio": rounded.vectors(sounds)}
    save_tensors(home / TABLES, {kind: found.half() for kind, found in vectors.items()})
