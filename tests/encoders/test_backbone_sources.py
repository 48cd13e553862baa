"""Where backbones come from, and the sentence for each way in which they do not."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusion.encoders import collate
from fusion.encoders.backbone import load_backbone
from fusion.encoders.backbones import hub
from fusion.encoders.backbones.hub import is_repository
from fusion.types import Clip, FusionError
from tests.encoders import tiny_models as tiny


def sentence(source: str | Path, modality: str) -> str:
    """What is said; one sentence in one line, not a traceback."""
    with pytest.raises(FusionError) as caught:
        load_backbone(str(source), modality)
    said = str(caught.value)
    assert "\n" not in said and said.endswith(".") and len(said) < 500, said
    return said


ODD = ["../../etc", "a b", "", "a/b/c", "user/..", "-x/y", "x\ny", "http://x.org/m", "a\0b", "~nobody/x", "é/x", "x" * 500]


@pytest.mark.parametrize("source", ODD)
def test_odd_ids_never_reach_the_network(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *args, **more: pytest.fail("asked the hub"))
    with pytest.raises(FusionError, match="neither a folder on this machine nor the id"):
        load_backbone(source, "image")


def test_ids_of_known_models_pass() -> None:
    for source in ("microsoft/resnet-18", "bert-base-uncased", "MIT/ast-finetuned-audioset-10-10-0.4593", "MCG-NJU/videomae-base"):
        assert is_repository(source)


def test_folders_that_are_no_models(tmp_path: Path) -> None:
    assert "has no config.json" in sentence(tmp_path, "image")
    folder = tiny.vit(tmp_path / "vit")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "safetensors" in sentence(folder, "image")
    (folder / "pytorch_model.bin").rename(folder / "model.safetensors")
    (folder / "preprocessor_config.json").unlink()
    assert "has no image processor" in sentence(folder, "image")
    (folder / "config.json").write_text('{"model_type": "unheard_of"}')
    assert "does not know" in sentence(folder, "image")
    (folder / "config.json").write_text("{")
    assert sentence(folder, "image")


def test_broken_and_foreign_weights(tmp_path: Path) -> None:
    folder = tiny.bert(tmp_path / "bert")
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    assert "cannot be loaded" in sentence(folder, "text")
    (folder / "model.safetensors").write_bytes((tiny.distilbert(tmp_path / "other") / "model.safetensors").read_bytes())
    assert "do not match its config.json" in sentence(folder, "text")
    for name in ("vocab.txt", "tokenizer_config.json"):
        (folder / name).unlink()
    assert "has no tokenizer" in sentence(folder, "text")


def test_code_of_a_repository_is_not_run(tmp_path: Path) -> None:
    folder = tiny.vit(tmp_path / "vit")
    tiny.write_json(folder, "config.json", {"model_type": "mine", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}})
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "needs its own code" in sentence(folder, "image")
    assert not (tmp_path / "ran").exists()


def test_a_model_reads_what_it_reads(tmp_path: Path) -> None:
    assert "reads text, not image" in sentence(tiny.bert(tmp_path / "bert"), "image")
    assert "reads image, not video" in sentence(tiny.vit(tmp_path / "vit"), "video")
    assert "reads video, not image" in sentence(tiny.timesformer(tmp_path / "timesformer"), "image")
    assert "reads audio, not text" in sentence(tiny.whisper(tmp_path / "whisper"), "text")
    assert "reads image and text, not audio" in sentence(tiny.clip(tmp_path / "clip"), "audio")
    assert "no modality named 'smell'" in sentence("x/y", "smell")


def test_a_model_without_tokens(tmp_path: Path) -> None:
    """EnCodec compresses sound to codes and has no hidden state to read."""
    import transformers as t

    t.EncodecFeatureExtractor().save_pretrained(tmp_path)
    config = t.EncodecConfig(hidden_size=8, num_filters=4, codebook_size=8, codebook_dim=8, upsampling_ratios=[4, 2])
    assert "no tokens that an encoder could use" in sentence(tiny.save(tmp_path, "EncodecModel", config), "audio")


def test_a_model_that_cannot_read_short_texts(tmp_path: Path) -> None:
    assert "no tokens that an encoder could use" in sentence(tiny.canine(tmp_path), "text")


def test_offline_and_not_in_the_cache() -> None:
    assert "is not on this machine" in sentence("fusion-lab-nobody/no-such-model", "image")


def hub_says(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    import huggingface_hub

    def model_info(self: Any, *args: Any, **more: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)


def test_what_the_hub_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    answer = httpx2.Response(404, request=httpx2.Request("GET", "https://huggingface.co"))
    hub_says(monkeypatch, RepositoryNotFoundError("404\nmore", response=answer))
    assert "There is no model a/b on huggingface.co" in sentence("a/b", "image")
    hub_says(monkeypatch, GatedRepoError("403", response=answer))
    assert "a/b is gated" in sentence("a/b", "image")
    for error in (httpx2.ConnectTimeout("slow"), HfHubHTTPError("503", response=answer), OSError("no route")):
        hub_says(monkeypatch, error)
        assert "huggingface.co does not answer" in sentence("a/b", "image")


def test_size_and_format_are_known_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.hf_api import ModelInfo

    def files(*named: tuple[str, int]) -> ModelInfo:
        return ModelInfo(id="a/b", sha="0" * 40, siblings=[{"rfilename": name, "size": size} for name, size in named])

    hub_says(monkeypatch, files(("config.json", 9), ("pytorch_model.bin", 99)))
    assert "safetensors" in sentence("a/b", "image")
    hub_says(monkeypatch, files(("config.json", 9), *((f"model-0000{i}-of-00002.safetensors", 1_600_000_000) for i in (1, 2))))
    assert "3.2 GB" in sentence("a/b", "image")


def test_a_hub_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the connection and says nothing."""
    from huggingface_hub import constants

    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []
        thread = threading.Thread(target=lambda: taken.append(server.accept()[0]), daemon=True)
        thread.start()
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr("fusion.encoders.backbones.hub.TIMEOUT", 0.5)
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        start = time.monotonic()
        assert "does not answer" in sentence("fusion-lab-nobody/no-such-model", "image")
        assert time.monotonic() - start < 5
        thread.join(5)
        for connection in taken:
            connection.close()


