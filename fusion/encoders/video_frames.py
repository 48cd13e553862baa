"""The picture encoder's trunk on eight frames of a clip, then temporal convolutions over what it found.

Reference: Karpathy 2014 (Large-scale Video Classification, single frames as a strong start); Bai 2018 (temporal convolutions).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.base import Prepared, TrunkEncoder
from fusion.encoders.concepts import Groups, LearnedReading, as_lists
from fusion.encoders.image_efficientnet import WIDTH, build_concepts, build_trunk, concept_names, frames_layout, square, standardised
from fusion.encoders.unread import frame_note
from fusion.encoders.video_tcn import TemporalBlock, sample_times
from fusion.types import Clip, Panel

SIZE = 160  # pixels along one side of a frame
FRAMES = 8


class VideoFrames(TrunkEncoder[Clip]):
    """The image encoder on eight frames of a clip, then convolutions over time.

    Clip of any length and size to eight tokens, one per frame sampled evenly over its time.
    """

    modality = "video"
    title = "Small EfficientNet on frames + TCN"
    paper = "Karpathy et al. 2014; Bai et al. 2018"

    def __init__(self, embed_dim: int = 96, groups: Groups = (), adapter: int = 0) -> None:
        """Builds it without weights.

        Args:
            groups: of ImageNet's classes, one per label, as (first, last) indices.
            adapter: units for further training, see `LearnedReading`.
        """
        super().__init__(embed_dim)
        self.adapter = adapter
        self.groups = groups
        self.trunk = build_trunk()
        self.concepts = build_concepts(embed_dim, groups)
        self.project = LearnedReading(WIDTH, embed_dim, adapter=adapter)
        self.temporal = nn.ModuleList([TemporalBlock(embed_dim, 3, 1), TemporalBlock(embed_dim, 3, 2)])

    def options(self) -> dict[str, Any]:
        return {"groups": as_lists(self.groups)} | ({"adapter": self.adapter} if self.adapter else {})

    def prepare(self, medium: Clip) -> Prepared:
        index = sample_times(medium.times, FRAMES)
        shown = {int(i): square(medium.frames[i], SIZE) for i in dict.fromkeys(index.tolist())}
        values = standardised(np.stack([shown[int(i)][0] for i in index]))  # (8, 3, 160, 160)
        extent = next(iter(shown.values()))[1]
        return Prepared(values, frames_layout(medium.times[index], extent), extent, frame_note(extent))

    def hidden(self, values: Tensor) -> Tensor:
        """The mean of the trunk's last maps for each frame: (B, 8, 1280), before any layer that was trained with the task's labels."""
        B, T = values.shape[:2]
        frames = values.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        maps: Tensor = self.trunk(frames)
        return maps.mean((2, 3)).view(B, T, -1)

    def run_trunk(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.hidden(values), mask

    def read(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Frames (B, T, 1280) to tokens (B, T, D), each with the context of its neighbours."""
        x: Tensor = self.concepts(hidden, self.project(hidden)).transpose(1, 2)
        for block in self.temporal:
            x = block(x, mask)
        return x.transpose(1, 2)

    def picture(self, values: Tensor) -> np.ndarray:
        return values.mean(1).numpy()

    @torch.no_grad()
    def panels(self, medium: Clip, prepared: Prepared) -> list[Panel]:
        """The likeliest classes of ImageNet in the clip."""
        hidden = self.hidden(prepared.values[None].to(self.device))
        return [self.concepts.panel(hidden[0].mean(0), concept_names())]
