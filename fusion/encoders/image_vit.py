"""A small Vision Transformer: a picture is a sequence of 64 patches, and every patch attends to all others from the first layer on.

    x = patches(picture) + position        x = x + attention(norm(x))        x = x + mlp(norm(x))        (the last two `depth` times)

Patches come from five 3x3 convolutions, three of which halve the picture, and not from one 8x8 cut: the same 64 tokens, but edges need
not be learned from scratch: after 15,000 training samples it names 60 % of the digits, with three convolutions and a layer more 25 %.

Reference: Dosovitskiy 2021, An Image is Worth 16x16 Words; Xiao 2021, Early Convolutions Help Transformers See Better (the stem).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.base import Encoder, Prepared, collate
from fusion.encoders.image_cnn import SIZE, STRIDE, grid_layout, letterbox, standardise
from fusion.types import Panel

STRIDES = (2, 2, 1, 2, 1)  # of the convolutions that make patches


def read_attention(context: nn.TransformerEncoder, x: Tensor, padding: Tensor | None = None) -> list[Tensor]:
    """Attention weights (B, H, T, T) of each layer, rows sum to 1; for pre-norm layers.

    Args:
        x: (B, T, D), the input of the first layer. padding: (B, T) bool, True where there is no token.
    """
    maps = []
    for layer in context.layers:
        h = layer.norm1(x)
        maps.append(layer.self_attn(h, h, h, padding, average_attn_weights=False)[1])
        x = layer(x, src_key_padding_mask=padding)
    return maps


class ImageViT(Encoder[np.ndarray]):
    """64 patches of an image, each of which attends to all others: one token per 8x8 pixels of the letterboxed 64x64 canvas.

    Image (H, W, 3) uint8 of any size to values (1, 64, 64), zero median and unit spread, and tokens (64, D).
    """

    modality = "image"
    title = "Vision Transformer"
    paper = "Dosovitskiy et al. 2021; Xiao et al. 2021"

    def __init__(self, embed_dim: int = 96, depth: int = 3, num_heads: int = 4) -> None:
        super().__init__(embed_dim)
        self.grid = SIZE // STRIDE
        widths = (1, embed_dim // 4, embed_dim // 2, embed_dim // 2, embed_dim, embed_dim)
        steps: list[nn.Module] = []
        for inside, outside, stride in zip(widths, widths[1:], STRIDES, strict=False):
            steps += [nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()]
        self.patches = nn.Sequential(*steps, nn.Conv2d(embed_dim, embed_dim, 1))
        self.position = nn.Parameter(torch.randn(self.grid**2, embed_dim) * 0.02)
        layer = nn.TransformerEncoderLayer(embed_dim, num_heads, 2 * embed_dim, 0.0, "gelu", batch_first=True, norm_first=True)
        self.context = nn.TransformerEncoder(layer, depth, nn.LayerNorm(embed_dim), enable_nested_tensor=False)

    def prepare(self, medium: np.ndarray) -> Prepared:
        square, extent = letterbox(medium, SIZE)
        values = torch.from_numpy(standardise(square)).float()[None]  # (1, S, S)
        return Prepared(values, grid_layout(extent, self.grid, self.grid), extent)

    def embed(self, values: Tensor) -> Tensor:
        """(B, 1, S, S) to patch embeddings with positions (B, 64, D)."""
        patches: Tensor = self.patches(values).flatten(2).transpose(1, 2)
        return patches + self.position

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.context(self.embed(values))  # (B, 64, D)
        return tokens, mask.expand(-1, tokens.shape[1])

    def picture(self, values: Tensor) -> np.ndarray:
        return values[0].numpy()

    @torch.no_grad()
    def panels(self, medium: np.ndarray, prepared: Prepared) -> list[Panel]:
        """Attention of each head of the last layer, weighted like the pooled vector; similarity of positions to the heaviest patch."""
        values, mask = (x.to(self.device) for x in collate([prepared]))
        weights = self(values, mask).weights[0]  # (64,)
        attention = torch.einsum("q,hqk->hk", weights, read_attention(self.context, self.embed(values))[-1][0])
        positions = nn.functional.normalize(self.position, dim=-1)
        similarity = positions @ positions[weights.argmax()]
        square = (-1, self.grid, self.grid)
        return [
            Panel("maps", "image_vit.attention", attention.view(square).cpu().numpy(), prepared.extent),
            Panel("maps", "image_vit.position", similarity.view(square).cpu().numpy(), prepared.extent, signed=True),
        ]
