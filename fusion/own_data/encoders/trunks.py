"""Photos, texts, sounds and clips: the encoders that the project ships, read before any layer that was trained with labels.

Any other encoder without trained heads serves as well: classical features, or a pretrained backbone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders import Encoder, FixedEncoder, Prepared, collate
from fusion.encoders.audio_mobilenet import STRIDE, AudioMobileNet
from fusion.encoders.image_efficientnet import ImageEfficientNet
from fusion.encoders.text_bert import TextBERT
from fusion.encoders.text_minilm import TextMiniLM
from fusion.encoders.video_frames import VideoFrames
from fusion.own_data.encoders.base import OwnEncoder, Raw, digest_of, merged, merged_layout
from fusion.types import Audio, Clip, FusionError, Medium, Panel


class TrunkFeatures(OwnEncoder[Medium]):
    """What a frozen encoder finds: its last layer's tokens and their mean."""

    title = "Frozen encoder, projected"

    def __init__(self, inner: Encoder[Any], name: str, embed_dim: int) -> None:
        """`name` says where `inner` came from, for `build.py`."""
        self.name = name
        tokens, pooled = widths(inner)
        super().__init__(embed_dim, tokens, pooled)
        self.inner = inner.requires_grad_(False)
        self.modality = inner.modality
        self.eval()

    def train(self, mode: bool = True) -> TrunkFeatures:
        """It always stays in eval mode."""
        return super().train(False)

    def prepare(self, medium: Medium) -> Prepared:
        prepared = self.inner.prepare(medium)
        return replace(prepared, layout=merged_layout(prepared.layout))

    @torch.no_grad()
    def read(self, values: Tensor, mask: Tensor) -> Raw:
        tokens, real, pooled = raw_features(self.inner, values, mask)
        return Raw(*merged(tokens, real), pooled, [])

    def options(self) -> dict[str, Any]:
        return {"name": self.name}

    def weights_digest(self) -> str:
        return digest_of(self.inner)

    def picture(self, values: Tensor) -> Any:
        return self.inner.picture(values)

    def panels(self, medium: Medium, prepared: Prepared) -> list[Panel]:
        return self.inner.panels(medium, self.inner.prepare(medium))


def raw_features(inner: nn.Module, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens (B, T, F), their mask (B, T) with the real ones first, and the vector (B, P) of a frozen encoder."""
    if isinstance(inner, ImageEfficientNet):
        hidden = inner.hidden(values)
        return hidden, torch.ones(hidden.shape[:2], dtype=torch.bool, device=hidden.device), hidden.mean(1)
    if isinstance(inner, AudioMobileNet):
        hidden, real = inner.hidden(values, mask), mask[:, ::STRIDE]
        return hidden, real, inner.whole(hidden, real)
    if isinstance(inner, TextBERT):
        hidden = inner.hidden(values, mask)
        return hidden, mask, inner.sentence(hidden, mask)
    if isinstance(inner, TextMiniLM):
        hidden, real = inner.hidden(values, mask)
        return hidden[:, 1:-1], mask, inner.sentence(hidden, real)
    if isinstance(inner, VideoFrames):
        hidden = inner.hidden(values)
        spread = hidden.std(1)  # what moves
        return hidden, mask, torch.cat([hidden.mean(1), spread], -1)
    if isinstance(inner, FixedEncoder):
        tokens, real, pooled, _ = inner.describe(values, mask)
        order = (~real).long().argsort(dim=1, stable=True)
        return tokens.gather(1, order[..., None].expand_as(tokens)), real.gather(1, order), pooled
    raise FusionError("The encoder {name} cannot read data of your own; take a classical one or a backbone.", name=type(inner).__name__)


@torch.inference_mode()
def widths(inner: Encoder[Any]) -> tuple[int, int]:
    """Widths of its raw tokens and vector, from a trial run; of classical features from their projections."""
    if isinstance(inner, FixedEncoder):
        return inner.token_map.map.shape[0], inner.pooled_map.map.shape[0]
    tokens, _, pooled = raw_features(inner, *collate([inner.prepare(trial_medium(inner.modality))]))
    return tokens.shape[2], pooled.shape[1]


def trial_medium(kind: str) -> Medium:
    """Some medium of a kind."""
    if kind == "text":
        return "a"
    if kind == "audio":
        return Audio(16000, np.zeros(16000, np.float32))
    picture = np.zeros((32, 32, 3), np.uint8)
    return picture if kind == "image" else Clip(picture[None], np.zeros(1, np.float32))
