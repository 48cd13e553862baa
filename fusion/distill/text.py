"""Distils the text encoder of `scenes` from MiniLM, and teaches it the classes at the same time.

    python -m fusion distill text --data DIR

One run learns two things: the teacher's sentence vector of every caption, word and phrase (through a linear map that is discarded), and
the class of those that have one. Word pieces start as the teacher's own, reduced in dimension by PCA.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import CHECKPOINTS, EncoderConfig, TrainConfig
from fusion.distill.teachers import TextTeacher, load_text_teacher, sentence_vectors
from fusion.encoders import Prepared, collate
from fusion.encoders.text_bert import UNKNOWN, TextBERT, agreement
from fusion.files import load_tensors, save_json, save_tensors
from fusion.media.corruptions import corrupt
from fusion.model import save_weights
from fusion.tasks.scenes import phrases
from fusion.tasks.scenes.captions import mine, read_captions, recast
from fusion.tasks.scenes.sources import NONE
from fusion.tasks.scenes.task import LABELS, ScenesTask
from fusion.training.loop import forget_state, train
from fusion.training.losses import soft_target
from fusion.training.progress import report
from fusion.types import FusionError

if TYPE_CHECKING:  # takes a second to import
    from transformers import PreTrainedTokenizerBase

RECIPE = TrainConfig(epochs=6, samples=60000, batch_size=128, lr=1e-3, weight_decay=0.01, precision="fp32", workers=1)
SHARPNESS = 12.0  # scale of cosines to logits of the phrases
FITTED = 20000  # sentences that the map to the teacher is fitted on
CAPTIONS = 60000  # that the teacher reads
RARE = 1500  # captions that each rare class is filled up to


def build_vocabulary(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """The teacher's word pieces in plain letters, and the characters of the project's own phrases in other scripts."""
    index = tokenizer.get_vocab()
    words = sorted(index, key=index.__getitem__)
    own = {c for line in (*phrases.THINGS.values(), phrases.NOTHING) for c in line}
    kept = [w for w in words if not w.startswith("[") and (w.isascii() or w.removeprefix("##") in own)]
    return [UNKNOWN, *kept]


def start_from(student: TextBERT, teacher: TextTeacher) -> None:
    """Word embeddings: the teacher's, in the directions in which they differ most, at the width the student was initialised with."""
    table = teacher.network.get_input_embeddings().get_parameter("weight").detach().float()
    index = teacher.tokenizer.get_vocab()
    rows = table[[index.get(w, index[UNKNOWN]) for w in student.vocabulary]]
    rows = rows - rows.mean(0)
    own = student.trunk.get_submodule("embeddings.word_embeddings").get_parameter("weight")
    directions = torch.linalg.svd(rows[:8000], full_matrices=False).Vh[: own.shape[1]]
    small = rows @ directions.T
    with torch.no_grad():
        own.copy_(small / small.std() * own.std())


def labelled_sentences(data: Path, seed: int = 0) -> list[tuple[str, int]]:
    """Training captions with their classes, rare classes filled up by recasting captions of other animals, and templates for all."""
    rng = np.random.default_rng(seed)
    found = mine(data, "train")
    pairs = [(c, k) for k in range(len(LABELS)) for c in rng.permutation(found[k])[:4000].tolist()]
    animals = [c for k in (0, 1, 2) for c in found[k]]
    for k in range(7):
        lacking = max(0, RARE - len(found[k]))
        told = (recast(c, k, rng) for c in rng.permutation(animals).tolist())
        pairs += [(c, k) for c, _ in zip((t for t in told if t), range(lacking), strict=False)]
    pairs += [(phrases.make_phrase(k, rng), k) for k in range(len(LABELS)) for _ in range(RARE)]
    pairs += [(c, NONE) for c in rng.permutation(found[NONE])[:9000].tolist()]
    return pairs + [(phrases.make_nothing(rng), NONE) for _ in range(9000)]


