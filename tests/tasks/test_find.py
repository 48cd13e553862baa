"""digits-find: scenes, what is asked, and the head that says where."""

import numpy as np
import pytest
import torch

from fusion.heads.localization import SUB, LocalizationHead, Location, box_iou, inside_box, localization_losses
from fusion.tasks.digits import images
from fusion.tasks.digits_find.examples import EXAMPLES, make_example
from fusion.tasks.digits_find.scenes import MASK, SIZE, make_scene
from fusion.types import FusionOutput

GRID = 12


def scene_of(seed: int, count: int = 5):
    rng = np.random.default_rng(seed)
    digits = rng.permutation(10)[:count]
    return make_scene(digits, [images.printed_glyph(int(k), rng) for k in digits], rng)


@pytest.mark.parametrize("seed", range(12))
def test_digits_never_touch_and_boxes_hold_their_ink(seed: int) -> None:
    scene = scene_of(seed)
    assert scene.picture.shape == (SIZE, SIZE, 3) and scene.picture.dtype == np.uint8
    assert scene.boxes.min() >= 0 and scene.boxes.max() <= 1 and (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()
    for i, a in enumerate(scene.boxes):
        for b in scene.boxes[:i]:
            assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
        ys, xs = np.nonzero(scene.masks[i] > 0.5)
        assert xs.min() / MASK >= a[0] - 1 / MASK and (xs.max() + 1) / MASK <= a[2] + 1 / MASK
        assert ys.min() / MASK >= a[1] - 1 / MASK and (ys.max() + 1) / MASK <= a[3] + 1 / MASK


def test_the_same_seed_draws_the_same_scene() -> None:
    np.testing.assert_array_equal(scene_of(3).picture, scene_of(3).picture)


def test_box_iou_known_values() -> None:
    one = torch.tensor([[0.0, 0, 2, 2]])
    for other, iou in (([0.0, 0, 2, 2], 1.0), ([1.0, 0, 3, 2], 1 / 3), ([2.0, 2, 3, 3], 0.0), ([0.5, 0.5, 1.5, 1.5], 0.25)):
        assert box_iou(one, torch.tensor([other])).item() == pytest.approx(iou)


def test_inside_box_counts_cell_centres() -> None:
    inside = inside_box(torch.tensor([[0.0, 0.0, 0.25, 1 / 6], [0.51, 0.51, 0.52, 0.52]]), GRID)
    assert inside[0].nonzero().flatten().tolist() == [0, 1, 2, 12, 13, 14]
    assert inside[1].nonzero().flatten().tolist() == [6 * GRID + 6], "smaller than a cell: the nearest one"


def test_dense_head_reads_the_box_off_the_cell_that_is_sure() -> None:
    """Cell (row 3, column 7) scores highest by far and says edges of 1, 2, 3 and 4 cells."""
    head = LocalizationHead(4, 4, GRID).eval()
    last, tokens = head.cells[-1], torch.zeros(1, GRID * GRID, 4)
    edges = torch.tensor([1.0, 2, 3, 4])
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
        last.bias[1:5] = (edges.exp() - 1).log()  # softplus of it is `edges`
        head.cells[0].weight.fill_(1.0)
        head.cells[1].weight.copy_(torch.eye(4))
        head.cells[1].bias.zero_()
        last.weight[0] = torch.tensor([1000.0, 0, 0, 0])
    tokens[0, 3 * GRID + 7] = torch.tensor([5.0, -1, -2, -2])
    placed = head(FusionOutput(torch.zeros(1, 4), tokens={"image": tokens}))
    wanted = torch.tensor([[7.5 - 1, 3.5 - 2, 7.5 + 3, 3.5 + 4]]) / GRID
    torch.testing.assert_close(placed.box, wanted, rtol=1e-4, atol=1e-5)
    assert placed.mask.shape == (1, GRID * SUB, GRID * SUB)


def test_mask_cells_lie_where_their_token_lies() -> None:
    head = LocalizationHead(4, 4, GRID).eval()
    tokens = torch.zeros(1, GRID * GRID, 4)
    tokens[0, 5 * GRID + 2] = torch.randn(4) * 3
    with_one, without = (head(FusionOutput(torch.zeros(1, 4), tokens={"image": t})).mask[0] for t in (tokens, torch.zeros_like(tokens)))
    rows, columns = ((with_one - without).abs() > 1e-6).nonzero(as_tuple=True)
    assert set((rows // SUB).tolist()) == {5} and set((columns // SUB).tolist()) == {2}


def test_what_is_not_there_has_no_box_to_learn() -> None:
    """Box and mask of absent digits, and everything where nobody asked, leave the losses alone."""
    torch.manual_seed(0)
    box, mask = torch.rand(3, 4), torch.rand(3, 48, 48)
    found, asked = torch.tensor([True, False, True]), torch.tensor([True, True, False])
    placed = Location(torch.rand(3, 4), torch.randn(3), torch.randn(3, 48, 48), torch.randn(3, GRID * GRID))
    look = torch.rand(3, GRID * GRID).softmax(-1)
    base = localization_losses(placed, box, mask, found, asked, look)
    changed = Location(placed.box.clone(), placed.found.clone(), placed.mask.clone(), placed.scores.clone())
    changed.box[1:] += 1
    changed.mask[1:] += 1
    changed.scores[1:] += torch.randn(2, GRID * GRID)
    changed.found[2] += 1
    look = torch.cat([look[:1], look[1:].flip(-1)])
    again = localization_losses(changed, box, mask, found, asked, look)
    for name in base:
        torch.testing.assert_close(base[name], again[name])
    perfect = Location(box, torch.tensor([20.0, -20, 0]), (mask > 0.5).float() * 40 - 20, None)
    inside = inside_box(box, GRID).float()
    best = localization_losses(perfect, box, (mask > 0.5).float(), found, asked, inside / inside.sum(-1, keepdim=True))
    assert set(best) == {*base} and max(best.values()) < 1e-5


@pytest.mark.parametrize("name", [*EXAMPLES])
def test_examples(name: str) -> None:
    example, media = EXAMPLES[name], make_example(name)
    assert set(media) == {"image", *example.questions} and media["image"].shape == (288, 288, 3)
    assert (example.asked in {d for d, *_ in example.shown}) == (name != "not-there")
