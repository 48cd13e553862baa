"""Media from elsewhere: what is counted, on answers that are known."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from fusion.evaluation import outside
from fusion.evaluation.outside import measure, package_of


class Knows:
    """Answers what the file's name says: class, sureness, whether it is known."""

    def predict(self, inputs: dict[str, str], strategy: str) -> SimpleNamespace:
        label, sure, known = Path(inputs["image"]).stem.split("_")[-3:]
        return SimpleNamespace(label=label, probs={label: float(sure)}, known=known == "y")


def test_counts_of_answers_that_are_known() -> None:
    names = [("dog", "dog_0.9_y"), ("dog", "cat_0.8_y"), ("dog", "dog_0.7_y"), ("dog", "dog_0.6_n"), ("cat", "cat_0.9_y"),
             ("none", "dog_0.95_y"), ("none", "cat_0.2_n"), ("none", "cat_0.1_n")]  # fmt: skip
    found = measure(Knows(), [(Path(f"p_{name}.png"), label) for label, name in names], "image")
    assert found["accuracy"] == 0.8 and found["recall"] == 0.875 and found["classes"] == {"dog": [3, 4], "cat": [1, 1]}
    assert found["accepted"] == 0.8 and found["noticed"] == 0.6667 and found["none"] == 3
    assert found["auroc"] == 0.6667, "of 15 pairs ten are in order"


def test_package_stands_before_the_first_underscore() -> None:
    assert (
        package_of(Path("photos/dog/cut_tuxpaint-stamps_dog.png")) == "tuxpaint-stamps" and package_of(Path("gradio_lion.jpg")) == "gradio"
    )


def test_files_that_came_later_are_counted_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "Lab", lambda *_: Knows())
    for name in ("seen/photos/dog/p_dog_0.9_y.png", "seen/photos/none/p_cat_0.2_n.png", "seen/photos/dog/cut_q_cat_0.4_y.png",
                 "blind/photos/dog/r_cat_0.8_y.png"):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "scenes").mkdir()
    found = outside.run(tmp_path / "seen", tmp_path / "blind", home=tmp_path)
    assert found["photos"]["accuracy"] == 0.5 and found["photos_without_cut_outs"]["accuracy"] == 1.0
    assert found["photos_blind"]["accuracy"] == 0.0 and found["packages"] == {"photos": {"p": 2, "q": 1}, "photos_blind": {"r": 1}}
    assert not {"sounds", "clips", "sounds_blind"} & set(found)