class Batch(TypedDict):
    """values (B, T), mask (B, T); label (B,), target (B, 384) the teacher's vector, taught (B,) True where that counts."""

    values: Tensor
    mask: Tensor
    label: Tensor
    target: Tensor
    taught: Tensor


class Sentences:
    """Sentences with a class, and sentences with the teacher's vector; half of each batch is of either kind."""

    def __init__(
        self, student: TextBERT, labelled: list[tuple[str, int]], taught: list[str], vectors: Tensor, count: int, seed: int
    ) -> None:
        self.student = student
        self.labelled = labelled
        self.taught = taught
        self.vectors = vectors
        self.count = count
        self.seed = seed
        self.epoch = 0
        by_class = [[i for i, (_, k) in enumerate(labelled) if k == c] for c in (NONE, *range(len(LABELS)))]
        self.pools = [np.array(p) for p in by_class]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Prepared, int, int]:
        """Prepared sentence, its class (-2 for one with the teacher's vector), and the row of that vector (-1 for one with a class)."""
        rng = np.random.default_rng([self.seed, self.epoch, index])
        if index % 2:
            row = int(rng.integers(len(self.taught)))
            return self.student.prepare(self.taught[row]), -2, row
        pool = self.pools[0 if rng.random() < 0.25 else int(rng.integers(1, len(self.pools)))]
        text, label = self.labelled[int(rng.choice(pool))]
        if rng.random() < 0.3:
            text = str(corrupt("text", text, int(rng.integers(1, 4)), rng))
        return self.student.prepare(vary(text, rng)), label, -1

    def collate(self, samples: list[tuple[Prepared, int, int]]) -> Batch:
        values, mask = collate([prepared for prepared, _, _ in samples])
        rows = torch.tensor([row for _, _, row in samples])
        return {
            "values": values,
            "mask": mask,
            "label": torch.tensor([label for _, label, _ in samples]),
            "target": self.vectors[rows.clamp_min(0)].float(),
            "taught": rows >= 0,
        }


def vary(text: str, rng: np.random.Generator) -> str:
    """Varies case and the final stop as people type them."""
    kind = rng.random()
    if kind < 0.05:
        text = text.upper()
    elif kind < 0.5:
        text = text.lower()
    return text.rstrip(" .") if rng.random() < 0.5 else text


class Taught(nn.Module):
    """The student with what only training needs: the map to the teacher's vectors, and the classes."""

    def __init__(self, student: TextBERT, width: int, classes: int) -> None:
        super().__init__()
        self.student = student
        student_width = student.trunk.get_submodule("embeddings.word_embeddings").get_parameter("weight").shape[1]
        self.to_teacher = nn.Linear(student_width, width)
        self.head = nn.Linear(student.embed_dim, classes)

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Sentence vectors (B, 384) in the teacher's space, and logits (B, K) of the classes."""
        assert self.student.pool is not None
        hidden = self.student.hidden(values, mask)
        pooled, _ = self.student.pool(self.student.project(hidden), mask)
        return self.to_teacher(self.student.sentence(hidden, mask)), self.head(F.dropout(pooled, 0.1, self.training))


