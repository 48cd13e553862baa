"""Local binary patterns against codes worked out by hand; SIFT against a picture that was turned."""

import cv2
import numpy as np
import pytest
import torch

from fusion.encoders.base import collate
from fusion.encoders.image_lbp import ImageLBP, directed_codes, plain_codes
from fusion.encoders.image_sift import ImageSIFT, find_keypoints
from fusion.encoders.ink import contrast, ink_box, lift


def smooth_noise(size: int, seed: int, spread: float = 3.0) -> np.ndarray:
    """Clouds over the full range of grey, (S, S) uint8."""
    field = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32), (0, 0), spread)
    return cv2.normalize(field, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def stroke(x: int, y: int, ink: int = 220, ground: int = 40) -> np.ndarray:
    """A bright cross of 20 pixels around x, y on a 64x64 picture."""
    picture = np.full((64, 64, 3), ground, np.uint8)
    picture[y - 10 : y + 10, x - 1 : x + 1] = ink
    picture[y - 1 : y + 1, x - 10 : x + 10] = ink
    return picture


def test_codes_of_flat_dot_and_edge() -> None:
    """Flat: all eight as bright. A bright dot: none. Bright side of an edge: the five on its own side; dark side: all."""
    grey = np.full((7, 12), 50, np.uint8)
    grey[3, 2] = 200
    grey[:, 8:] = 200
    codes = plain_codes(directed_codes(grey))
    assert codes[3, 2] == 0 and codes[3, 8] == 5
    assert (np.delete(codes.ravel(), [3 * 12 + 2, *range(8, 7 * 12, 12)]) == 8).all()


def test_an_edge_and_its_mirror_have_different_directed_codes() -> None:
    grey = np.tile(np.uint8([50, 50, 50, 200, 200, 200]), (6, 1))
    left, right = directed_codes(grey)[3, 3], directed_codes(grey[:, ::-1])[3, 2]
    assert left != right and plain_codes(left) == plain_codes(right) == 5


def test_brightness_does_not_matter() -> None:
    dim, encoder = stroke(30, 30, 150, 40), ImageLBP()
    torch.testing.assert_close(encoder.prepare(dim + np.uint8(90)).values, encoder.prepare(dim).values)


def test_light_and_dark_ink_are_the_same() -> None:
    picture = stroke(30, 30)
    np.testing.assert_array_equal(lift(picture[..., 0]), lift(255 - picture[..., 0]))
    torch.testing.assert_close(ImageLBP().prepare(255 - picture).values, ImageLBP().prepare(picture).values)


def test_box_is_around_the_larger_stroke() -> None:
    picture = stroke(24, 40)[..., 0].astype(np.float32)
    picture[5:8, 55:58] = 220  # a speck
    x0, y0, x1, y1 = ink_box(contrast(picture, (0, 0, 1, 1)))
    assert np.abs(np.subtract([x0, y0, x1, y1], [14, 30, 34, 50])).max() <= 2
    assert ink_box(np.zeros((64, 64), np.float32)) == (0, 0, 64, 64)


def test_lbp_vector_does_not_depend_on_the_place() -> None:
    one, two = (ImageLBP().describe(*collate([ImageLBP().prepare(stroke(*at))]))[2] for at in ((20, 20), (44, 36)))
    torch.testing.assert_close(one, two, rtol=0, atol=1e-3)


def test_padding_is_no_contrast() -> None:
    """A wide picture with a bright lower border: the seam to the padding is no stroke."""
    picture = np.full((20, 40, 3), 30, np.uint8)
    picture[10:] = 200
    encoder = ImageLBP()
    share = encoder.describe(*collate([encoder.prepare(picture)]))[3][0].reshape(8, 8)
    assert share[2:6].sum() == pytest.approx(1) and share[3:5].sum() > 0.95


def matched(first: np.ndarray, second: np.ndarray, matrix: np.ndarray) -> tuple[float, float]:
    """Share of the keypoints of `first` that are found in `second` within 1.5 pixels of where `matrix` (2, 3) puts them, and how alike."""
    (points, numbers), (others, theirs) = find_keypoints(first), find_keypoints(second)
    middle = np.linalg.norm(points[:, :2] - 48, axis=1) < 36  # these stay inside
    points, numbers = points[middle], numbers[middle]
    moved = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    near = np.linalg.norm(moved[:, None] - others[None, :, :2], axis=-1) < 1.5
    alike = np.where(near, numbers @ theirs.T, 0).max(1)  # cosine, both have unit length
    return float(near.any(1).mean()), float(np.median(alike[near.any(1)]))


@pytest.mark.parametrize("degrees", [90, 30])
def test_keypoints_follow_a_turn(degrees: int) -> None:
    grey = smooth_noise(96, 0)
    matrix = cv2.getRotationMatrix2D((47.5, 47.5), degrees, 1)
    turned = cv2.warpAffine(grey, matrix, (96, 96), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    matrix[:, 2] += 0.5 - matrix[:, :2] @ [0.5, 0.5]  # our pixels have their middle at 0.5
    found, alike = matched(grey, turned, matrix)
    assert found > 0.7 and alike > 0.9
    elsewhere = find_keypoints(smooth_noise(96, 1))[1]
    assert np.median(find_keypoints(grey)[1] @ elsewhere.T) < alike - 0.15


def test_a_keypoint_lies_where_the_blob_is() -> None:
    """A Gaussian blob at 3/4, 1/4 of a wide picture."""
    y, x = np.mgrid[:60, :120]
    blob = 30 + 200 * np.exp(-((x + 0.5 - 90) ** 2 + (y + 0.5 - 15) ** 2) / (2 * 5.0**2))
    encoder = ImageSIFT()
    medium = np.repeat(blob.astype(np.uint8)[..., None], 3, -1)
    prepared = encoder.prepare(medium)
    x, y, radius = encoder.panels(medium, prepared)[0].values[0, :3]
    assert abs(x - 0.75) < 0.01 and abs(y - 0.25) < 0.02 and 0.5 < radius / (5 / 120) < 2
    x0, y0, x1, y1 = prepared.layout.places[0]
    assert x0 < 0.75 < x1 and y0 < 0.25 < y1


def test_nothing_found_is_one_token_of_zeros() -> None:
    encoder = ImageSIFT()
    prepared = encoder.prepare(np.full((50, 40, 3), 90, np.uint8))
    tokens, real, bag, share = encoder.describe(*collate([prepared]))
    assert (tokens == 0).all() and (bag == 0).all() and real.all() and share.tolist() == [[1.0]]
    np.testing.assert_array_equal(prepared.layout.places, [[0, 0, 1, 1]])


def test_bag_of_words_by_hand() -> None:
    """Three keypoints on two centres: two of the first word on the left, one of the second at lower right."""
    encoder = ImageSIFT()
    encoder.centres.zero_().fill_(9.0)  # far from all
    encoder.centres[:2] = torch.eye(130)[:2]
    values = torch.zeros(1, 3, 134)
    values[0, :2, 0], values[0, 2, 1], values[..., -1] = 1, 1, 1
    values[0, :, 130:132] = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    bag = encoder.describe(values, torch.ones(1, 3, dtype=torch.bool))[2].reshape(5, -1).square()
    want = torch.tensor([[2, 1], [1, 0], [0, 0], [1, 0], [0, 1]]) / 3
    torch.testing.assert_close(bag[:, :2], want, rtol=0, atol=1e-4)


def test_words_are_the_same_each_time() -> None:
    media = [np.repeat(smooth_noise(64, seed)[..., None], 3, -1) for seed in range(8)]
    one, two = ImageSIFT(), ImageSIFT()
    one.fit(media)
    two.fit(media)
    torch.testing.assert_close(one.centres, two.centres)
    assert not torch.equal(one.centres, ImageSIFT().centres)
