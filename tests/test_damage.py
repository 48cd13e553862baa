"""One damaged file of a checkpoint at a time: what it takes with it is named in a sentence, and everything else answers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import fusion
from fusion.cli.app import main
from fusion.config import CHECKPOINTS, EncoderConfig, OpenSetConfig, StrategyConfig, load_config
from fusion.encoder_registry import EncoderRegistry
from fusion.encoders import ENCODERS
from fusion.files import SUMS, differences, forget_checksum, save_json
from fusion.heads.open_set import OpenSet
from fusion.heads.temperature import every_subset
from fusion.lab import Lab
from fusion.loading import Parts, load_strategy
from fusion.model import load_encoder, save_open_set, save_temperatures
from fusion.paths import METRICS, references_file
from fusion.reference_vectors import ReferenceVectors
from fusion.strategies import STRATEGIES as REGISTRY
from fusion.tasks import COMPACT, TASKS
from fusion.types import MODALITIES, FusionError
from fusion.ui.pages.fuse.handlers import Handlers
from fusion.ui.service import TaskServices
from tests.tiny import make_encoder, make_strategy

DIGITS, STRATEGIES = TASKS["digits"], ("early", "late")
INPUTS = {"text": "seven", "image": torch.zeros(40, 40, 3, dtype=torch.uint8).numpy()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained checkpoints of `digits` with two strategies, two baselines, and references of one encoder."""
    home = tmp_path_factory.mktemp("whole")
    torch.manual_seed(0)
    for modality in MODALITIES:
        make_encoder(home / "digits" / "encoders" / modality, EncoderConfig(COMPACT[modality]))
    for name in STRATEGIES:
        make_strategy(home, DIGITS, name, MODALITIES)
    for modality in ("text", "image"):
        make_strategy(home, DIGITS, f"{modality}_only", (modality,))
    labels = torch.arange(40) % 10
    ReferenceVectors(torch.randn(40, 96), labels, labels).save(references_file(home, DIGITS, "text", COMPACT["text"]))
    save_json(home / "digits" / "encoders" / "text" / METRICS, {"probe": 0.5})
    return home


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    """The same files once more, so that one can be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "checkpoints", copy_function=os.link))


def put(path: Path, data: bytes) -> None:
    """Other bytes under the same name; the file that was linked to stays."""
    path.unlink()
    path.write_bytes(data)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4] ^= 64
    put(path, bytes(data))


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "missing": Path.unlink,
    "empty": lambda path: put(path, b""),
    "truncated": lambda path: put(path, path.read_bytes()[: path.stat().st_size // 2]),
    "flipped": flip,
    "other": lambda path: put(path, b"\x00\xff" * 500),
    "folder": to_folder,
}


def unsigned(path: Path, damage: Callable[[Path], None]) -> None:
    """Damage without a checksum that would tell: only what the file holds can."""
    (path.parent / SUMS).unlink()
    damage(path)


def reshape(path: Path) -> None:
    state = load_file(path)
    name = next(k for k, v in state.items() if v.ndim == 2)
    put_tensors(path, state | {name: state[name][:-1].contiguous()})


def put_tensors(path: Path, state: dict[str, torch.Tensor]) -> None:
    path.unlink()
    save_file(state, path)


def not_finite(path: Path) -> None:
    state = load_file(path)
    name = next(k for k, v in state.items() if v.ndim == 2)
    state[name][0, 0] = float("nan")
    put_tensors(path, state)


WITHOUT_SUM: dict[str, Callable[[Path], None]] = {k: v for k, v in DAMAGES.items() if k != "flipped"} | {
    "shape": reshape,
    "names": lambda path: put_tensors(path, {"other": torch.zeros(3)}),
    "not finite": not_finite,
}


def one_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and "Traceback" not in text and 10 < len(text) < 300


def answers(home: Path) -> Lab:
    """The lab, after it has answered and named what is out, each with a sentence."""
    lab = Lab("digits", "cpu", home)
    for name, prediction in lab.compare(INPUTS).items():
        assert prediction.label in lab.labels and name not in lab.unavailable
    assert all(map(one_sentence, lab.unavailable.values())), lab.unavailable
    return lab


def out(lab: Lab) -> set[str]:
    """What cannot be used of that which `whole` has."""
    return set(lab.unavailable) & {*STRATEGIES, *MODALITIES, "text_only", "image_only"}


def test_everything_is_there_before_it_is_damaged(home: Path) -> None:
    lab = answers(home)
    assert out(lab) == set() and lab.strategies == STRATEGIES and differences(home) == []
    assert "tensor" in lab.untrained and "tensor" not in lab.unavailable, "what nobody has trained is not damaged"


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_strategy(home: Path, file: str, damage: str) -> None:
    DAMAGES[damage](home / "digits" / "early" / file)
    lab = answers(home)
    assert out(lab) == {"early"} and lab.strategies == ("late",) and f"early/{file}" in lab.unavailable["early"]


@pytest.mark.parametrize("damage", [d for d in DAMAGES if d not in ("missing", "folder")])
def test_the_temperatures_of_a_strategy(home: Path, damage: str) -> None:
    subsets = every_subset(MODALITIES)
    save_temperatures(home / "digits" / "early", {"+".join(given): 0.5 for given in subsets})
    assert out(answers(home)) == set()
    DAMAGES[damage](home / "digits" / "early" / "calibration.json")
    assert out(answers(home)) == {"early"}


@pytest.mark.parametrize("value", [[], 3, {"image": 1.0}, {"temperatures": {"image": 1.0}}, {"temperatures": {"image": "x"}}])
def test_temperatures_that_are_none(home: Path, value: object) -> None:
    save_json(home / "digits" / "early" / "calibration.json", value)
    assert out(answers(home)) == {"early"}


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_tells_none_of_these(home: Path, file: str, damage: str) -> None:
    """Without it all strategies answer, and nothing is called none."""
    folder = home / "digits" / "open_set"
    thresholds = {"+".join(given): 0.0 for given in every_subset(MODALITIES)}
    save_open_set(folder, OpenSet(OpenSetConfig("digits", MODALITIES, ("+".join(MODALITIES),), thresholds, 10)))
    assert answers(home).predict(INPUTS, "late").known is not None
    DAMAGES[damage](folder / file)
    lab = answers(home)
    assert out(lab) == set() and lab.predict(INPUTS, "late").known is None
    assert one_sentence(lab.unavailable["open_set"])


@pytest.mark.parametrize("damage", WITHOUT_SUM)
def test_a_strategy_without_a_checksum(home: Path, damage: str) -> None:
    unsigned(home / "digits" / "early" / "model.safetensors", WITHOUT_SUM[damage])
    assert out(answers(home)) == {"early"}


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_an_encoder_takes_its_modality_with_it(home: Path, file: str, damage: str) -> None:
    DAMAGES[damage](home / "digits" / "encoders" / "image" / file)
    lab = answers(home)
    assert out(lab) == {"image", "image_only"} and lab.strategies == STRATEGIES and lab.baselines == ("text_only",)
    encoded = lab.encode(INPUTS)
    assert set(encoded.media) == {"text"} and encoded.notes == (lab.unavailable["image"],)
    assert lab.predict(INPUTS, "late").probs == lab.predict({"text": "seven"}, "late").probs
    with pytest.raises(FusionError, match="The image encoder cannot be used"):
        lab.predict({"image": INPUTS["image"]}, "late")


@pytest.mark.parametrize("damage", WITHOUT_SUM)
def test_an_encoder_without_a_checksum(home: Path, damage: str) -> None:
    unsigned(home / "digits" / "encoders" / "image" / "model.safetensors", WITHOUT_SUM[damage])
    assert out(answers(home)) == {"image", "image_only"}


WRONG = {
    "name": ["x", 3, None, ["early"], "late", "nose"],
    "task": [3, "scenes", None],
    "num_classes": [11, "10", 10.5, True, -1, 10**9, None],
    "modalities": [[], "image", ["smell"], [1], ["text", "image"], None, {"image": 1}],
    "embed_dim": [95, "96", 0, 10**12, None],
    "options": [[], "x", {"nose": 1}, {"hidden": "x"}, None],
    "grid": [5, "12", -3],
    "surprise": [1],
}


@pytest.mark.parametrize(("entry", "value"), [(entry, value) for entry, several in WRONG.items() for value in several])
def test_a_wrong_entry_of_a_configuration(home: Path, entry: str, value: object) -> None:
    """Written by hand, so without a checksum."""
    folder, parts = home / "digits" / "early", Parts()
    load_strategy("early", folder, DIGITS, parts, True)
    forget_checksum(folder / "config.json")
    found = json.loads((folder / "config.json").read_text())
    put(folder / "config.json", json.dumps(found | {entry: value}).encode())
    with pytest.raises(FusionError) as caught:
        load_strategy("early", folder, DIGITS, parts, True)
    assert one_sentence(f"The strategy early cannot be used: {caught.value}")


@pytest.mark.parametrize("text", ["[]", "3", "null", '"early"', "{", "{}", '{"name": NaN}', "[" * 100_000, '{"name": 1e999}', "\ufeff{}"])
def test_a_configuration_that_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "early" / "config.json"
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    for kind in (EncoderConfig, StrategyConfig):
        with pytest.raises(FusionError) as caught:
            load_config(path, kind)
        assert one_sentence(str(caught.value)) and "config.json" in str(caught.value)


@pytest.mark.parametrize("shift", [[0.1], [0.1, "x"], 3, None, [0.1, 0.2, 0.3]])
def test_a_wrong_shift_of_an_encoder(home: Path, shift: object) -> None:
    folder = home / "digits" / "encoders" / "image"
    save_json(folder / "config.json", {"name": "image_cnn", "shift": shift})
    with pytest.raises(FusionError, match="invalid value for shift"):
        load_encoder(folder)
    save_json(folder / "config.json", {"name": "image_cnn", "shift": [0.01, 0.02]})
    assert load_encoder(folder).shift == (0.01, 0.02)


def test_weights_of_another_encoder_are_not_taken_for_it(home: Path) -> None:
    make_encoder(home / "other", EncoderConfig("image_vit"))
    shutil.rmtree(home / "digits" / "encoders" / "image")
    shutil.move(home / "other", home / "digits" / "encoders" / "image")
    lab = answers(home)
    assert out(lab) == {"image", "image_only"} and "another encoder" in lab.unavailable["image"]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    ("kind", "said"), [("metrics", "Its metrics are not available"), ("references", "There is no map of reference samples")]
)
def test_what_is_only_shown(home: Path, kind: str, said: str, damage: str) -> None:
    folder = home / "digits" / "encoders" / "text"
    DAMAGES[damage](folder / METRICS if kind == "metrics" else references_file(home, DIGITS, "text", COMPACT["text"]))
    found = EncoderRegistry("digits", "cpu", home).activations("text", COMPACT["text"], "seven")
    [note] = found.notes
    assert note.startswith(said) and one_sentence(note)
    assert (found.probe is None) == (kind == "metrics") and (found.scatter is None) == (kind == "references")


@pytest.mark.parametrize("metrics", [[], 3, {"probe": "x"}, {"probe": None}])
def test_metrics_of_wrong_types(home: Path, metrics: object) -> None:
    folder = home / "digits" / "encoders" / "text"
    save_json(folder / METRICS, metrics)
    registry = EncoderRegistry("digits", "cpu", home)
    assert registry.metrics("text", COMPACT["text"]) == {} and len(registry.activations("text", COMPACT["text"], "seven").notes) == 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_list_of_checksums(home: Path, damage: str) -> None:
    """Without a list everything loads; a list that says otherwise takes its own folder out and nothing more."""
    DAMAGES[damage](home / "digits" / "early" / SUMS)
    assert out(answers(home)) <= {"early"}


def test_a_task_of_which_nothing_is_left(home: Path) -> None:
    for modality in MODALITIES:
        DAMAGES["truncated"](home / "digits" / "encoders" / modality / "model.safetensors")
    with pytest.raises(FusionError, match="The task digits cannot be used: The image encoder cannot be used") as caught:
        Lab("digits", "cpu", home)
    assert one_sentence(str(caught.value))
    shutil.rmtree(home / "digits")
    with pytest.raises(FusionError, match="The task digits has no trained weights in checkpoints/digits"):
        Lab("digits", "cpu", home)


def test_the_page_and_the_shell_say_what_is_out(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    DAMAGES["truncated"](home / "digits" / "encoders" / "image" / "model.safetensors")
    DAMAGES["flipped"](home / "digits" / "late" / "model.safetensors")
    lab = Lab("digits", "cpu", home)
    handlers = Handlers(TaskServices({"digits": lambda: lab}, {}, home))
    slots = [json.dumps({"source": "text", "text": "seven"} if m == "text" else {}) for m in MODALITIES]
    result = json.loads(handlers.edited(*slots, "digits", "late", "en", "", "").result)
    assert result["status"]["kind"] == "ok" and [s["name"] for s in result["strategies"]] == ["early", "text_only"]
    assert {"image", "late", "image_only"} <= set(result["lab"]["unavailable"])
    monkeypatch.setattr(fusion, "load", lambda *given, **options: lab)
    assert main(["predict", "--text", "seven"]) == 0
    said = capsys.readouterr()
    assert "early" in said.out and "late" not in said.out
    assert lab.unavailable["late"] in said.err.splitlines() and lab.unavailable["image"] in said.err.splitlines()
    assert main(["predict", "--text", "seven", "--strategy", "late"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == lab.unavailable["late"]


def test_the_shipped_checkpoints_are_as_their_checksums_say() -> None:
    """After a training or an edit: `python -m fusion checksums`."""
    assert differences(CHECKPOINTS) == []


def test_the_shipped_checkpoints_with_some_damage(tmp_path: Path) -> None:
    home = Path(shutil.copytree(CHECKPOINTS, tmp_path / "checkpoints", copy_function=os.symlink))
    encoders = home / "digits" / "encoders"
    DAMAGES["truncated"](encoders / "audio" / "model.safetensors")
    DAMAGES["flipped"](home / "digits" / "cross_attention" / "model.safetensors")
    DAMAGES["other"](home / "digits" / "tcn" / "config.json")
    DAMAGES["missing"](encoders / "image_lbp" / "model.safetensors")
    lab = answers(home)
    whole = [name for name in REGISTRY if (CHECKPOINTS / "digits" / name).is_dir()]
    assert set(lab.unavailable) == {"audio", "audio_only", "cross_attention", "tcn"} and len(lab.strategies) == len(whole) - 2
    assert lab.predict({"text": "seven"}, "late").label == "7"
    assert ENCODERS.keys() - {"image_lbp"} >= set(lab.registry.names("image"))
    classical = Lab("digits", "cpu", home, "classical")
    assert set(classical.unavailable) == {"image", "image_only"} and classical.predict({"text": "seven"}, "late").label == "7"
    with pytest.raises(FusionError, match="image_lbp has no weights here"):
        Lab("digits", "cpu", home, {"image": "image_lbp"})