def loss(model: Taught, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cosine distance to the teacher's vectors and error of their similarities to one another; cross-entropy of the classes."""
    vectors, logits = model(batch["values"], batch["mask"])
    taught = batch["taught"]
    found = vectors[taught]
    wanted = batch["target"][taught]
    distance = 1 - F.cosine_similarity(found, wanted).mean()
    relation = (F.normalize(found, dim=-1) @ wanted.T - wanted @ wanted.T).square().mean()
    label = batch["label"][~taught]
    logits = logits[~taught]
    entropy = F.cross_entropy(logits, soft_target(label, logits.shape[1], 0.02))
    named = label >= 0
    return 4 * distance + 10 * relation + entropy, (logits.argmax(-1) == label)[named].float().mean()


def teach(data: Path, vocabulary: list[str]) -> tuple[list[str], Tensor]:
    """Sentences and the teacher's vectors of them, kept beside the data."""
    rng = np.random.default_rng(1)
    captions = list(dict.fromkeys(c.strip() for c in read_captions(data, "train")))
    captions = rng.permutation(captions)[:CAPTIONS].tolist()
    words = [w for w in vocabulary if w.isalpha() and len(w) > 2]
    own = list(dict.fromkeys(phrases.make_phrase(int(rng.integers(len(LABELS))), rng) for _ in range(3000)))
    own += list(dict.fromkeys(phrases.make_nothing(rng) for _ in range(2000)))
    sentences = [s for s in captions + words + own if s.isascii()]  # the teacher reads English
    path = data / ".features" / f"minilm-{hashlib.sha256(chr(10).join(sentences).encode()).hexdigest()[:16]}.safetensors"
    try:
        vectors = load_tensors(path)["vectors"]
    except (FusionError, KeyError):  # the first time, or not whole
        vectors = sentence_vectors(load_text_teacher(), sentences).half()
        save_tensors(path, {"vectors": vectors}, checksum=False)
    return sentences, vectors


@torch.no_grad()
def name_concepts(student: TextBERT, sentences: list[str], vectors: Tensor, prototypes: Tensor) -> None:
    """Phrases as a classifier: the student's vector is mapped to the teacher's space by least squares and compared there by cosine."""
    own = []
    for start in range(0, len(sentences), 256):
        values, mask = collate([student.prepare(s) for s in sentences[start : start + 256]])
        own.append(student.sentence(student.eval().hidden(values, mask), mask))
    x = torch.cat(own)
    x = torch.cat([x, torch.ones(len(x), 1)], 1)
    to_teacher = torch.linalg.solve(x.T @ x + torch.eye(x.shape[1]), x.T @ vectors)  # (W + 1, 384)
    scale = SHARPNESS / (x @ to_teacher).norm(dim=1).mean()
    student.concepts.weight.copy_(scale * prototypes @ to_teacher[:-1].T)
    student.concepts.bias.copy_(scale * prototypes @ to_teacher[-1])


@torch.inference_mode()
def student_vectors(model: Taught, sentences: list[str]) -> Tensor:
    """Sentence vectors (N, 384) in the teacher's space."""
    out = []
    for start in range(0, len(sentences), 256):
        values, mask = collate([model.student.prepare(s) for s in sentences[start : start + 256]])
        out.append(model(values, mask)[0])
    return torch.cat(out)


def run(data: Path, home: Path = CHECKPOINTS / ScenesTask.name, config: TrainConfig = RECIPE) -> dict[str, float]:
    """Trains, saves the encoder and what was measured of it beside it."""
    teacher = load_text_teacher()
    vocabulary = build_vocabulary(teacher.tokenizer)
    sentences, vectors = teach(data, vocabulary)
    torch.manual_seed(config.seed)
    told, none = phrases.prototypes()
    student = TextBERT(vocabulary=vocabulary, phrases=[*told, none])
    start_from(student, teacher)
    model = Taught(student, vectors.shape[1], len(LABELS))
    samples = Sentences(student, labelled_sentences(data), sentences, vectors, config.samples, config.seed)
    folder = home / "encoders" / "text"
    report(train(model, samples, loss, config, folder, "cpu"), "text")
    prototypes = sentence_vectors(teacher, [phrase for several in student.phrases for phrase in several])
    name_concepts(student, sentences[:FITTED], vectors[:FITTED].float(), prototypes)
    save_weights(folder, student.state_dict(), EncoderConfig("text_bert", student.options()), half=True)
    forget_state(folder)
    test = list(dict.fromkeys(c.strip() for c in read_captions(data, "test")))[::8][:2000]
    same = agreement(student_vectors(model, test), sentence_vectors(teacher, test))
    found = {"agreement": same, "sentences": len(test)}
    save_json(folder / "distilled.json", found)
    return found