def test_what_the_cache_holds_is_used_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--a--b"
    tiny.vit(repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    encoder = load_backbone("a/b", "image")
    assert encoder.source == "a/b" and encoder.token_map.map.shape == (16, 96)


# torchvision


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder's place for torchvision's weights, empty, and no way to the hub."""
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    (tmp_path / "torchvision").mkdir()
    return tmp_path / "torchvision"


def random_weights(path: Path, name: str, without: str = "nothing") -> Any:
    from safetensors.torch import save_file
    from torchvision.models import get_model

    torch.manual_seed(0)
    network = get_model(name, weights=None).eval()
    save_file({k: v for k, v in network.state_dict().items() if without not in k}, path)
    return network


def test_torchvision_pictures_are_the_networks_own(kept: Path) -> None:
    """Against the graph of the network cut by torchvision itself; shorter side to 256, the middle 224."""
    from torchvision.models import ResNet18_Weights
    from torchvision.models.feature_extraction import create_feature_extractor

    network = random_weights(kept / "resnet18.safetensors", "resnet18")
    encoder = load_backbone("torchvision:resnet18", "image")
    image = np.random.default_rng(0).integers(0, 256, (128, 256, 3), dtype=np.uint8)
    prepared = encoder.prepare(image)
    shown = ResNet18_Weights.IMAGENET1K_V1.transforms()(torch.from_numpy(image).permute(2, 0, 1))[None]
    found = create_feature_extractor(network, {"layer4": "map", "flatten": "vector"})(shown)
    tokens, real, vector, _ = encoder.describe(*collate([prepared]))
    torch.testing.assert_close(tokens[0], found["map"][0].flatten(1).T, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(vector, found["vector"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(prepared.extent, (144 / 512, 16 / 256, 368 / 512, 240 / 256), atol=1e-4)
    assert real.all() and [p.title for p in encoder.panels(image, prepared)] == ["backbone.components"]


def test_torchvision_clips_are_the_networks_own(kept: Path) -> None:
    from torchvision.models.video import R3D_18_Weights

    network = random_weights(kept / "r3d_18.safetensors", "r3d_18")
    encoder = load_backbone("torchvision:r3d_18", "video")
    rng = np.random.default_rng(0)
    moving = Clip(rng.integers(0, 256, (16, 60, 80, 3), dtype=np.uint8), np.arange(16, dtype=np.float32) / 10)
    prepared = encoder.prepare(moving)
    tokens, _, vector, _ = encoder.describe(*collate([prepared]))
    shown = R3D_18_Weights.KINETICS400_V1.transforms()(torch.from_numpy(moving.frames).permute(0, 3, 1, 2))[None]
    with torch.no_grad():
        maps = network.layer4(network.layer3(network.layer2(network.layer1(network.stem(shown)))))
    torch.testing.assert_close(vector, network.avgpool(maps).flatten(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(tokens[0], maps[0].flatten(1).T, rtol=1e-4, atol=1e-5)
    assert sorted(set(prepared.layout.places[:, 0].tolist())) == pytest.approx([0.0, 0.8], abs=1e-6)
    assert len(prepared.layout.places) == 2 * 7 * 7
    for odd in (Clip(moving.frames[:1], moving.times[:1]), Clip(moving.frames[:, :1, :1], moving.times)):
        assert len(encoder.prepare(odd).layout.places) == 2 * 7 * 7


def test_torchvision_sentences(kept: Path) -> None:
    assert "there are torchvision:resnet18" in sentence("torchvision:resnet9000", "image")
    assert "reads video, not image" in sentence("torchvision:r3d_18", "image")
    assert "published only as a pickle" in sentence("torchvision:r2plus1d_18", "video")
    (kept / "resnet18.safetensors").write_bytes(b"not weights")
    assert "cannot be read" in sentence("torchvision:resnet18", "image")
    random_weights(kept / "resnet18.safetensors", "resnet18", without="layer4")
    assert "cannot be read" in sentence("torchvision:resnet18", "image")


def test_torchvision_pickles_are_not_even_opened(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch itself keeps them, too."""
    from torchvision.models import ResNet18_Weights, resnet18

    monkeypatch.setenv("TORCH_HOME", str(kept))
    monkeypatch.setattr(hub, "_fetch", lambda source: pytest.fail("asked the hub") if source != "timm/resnet18.tv_in1k" else refuse(source))
    pickles = kept / "hub" / "checkpoints"
    pickles.mkdir(parents=True)
    torch.save(resnet18().state_dict(), pickles / ResNet18_Weights.IMAGENET1K_V1.url.rpartition("/")[2])
    assert "does not answer" in sentence("torchvision:resnet18", "image")


def refuse(source: str) -> Path:
    raise FusionError(f"{source} is not on this machine and huggingface.co does not answer.")


def test_torchvision_weights_of_the_hub(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository of the hub, with a configuration of another library beside the weights; counters of batches may be missing."""
    folder = kept / "fetched"
    folder.mkdir()
    (folder / "config.json").write_text('{"architecture": "resnet18"}')
    network = random_weights(folder / "model.safetensors", "resnet18", without="num_batches_tracked")
    monkeypatch.setattr(hub, "_fetch", lambda source: folder)
    encoder = load_backbone("torchvision:resnet18", "image")
    torch.testing.assert_close(encoder.tower.network.layer4[0].conv1.weight, network.layer4[0].conv1.weight)
