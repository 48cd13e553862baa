"""Distilling the encoder of the sentence space, on a tiny teacher and a made-up WordNet."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import BertConfig, BertModel

from fusion.distill import sentence_texts
from fusion.distill.name_senses import read_senses, vectors_with_senses
from fusion.distill.sentence_texts import Texts, read_wordnet
from fusion.distill.sentences import Sentences, Taught, agreement, build_vocabulary, loss, start_from
from fusion.distill.teachers import TextTeacher
from fusion.encoders import collate
from fusion.encoders.text_minilm import SPECIAL, TextMiniLM
from fusion.types import FusionError

WORDS = ("dog", "cat", "runs", "sleeps", "##s", "a", "the", "violin", *"bcdefghijklmnopqrstuvwxyz0123456789")
NOUNS = """  1 licence text
00000001 05 n 02 crane 0 wader 0 001 @ 00000003 n 0000 | large long-necked bird of marshes; "a crane flew by"
00000002 06 n 01 crane 0 001 @ 00000003 n 0000 | machine that lifts heavy things
00000003 03 n 01 police_dog 0 000 | a dog that works
"""


class Tokenizer:
    """What the distillation asks of the teacher's tokenizer."""

    def get_vocab(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(("[unused]", *SPECIAL, *WORDS))}


@pytest.fixture(scope="module")
def teacher() -> TextTeacher:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS) + 5, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536,
        max_position_embeddings=160, attn_implementation="eager",
    )  # fmt: skip
    return TextTeacher(Tokenizer(), BertModel(config, add_pooling_layer=False).eval().requires_grad_(False))


@pytest.fixture(scope="module")
def texts() -> Texts:
    some = ["a dog runs", "the cat sleeps", "dog", "cat", "violin"] * 4
    return Texts(names=["dog", "cat"], held=["violin"], words=some, glosses=some, captions=some, emoji=["dog"], posts=some)


def test_the_vocabulary_is_what_occurs_and_all_letters(teacher, texts):
    found = build_vocabulary(teacher, texts)
    assert found[:4] == list(SPECIAL) and {"dog", "cat", "runs", "violin", "z", "7"} <= set(found)
    assert "[unused]" not in found


def test_a_student_starts_as_layers_of_its_teacher_and_learns_the_rest(teacher, texts):
    student = TextMiniLM(build_vocabulary(teacher, texts))
    start_from(student, teacher, (0, 3, 5))
    rows = torch.tensor([Tokenizer().get_vocab()[w] for w in student.vocabulary])
    torch.testing.assert_close(student.trunk.embeddings.word_embeddings.weight, teacher.network.embeddings.word_embeddings.weight[rows])
    for mine, theirs in enumerate((0, 3, 5)):
        for left, right in zip(
            student.trunk.encoder.layer[mine].parameters(), teacher.network.encoder.layer[theirs].parameters(), strict=True
        ):
            assert torch.equal(left, right)
    model = Taught(student, teacher)
    assert not any("teacher" in name for name in model.state_dict())
    data = Sentences(student, texts, 2, 0)
    batch = data.collate([data[0]])
    before, _ = loss(model, batch)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3)
    for _ in range(4):
        value, _ = loss(model, batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    after, cosine = loss(model, batch)
    assert after < before and -1 <= cosine <= 1


def test_a_text_reads_alike_alone_and_in_a_batch_and_between_its_marks():
    student = TextMiniLM([*SPECIAL, *WORDS]).eval()
    prepared = [student.prepare(text) for text in ("a dog runs", "cats", "")]
    values, mask = collate(prepared)
    with torch.inference_mode():
        together = student(values, mask)
        for i, one in enumerate(prepared):
            alone = student(*collate([one]))
            torch.testing.assert_close(alone.pooled[0], together.pooled[i], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(alone.weights.sum(), torch.tensor(1.0))
    ids, real = student.enclosed(values, mask)
    assert ids[1].tolist()[:4] == [2, student.vocabulary.index("cat"), student.vocabulary.index("##s"), 3] and real.sum(1).tolist() == [
        5,
        4,
        3,
    ]
    assert prepared[1].layout.places.tolist() == [[0, 3], [3, 4]]
    assert student.prepare("dog " * 300).notes and len(student.prepare("dog " * 300).values) == 128


def test_agreement_is_perfect_with_itself_and_low_by_chance():
    generator = torch.Generator().manual_seed(0)
    x, y = (F.normalize(torch.randn(60, 32, generator=generator), dim=-1) for _ in range(2))
    assert agreement(x, x) == {"cosine": 1.0, "neighbours": 1.0, "order": 1.0}
    other = agreement(x, y)
    assert other["neighbours"] < 0.3 and abs(other["order"]) < 0.2


def test_texts_are_drawn_alike_for_the_same_seed(texts):
    first, second = ([texts.draw(np.random.default_rng(3)) for _ in range(5)] for _ in range(2))
    assert first == second and all(text.strip() for text in first)


def test_wordnet_is_read_without_its_licence(tmp_path):
    for part in sentence_texts.PARTS:
        (tmp_path / f"data.{part}").write_text(NOUNS if part == "noun" else "  1 licence text\n")
    lemmas, glosses = read_wordnet(tmp_path)
    assert lemmas == ["crane", "wader", "police dog"]
    assert glosses == ["large long-necked bird of marshes", "machine that lifts heavy things", "a dog that works"]
    with pytest.raises(FusionError, match="WordNet"):
        read_wordnet(tmp_path / "nothing")


def test_the_sense_of_a_name_is_the_one_near_its_neighbours(tmp_path):
    (tmp_path / "data.noun").write_text(NOUNS)
    senses = read_senses(tmp_path)
    assert len(senses["crane"]) == 2

    def encode(words: list[str]) -> torch.Tensor:
        rows = [[float("bird" in w or "heron" in w), float("machine" in w or "lorry" in w), 0.1] for w in words]
        return F.normalize(torch.tensor(rows), dim=-1)

    among_birds = vectors_with_senses(["heron", "crane", "heron"], senses, encode)[1]
    among_machines = vectors_with_senses(["lorry", "crane", "lorry"], senses, encode)[1]
    assert among_birds[0] > among_birds[1] and among_machines[1] > among_machines[0]


def test_names_and_dictionary_are_json():
    from fusion.tasks.open.translation import dictionaries

    assert set(dictionaries()) == {"zh", "es", "fr", "de"} and all(len(found) > 500 for found in dictionaries().values())
    assert json.dumps(dictionaries()["de"])
