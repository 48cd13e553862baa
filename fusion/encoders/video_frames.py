"""The picture encoder's trunk on eight frames of a clip, then temporal convolutions over what it found.

Reference: Karpathy 2014 (Large-scale Video Classification, single frames as a strong start); Bai 2018 (temporal convolutions).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.base import Prepared, TrunkEncoder
from fusion.encoders.concepts import Groups, LearnedReading, as_lists
from fusion.encoders.image_efficientnet import WIDTH, build_concepts, build_trunk, concept_names, frames_layout, square, standardised
from fusion.encoders.unread import frame_note
from fusion.encoders.video_tcn import TemporalBlock, sample_times
from fusion.types import Clip, Panel

SIZE = 224  # pixels along one side of a frame, as of a picture
FRAMES = 8
CHOICES = 3  # frames of which the sharpest is read
SMALL = 96  # pixels of the shorter side on which sharpness is compared


def sharpest(clip: Clip, count: int) -> np.ndarray:
    """Indices (count,) of frames spread over the clip's time, the sharpest in each part: a moving camera blurs some of them."""
    tried = sample_times(clip.times, count * CHOICES).reshape(count, CHOICES)
    scores = {int(i): sharpness(clip.frames[i]) for i in np.unique(tried)}
    return np.array([max(row.tolist(), key=scores.__getitem__) for row in tried])


def sharpness(frame: np.ndarray) -> float:
    """Variance of the second derivative of a frame (H, W, 3) uint8, scaled down."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    part = min(1.0, SMALL / min(grey.shape))
    small = cv2.resize(grey, None, fx=part, fy=part, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).var())


class VideoFrames(TrunkEncoder[Clip]):
    """The image encoder on eight frames of a clip, then convolutions over time.

    Clip of any length and size to eight tokens, one per frame: the sharpest of each eighth of its time.
    """

    modality = "video"
    title = "Small EfficientNet on frames + TCN"
    paper = "Karpathy et al. 2014; Bai et al. 2018"

    def __init__(self, embed_dim: int = 96, size: int = SIZE, groups: Groups = (), shared: float = 0.5) -> None:
        """Builds it without weights.

        Args:
            size: pixels along one side of a frame.
            groups: of ImageNet's classes, one per label, as (first, last) indices.
            shared: how much of a frame's evidence for the groups is the mean of all frames, from 0 to 1.
        """
        super().__init__(embed_dim)
        self.groups = groups
        self.size = size
        self.shared = shared
        self.trunk = build_trunk()
        self.concepts = build_concepts(embed_dim, groups)
        self.project = LearnedReading(WIDTH, embed_dim)
        self.temporal = nn.ModuleList([TemporalBlock(embed_dim, 3, 1), TemporalBlock(embed_dim, 3, 2)])

    def options(self) -> dict[str, Any]:
        return {"size": self.size, "groups": as_lists(self.groups), "shared": self.shared}

    def prepare(self, medium: Clip) -> Prepared:
        index = sharpest(medium, FRAMES)
        shown = {int(i): square(medium.frames[i], self.size) for i in dict.fromkeys(index.tolist())}
        values = standardised(np.stack([shown[int(i)][0] for i in index]))  # (8, 3, S, S)
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
        x: Tensor = self.concepts.embedded(self.evidence(hidden, mask), self.project(hidden)).transpose(1, 2)
        for block in self.temporal:
            x = block(x, mask)
        return x.transpose(1, 2)

    def evidence(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Log-probabilities (B, T, groups + 1) of the groups in each frame, mixed with the mean of the probabilities over all frames.

        A subject that only some frames show then counts with their share of the clip. The mean of log-probabilities would lose it.
        """
        groups = self.concepts.groups(hidden)
        if not self.shared:
            return groups
        share = mask.to(groups.dtype) / mask.sum(1, keepdim=True)
        mean = torch.einsum("btg,bt->bg", groups.exp(), share)[:, None]
        mixed: Tensor = ((1 - self.shared) * groups.exp() + self.shared * mean).log()
        return mixed

    def picture(self, values: Tensor) -> np.ndarray:
        return values.mean(1).numpy()

    @torch.no_grad()
    def panels(self, medium: Clip, prepared: Prepared) -> list[Panel]:
        """The likeliest classes of ImageNet in the clip."""
        hidden = self.hidden(prepared.values[None].to(self.device))
        return [self.concepts.panel(hidden[0].mean(0), concept_names())]
