"""The guide in `fusion/README.md`: its files, written into a copy of the package, work, and nothing else is touched."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser import ROOT, running, visiting

BLOCK = re.compile(r"^```\w+\n(?:#|//|/\*) (?P<path>[\w/.]+)(?:, in (?P<registry>\S+))?(?: \*/)?\n(?P<code>.*?)^```$", re.M | re.S)
USE = """
import numpy as np, torch
from fusion.config import EncoderConfig, StrategyConfig
from fusion.encoders import collate
from fusion.encoder_choice import choose, names_of
from fusion.lab import Lab
from fusion.media.corruptions import corrupt
from fusion.model import FusionModel, build_encoder, build_strategy
from fusion.tasks import TASKS
from fusion.types import Features

lab = Lab("digits", "cpu")
assert "mean" in lab.untrained and "early" in lab.strategies, lab.untrained

model = FusionModel({}, build_strategy(StrategyConfig("mean", "digits", 10)), 0)
x = torch.randn(4, 1, 96)
features = {"image": Features(x, torch.ones(4, 1, dtype=torch.bool), x[:, 0], torch.ones(4, 1))}
present = torch.tensor([[True, False, False, False]] * 4)
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
losses = []
for _ in range(3):
    loss = torch.nn.functional.cross_entropy(model.fuse(features, present).logits, torch.arange(4))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0], losses

assert "image_colours" in names_of("image")
assert choose(TASKS["digits"], {"image": "image_colours"})["image"] == "image_colours"
encoder = build_encoder(EncoderConfig("image_colours")).eval()
picture = np.zeros((40, 60, 3), np.uint8)
found = encoder(*collate([encoder.prepare(picture)]))
assert found.tokens.shape == (1, 16, 96) and found.pooled.shape == (1, 96)

assert (corrupt("image", picture, 5, np.random.default_rng(0), "invert") == 255).all()
loaded = lab.load({"image": picture}, {"image": ("invert", 5)})
assert (loaded.media["image"] == 255).all()

from pathlib import Path
from fusion.training import train
from fusion.training.options import Changes, TrainOptions
quick = Changes(epochs=1, batch_size=8, samples=16)
train.run("shades", "image_only,text_only,early", TrainOptions(Path("data"), changes=quick, device="cpu"))
lab = Lab("shades", "cpu")
sample = TASKS["shades"].samples("test", None).sample(0, 5)
assert lab.predict(sample.inputs, "early").label in ("dark", "bright")
assert "early" in lab.strategies and {"mean", "late"} <= set(lab.untrained)
assert next(iter(TASKS)) == "digits" and list(TASKS)[-1] == "shades"

from fusion.evaluation import evaluate
report = evaluate.run("shades", "data", limit=20)
assert set(report["subsets"]["early"]) == {"image", "text", "image+text"}
card = Path("checkpoints/shades/encoders/image/README.md").read_text()
assert f"| test samples of the task | {report['severity']['all-0']['image_only']['accuracy']:.1%} | 20 |".replace("%", " %") in card, card
assert "None" not in card and "Licence" not in card
assert "python -m fusion train --task shades --strategy early" in Path("checkpoints/shades/early/README.md").read_text()

