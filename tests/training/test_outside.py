"""Media from elsewhere: what is counted, on answers that are known."""

from pathlib import Path
from types import SimpleNamespace

from fusion.training.scenes.outside import measure, package_of


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
