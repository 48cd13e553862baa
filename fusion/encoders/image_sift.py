"""Keypoints that survive scaling and turning, each with 128 numbers, and a bag of visual words made of them.

    word(k) = softmax_v(-|d_k - centre_v|^2 / (2 tau^2))        vector = sqrt(mean over keypoints of word(k), whole box and its quarters)

d is the RootSIFT descriptor with the keypoint's direction beside it, so that upright and lying strokes are different words. The words are
K-means centres of training pictures. Keypoints beside the ink's box hardly count, so clutter does not fill the bag.

Reference: Lowe 2004, Distinctive Image Features from Scale-Invariant Keypoints; Arandjelovic 2012 (RootSIFT); Csurka 2004, Visual
Categorization with Bags of Keypoints; Lazebnik 2006 (quarters, a spatial pyramid).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Prepared
from fusion.encoders.fixed import FixedEncoder
from fusion.encoders.image_cnn import letterbox
from fusion.encoders.ink import contrast, covered, ink_box, lift
from fusion.types import Layout, Panel

SIZE = 96  # pixels of the longer side
MARGIN = 8  # pixels: SIFT finds nothing within 5 pixels of a border, so the border is repeated outwards
MOST = 64  # keypoints
WORDS = 64  # of the visual vocabulary
TAU = 0.2  # temperature of the assignment to words
DESCRIPTOR = 128  # numbers of RootSIFT
PLACE = 5  # numbers: cos and sin of the direction, x and y in the box around the strokes, log of the size in boxes
TOKEN = DESCRIPTOR + PLACE
DIRECTION = 0.5  # weight of the keypoint's direction in the choice of its word, relative to a unit descriptor
REACH = 1.5  # a keypoint's place reaches this many of its diameters to each side: the inner half of what the descriptor reads


def find_keypoints(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The strongest keypoints of a picture (H, W) uint8, at most 64.

    Returns:
        (N, 5) x, y and diameter in pixels, direction in radians clockwise from right, strength; and RootSIFT (N, 128) of unit length.
    """
    framed = cv2.copyMakeBorder(grey, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
    found, numbers = cv2.SIFT.create(contrastThreshold=0.04, edgeThreshold=30).detectAndCompute(framed, None)
    h, w = grey.shape
    rows = np.array([[*k.pt, k.size, np.radians(k.angle), k.response] for k in found]).reshape(-1, 5) - [MARGIN, MARGIN, 0, 0, 0]
    rows[:, :2] += 0.5  # OpenCV counts from the middle of the first pixel
    inside = np.flatnonzero(((rows[:, :2] >= 0) & (rows[:, :2] <= [w, h])).all(1))
    kept = inside[np.argsort(-rows[inside, 4], kind="stable")][:MOST]
    if not len(kept):
        return np.zeros((0, 5)), np.zeros((0, DESCRIPTOR))
    numbers = numbers[kept]
    return rows[kept], np.sqrt(numbers / np.maximum(numbers.sum(1, keepdims=True), 1e-6))


class ImageSIFT(FixedEncoder[np.ndarray]):
    """Keypoints with their descriptors (SIFT) as tokens, and how often which visual word occurs as the vector.

    Image (H, W, 3) uint8 of any size to raw tokens (T, 133), 1 to 64 keypoints, and a raw vector (320): square roots of the shares of 64
    words, in the whole box and in its quarters.
    """

    modality = "image"
    title = "SIFT, bag of visual words"
    paper = "Lowe 2004; Csurka et al. 2004"

    def __init__(self, embed_dim: int = 96) -> None:
        super().__init__(embed_dim, TOKEN, 5 * WORDS)
        start = torch.randn(WORDS, DESCRIPTOR + 2, generator=torch.Generator().manual_seed(0))
        self.centres: Tensor
        self.register_buffer("centres", torch.nn.functional.normalize(start, dim=1))  # until `learn` finds better ones

    def prepare(self, medium: np.ndarray) -> Prepared:
        """Values (N, 134): the token's 133 numbers and its weight; one row of zeros where nothing is found."""
        square, extent = letterbox(medium, SIZE)
        x0, y0, x1, y1 = covered(extent, SIZE)
        points, numbers = find_keypoints(lift(square)[y0:y1, x0:x1])
        if not len(points):
            return Prepared(torch.zeros(1, TOKEN + 1), Layout("grid", np.array([[0, 0, 1, 1]], np.float32)), (0.0, 0.0, 1.0, 1.0))
        box = np.subtract(ink_box(contrast(square, extent)), [x0, y0, x0, y0])
        sides = box[2:] - box[:2]
        within = (points[:, :2] - box[:2]) / sides
        weight = np.clip(2 - 2 * np.abs(within - 0.5), 0.05, 1).prod(1)  # fades over half a box on each side
        direction = np.column_stack([np.cos(points[:, 3]), np.sin(points[:, 3])])
        size = np.log(points[:, 2] / np.sqrt(sides.prod()))
        values = np.column_stack([numbers, direction, within, size, weight]).astype(np.float32)
        reach = REACH * points[:, 2:3]
        places = np.hstack([points[:, :2] - reach, points[:, :2] + reach]) / np.tile([x1 - x0, y1 - y0], 2)
        return Prepared(torch.from_numpy(values), Layout("grid", places.clip(0, 1).astype(np.float32)), (0.0, 0.0, 1.0, 1.0))

    def words(self, values: Tensor) -> Tensor:
        """Soft assignment of each token (..., 134) to the visual words (..., 64), times its weight."""
        features = torch.cat([values[..., :DESCRIPTOR], DIRECTION * values[..., DESCRIPTOR : DESCRIPTOR + 2]], -1)
        distance = (features[..., None, :] - self.centres).square().sum(-1)
        return (-distance / (2 * TAU**2)).softmax(-1) * values[..., -1:]

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        words = self.words(values)  # (B, N, V); padding has weight 0
        across = (2 * values[..., DESCRIPTOR + 2 : DESCRIPTOR + 4] - 0.5).clamp(0, 1)  # 0 in the first half's middle, 1 in the second's
        x, y = across.unbind(-1)
        parts = torch.stack([torch.ones_like(x), (1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], -1)  # (B, N, 5)
        weight = values[..., -1]
        bag = torch.einsum("bnv,bnp->bpv", words, parts).flatten(1) / weight.sum(1, keepdim=True).clamp_min(1e-6)
        share = torch.where(weight.sum(1, keepdim=True) > 0, weight, mask.to(weight.dtype))
        return values[..., :TOKEN], mask, bag.sqrt(), share / share.sum(1, keepdim=True)

    def learn(self, media: Sequence[np.ndarray]) -> None:
        """Visual words: K-means centres of the keypoints of all pictures."""
        from sklearn.cluster import MiniBatchKMeans

        values = torch.cat([self.prepare(m).values for m in media])
        rows = values[values[:, -1] > 0].numpy()
        count = min(WORDS, len(rows))
        if count:
            features = np.hstack([rows[:, :DESCRIPTOR], DIRECTION * rows[:, DESCRIPTOR : DESCRIPTOR + 2]])
            fitted = MiniBatchKMeans(count, random_state=0, n_init=3, batch_size=2048).fit(features)
            self.centres[:count] = torch.from_numpy(fitted.cluster_centers_)

    def panels(self, medium: np.ndarray, prepared: Prepared) -> list[Panel]:
        square, extent = letterbox(medium, SIZE)
        x0, y0, x1, y1 = covered(extent, SIZE)
        points, _ = find_keypoints(lift(square)[y0:y1, x0:x1])
        scale = np.array([1 / (x1 - x0), 1 / (y1 - y0), 0.5 / max(x1 - x0, y1 - y0), 1, 1])
        words = self.words(prepared.values).sum(0)
        return [
            Panel("keypoints", "sift.keypoints", (points * scale).astype(np.float32)),
            Panel("bars", "sift.words", (words / words.sum().clamp_min(1e-6)).numpy()),
        ]
