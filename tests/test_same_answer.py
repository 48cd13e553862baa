"""One question asked four ways: Python, the command line, the page's handlers, and from files instead of arrays."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from fusion.cli.app import main
from fusion.lab import Lab
from fusion.tasks.digits.examples import make_medium
from fusion.ui.pages.fuse.handlers import Handlers
from fusion.ui.service import TaskServices


@pytest.fixture
def lab(digits_lab: Lab) -> Lab:
    return digits_lab


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    Image.fromarray(make_medium("image", 3)).save(tmp_path / "a.png")
    spoken = make_medium("audio", 3)
    wavfile.write(tmp_path / "a.wav", spoken.rate, (spoken.samples * 32768).astype(np.int16))
    return {"image": str(tmp_path / "a.png"), "audio": str(tmp_path / "a.wav"), "text": "three or so"}


def test_command_line_equals_python(lab, files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    main(
        [
            "predict",
            "--task",
            "digits",
            "--strategy",
            "all",
            "--device",
            "cpu",
            "--json",
            *(x for m, f in files.items() for x in (f"--{m}", f)),
        ]
    )
    told = json.loads(capsys.readouterr().out)["predictions"]
    asked = lab.compare(files)
    assert set(told) == set(asked)
    for name, p in asked.items():
        assert told[name]["label"] == p.label
        np.testing.assert_allclose([told[name]["probs"][k] for k in lab.labels], list(p.probs.values()), atol=1e-6)
        np.testing.assert_allclose([told[name]["contributions"][m] for m in p.contributions], list(p.contributions.values()), atol=1e-6)


def test_page_equals_python(lab, files: dict[str, str], tmp_path: Path) -> None:
    handlers = Handlers(TaskServices({"digits": lambda: lab}, {}, tmp_path))
    slots = [
        {"source": "file", "path": files["image"], "name": "a.png"},
        {"source": "text", "text": files["text"]},
        {"source": "file", "path": files["audio"], "name": "a.wav"},
        {},
    ]
    values = [*map(json.dumps, slots), "digits", "late", "en", "", ""]
    shown = json.loads(handlers.edited(*values).result)
    assert shown["status"]["kind"] == "ok"
    exported = json.loads(json.loads(handlers.details('{"number": 1, "export": "json"}', *values))["export"])["strategies"]
    for name, p in lab.compare(files).items():
        assert exported[name]["label"] == p.label
        np.testing.assert_allclose([exported[name]["probs"][k] for k in lab.labels], list(p.probs.values()), atol=1e-6)


def test_arrays_equal_files(lab, files: dict[str, str]) -> None:
    arrays = {"image": make_medium("image", 3), "audio": make_medium("audio", 3), "text": files["text"]}
    for name, p in lab.compare(arrays).items():
        np.testing.assert_allclose(list(lab.predict(files, name).probs.values()), list(p.probs.values()), atol=1e-3)