import json
from pathlib import Path
from fusion.ui.i18n import LANGUAGES, load_text, pick_language
from fusion.ui.pages.fuse.handlers import Handlers
from fusion.ui.service import TaskServices
assert {"en", "es", "zh"} <= set(LANGUAGES) and pick_language("es-MX,es;q=0.9,en;q=0.8") == "es"
text = load_text()
assert text["zh"]["task.shades.label.bright"] == "亮" and text["es"]["task.scenes.label.dog"] == "perro"
handlers = Handlers(TaskServices({"shades": lambda: lab}, {}, Path("data")))
values = [*["{}"] * 4, "shades", "early", "en", "", ""]
assert handlers.opened(None, "es-MX,es;q=0.9", *values).fill.language == "es"
link = json.loads(handlers.edited(*values[:6], "es", "", "").export)["query"]
assert handlers.opened(link, "en", *values).fill.language == "es"
values[1] = json.dumps({"source": "text", "text": "a bright day"})
result = json.loads(handlers.edited(*values).result)
assert result["status"]["kind"] == "ok" and result["lab"]["task"]["name"] == "shades", result["status"]
"""


def blocks() -> list[re.Match[str]]:
    return list(BLOCK.finditer((ROOT / "fusion" / "README.md").read_text("utf-8")))


def register(file: Path, registry: str, lines: list[str]) -> None:
    """Puts the imports of a block before the first import of its package, and the rest at the end of the registry."""
    text = file.read_text("utf-8").splitlines()
    name, _, key = registry.partition("[")
    opening = next(i for i, line in enumerate(text) if line.startswith(f"{name}:"))
    if key:
        opening = next(i for i in range(opening, len(text)) if text[i].strip().startswith(f"{key[:-1]}: {{"))
    closing = next(i for i in range(opening + 1, len(text)) if text[i].strip() in ("}", "},", ")"))
    text[closing:closing] = [line for line in lines if not line.startswith("from ")]
    imports = [line for line in lines if line.startswith("from ")]
    if imports:
        first = next(i for i, line in enumerate(text) if line.startswith("from fusion."))
        text[first:first] = imports
    file.write_text("\n".join(text) + "\n", "utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the guide's blocks in it."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "fusion", folder / "fusion", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "checkpoints").mkdir()
    for path in (ROOT / "checkpoints").iterdir():
        if path.is_dir():
            (folder / "checkpoints" / path.name).symlink_to(path)
        else:  # the table of results is written anew
            shutil.copy(path, folder / "checkpoints")
    for block in blocks():
        file = folder / block["path"]
        if block["registry"]:
            register(file, block["registry"], block["code"].splitlines())
        else:
            assert not file.exists()
            file.parent.mkdir(exist_ok=True)
            file.write_text(block["code"], "utf-8")
    (folder / "data").mkdir()
    return folder


def test_the_files_are_short() -> None:
    lengths = {block["path"]: len(block["code"].splitlines()) for block in blocks()}
    assert len(lengths) >= 8 and max(lengths.values()) <= 60


def test_what_the_guide_adds_can_be_used(copy: Path) -> None:
    done = subprocess.run([sys.executable, "-c", USE], cwd=copy, timeout=300, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def page_of_copy(copy: Path) -> Iterator[str]:
    """Address of the copy's page around labs with known answers."""
    command = [sys.executable, "-m", "tests.ui.fake_page"]
    yield from running(command, copy / "log.txt", folder=copy, environment={"PYTHONPATH": str(ROOT)})


def test_a_new_tab_is_part_of_the_page(page_of_copy: str) -> None:
    config = httpx.get(f"{page_of_copy}/config").json()
    placed = {component["props"].get("elem_id") for component in config["components"]}
    assert {"fl-certainty", "fl-page-certainty"} <= placed


@pytest.mark.browser
def test_a_new_tab_is_drawn(chromium: Any, page_of_copy: str) -> None:
    with visiting(chromium, page_of_copy) as visit:
        assert visit.locator("#fl-certainty").is_hidden()
        visit.get_by_role("tab", name="Certainty").click()
        lines = visit.locator("#fl-certainty li")
        lines.first.wait_for()
        # one label has 0.9, nine share the rest: -0.9 log2 0.9 + 0.1 log2 90 = 0.79
        assert lines.count() == 17 and "Cross attention: 0.79 bits" in lines.all_inner_texts()
        assert visit.locator("#fl-certainty ol").evaluate("list => getComputedStyle(list).columnCount") == "2"
        assert visit.locator("#fl-columns").is_hidden()


@pytest.mark.browser
def test_a_language_of_the_guide_is_one_of_the_page(chromium: Any, page_of_copy: str) -> None:
    """Its button is there, a browser that wants it gets it, what it lacks is English, and other languages are as before."""
    with visiting(chromium, page_of_copy, locale="es-MX") as page:
        page.wait_for_function("document.documentElement.lang === 'es'")
        assert {"English", "Español", "简体中文"} <= set(page.locator(".fl-languages button").all_inner_texts())
        assert page.locator("#fl-outcome h2").inner_text() == "Predicción"
        assert page.locator(".fl-task-title").all_inner_texts() == ["Cifras", "Add two digits", "Find the digit", "Escenas"]
        assert page.locator("#fl-diagram h2").inner_text() == "How it is fused"  # not in the guide's file
        assert page.locator("#fl-examples button").first.inner_text() == "Siete de cuatro maneras"
        page.locator(".fl-languages button", has_text="简体中文").click()
        page.wait_for_function("document.documentElement.lang === 'zh-CN'")
        assert page.locator("#fl-outcome h2").inner_text() != "Predicción"
