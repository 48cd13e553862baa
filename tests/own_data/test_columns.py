"""What columns are taken for, and the three kinds of answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fusion.own_data.columns import read_override
from fusion.own_data.reading import read_samples
from fusion.own_data.targets import build_target, read_labels
from fusion.types import FusionError
from tests.own_data.make import write_csv

TEXTS = ["the cat sat on the mat", "dogs bark at night, all night", "it rains in the north again", "nobody knows what to say to him"]


def mixed(path: Path) -> Path:
    rows = [
        {
            "id": f"u{i}x",
            "when": f"2024-03-{i % 28 + 1:02}",
            "height": 150 + (i * 7) % 40,
            "city": ["Oslo", "Rome", "Lima"][i % 3],
            "speaker": f"s{i % 5}",
            "said": f"{TEXTS[i % 4]} {i}",
            "constant": "same",
            "nothing": "",
            "label": ["yes", "no"][(i * 3) % 2],
        }
        for i in range(40)
    ]
    return write_csv(path / "metadata.csv", rows)


def test_every_column_has_a_kind_and_a_reason(tmp_path: Path) -> None:
    samples = read_samples(mixed(tmp_path))
    kinds = {c.name: c.kind for c in samples.columns}
    assert kinds == {
        "id": "id", "when": "date", "height": "number", "city": "category", "speaker": "group", "said": "text", "constant": "ignore",
        "nothing": "ignore", "label": "label",
    }  # fmt: skip
    assert all(c.why and (c.example or c.name == "nothing") for c in samples.columns)
    assert samples.kinds == {"said": "text", "table": "table"} and len(set(samples.groups or [])) == 5


def test_every_kind_can_be_changed(tmp_path: Path) -> None:
    path = mixed(tmp_path)
    samples = read_samples(path, label="city", columns=read_override("height=ignore,city=label,said=ignore,label=category,speaker=ignore"))
    assert samples.classes == ("Lima", "Oslo", "Rome") and samples.table_columns == {"label": "category"} and samples.groups is None
    with pytest.raises(FusionError, match="no column named 'colour'"):
        read_samples(path, label="colour")
    with pytest.raises(FusionError, match="is not NAME=KIND"):
        read_override("height=tall")


def test_a_column_that_gives_the_class_away_is_left_out(tmp_path: Path) -> None:
    rows = [{"x": (i * 37) % 11, "day": i % 4 // 2, "label": "abcd"[i % 4]} for i in range(80)]
    path = write_csv(tmp_path / "metadata.csv", rows)
    samples = read_samples(path)
    assert samples.table_columns == {"x": "number"} and "gives the class away" in str(samples.notes)
    assert set(read_samples(path, columns={"day": "number"}).table_columns) == {"x", "day"}


def test_labels_of_three_kinds() -> None:
    assert read_labels(["1.0", "2.0", None, "1.0"])[:2] == (["1", "2", None, "1"], "class")
    labels, answer, notes = read_labels(["a|b", "b", None, "c"])
    assert answer == "labels" and labels[0] == ("a", "b") and len(notes) == 1
    assert read_labels([str(i / 7) for i in range(50)])[1] == "value"
    assert read_labels([str(i % 10) for i in range(50)])[1] == "class"


def test_several_labels_are_pairs_of_logits() -> None:
    target = build_target([("a", "b"), ("c",)], "labels")
    assert target.num_logits == 6
    wanted = target.encode([("a", "b"), ("c",)])
    signs = 2 * wanted - 1
    logits = torch.stack([-signs, signs], -1).flatten(1) * 3 + 5  # what is added to all does not matter
    assert torch.equal(target.decide(target.probabilities(logits)), wanted)
    assert float(target.loss(logits, wanted).mean()) < float(target.loss(-logits, wanted).mean())


def test_a_number_is_the_mean_of_its_bins() -> None:
    values = [float(v) for v in torch.linspace(0, 10, 101)]
    target = build_target(values, "value")
    logits = (target.spread(target.encode([3.0, 7.5])) + 1e-9).log()
    probs = target.probabilities(logits)
    torch.testing.assert_close(target.decide(probs), torch.tensor([3.0, 7.5]), atol=0.1, rtol=0)
    ends = target.interval(probs)
    assert (ends[:, 0] < torch.tensor([3.0, 7.5])).all() and (ends[:, 1] > torch.tensor([3.0, 7.5])).all()
    even = target.interval(torch.full((1, len(target.classes)), 1 / len(target.classes)))[0]
    torch.testing.assert_close(even, torch.tensor([0.06, 9.94]), atol=0.02, rtol=0)
