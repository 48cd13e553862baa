"""Photographs of pages, their clean twins, and training on both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fusion.config import TrainConfig
from fusion.encoders.handwriting import CELL, SIDE
from fusion.encoders.image_cnn import ImageCNN
from fusion.tasks.base import Photograph
from fusion.tasks.digits.paper import make_page
from fusion.training.ink_finder import Pages
from fusion.training.twins import Pair, TwinData, average, train_on_pages, twin_loss


def ink(side: int = 28) -> np.ndarray:
    cover = np.zeros((side, side), np.uint8)
    cover[4:24, 12:16] = 255
    return cover


def drawn(index: int, seed: int) -> Photograph:
    """Ink on grey paper, every other time a sample as before."""
    rng = np.random.default_rng([seed, index])
    cover = np.zeros((64, 64), np.uint8)
    x = int(rng.integers(5, 50))
    cover[10:50, x : x + 5] = 255
    shade = np.linspace(0, 60, 64)[:, None]
    picture = np.repeat((np.where(cover > 0, 40, 180) + shade).astype(np.uint8)[..., None], 3, -1)
    return Photograph(picture, cover if index % 2 else None, index % 2)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("shape", [(200, 300), (80, 320)])
def test_boxes_of_a_page_hold_its_ink(shape: tuple[int, int], held_out: bool) -> None:
    for seed in range(6):
        page = make_page([ink(), ink(), ink()], np.full(3, 0.12), shape, np.random.default_rng(seed), held_out)
        assert page.picture.shape == (*shape, 3) and page.layers.shape == (3, *shape)
        for box, layer in zip(page.boxes * [shape[1], shape[0], shape[1], shape[0]], page.layers, strict=True):
            x0, y0, x1, y1 = box.round().astype(int)
            assert layer[y0:y1, x0:x1].sum() > 0.9 * layer.sum() > 0
        assert (page.layers > 40).sum(0).max() == 1  # they do not touch


def test_the_same_seed_draws_the_same_page() -> None:
    first, second = (make_page([ink()], np.array([0.2]), (120, 160), np.random.default_rng(3)).picture for _ in range(2))
    assert np.array_equal(first, second)


def test_cells_of_a_page_are_marked_where_its_ink_is() -> None:
    cover = np.zeros((100, 200), np.uint8)
    cover[20:60, 100:120] = 255
    picture = np.repeat((255 - cover)[..., None], 3, -1)
    data = Pages(lambda rng: (picture, cover), 2, 0)
    batch = data.collate([data[0], data[1]])
    ys, xs = np.nonzero(batch["ink"][0].numpy())
    scale = SIDE / 200 / CELL
    assert np.abs(np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) - np.array([100, 20, 120, 60]) * scale).max() <= 1
    assert batch["real"][0].float().mean() == 0.5


def test_an_encoder_that_did_not_change_is_at_no_distance_from_itself() -> None:
    torch.manual_seed(0)
    encoder = ImageCNN().eval()
    data = TwinData(drawn, encoder, 4, 0)
    batch = data.collate([data[0], data[2]])  # samples as before
    distance, _ = Pair(encoder)(batch["values"], batch["twin"])
    assert distance.abs().max() < 1e-6
    photograph = data.collate([data[1], data[3]])
    assert not torch.equal(photograph["values"], photograph["twin"])


def test_training_goes_on_from_the_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = ImageCNN()
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    head = (torch.randn(2, 96), torch.zeros(2))
    config = TrainConfig(epochs=1, samples=8, batch_size=4, lr=1e-3, precision="fp32")
    assert len(list(train_on_pages(encoder, head, drawn, tmp_path, config, "cpu"))) == 2
    after = encoder.state_dict()
    assert not torch.equal(after["project.weight"], before["project.weight"])
    assert all(torch.equal(after[k], before[k]) for k in before if "running" in k)


def test_the_end_is_half_way() -> None:
    new, old = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    middle = (new.weight + old.weight) / 2
    average(new, old)
    assert torch.allclose(new.weight, middle)


def test_loss_without_a_head_is_the_distance() -> None:
    torch.manual_seed(0)
    encoder = ImageCNN().eval()
    data = TwinData(drawn, encoder, 2, 0)
    loss, kept = twin_loss(Pair(encoder), data.collate([data[0], data[1]]))
    assert loss > 0 and torch.allclose(kept, 1 - loss)
