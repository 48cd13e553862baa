"""Heads that read any labels from what an encoder says of names."""

import pytest
import torch
from torch.nn import functional as F

from fusion.heads.label_readers import Calibration, NamedLabels, SentenceLabels, crowding


def unit(*rows: list[float]) -> torch.Tensor:
    return F.normalize(torch.tensor(rows), dim=-1)


NAMES = unit([1.0, 0.05, 0.0, 0.0], [1.0, 0.15, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0])  # husky, poodle, violin, rain
LABELS = unit([1.0, 0.1, 0.0, 0.0], [0.0, 1.0, 0.1, 0.0])  # dog, fiddle
FEELING = unit([0.0, 0.0, 0.0, 1.0])


def seen(*probs: float) -> torch.Tensor:
    return torch.tensor([probs]).log()


def test_a_label_gathers_the_names_that_mean_nearly_the_same():
    reader = NamedLabels(LABELS, NAMES, Calibration())
    votes, _ = reader(seen(0.5, 0.3, 0.15, 0.05))
    swapped, _ = reader(seen(0.3, 0.5, 0.15, 0.05))
    assert votes.argmax().item() == swapped.argmax().item() == 0  # either name of a dog
    assert votes.exp().sum().item() == pytest.approx(1)


def test_reach_is_small_for_a_medium_that_shows_none_of_the_labels():
    reader = NamedLabels(LABELS, NAMES, Calibration(threshold=-2.0, slope=3.0))
    _, dog = reader(seen(0.9, 0.06, 0.03, 0.01))
    _, rain = reader(seen(0.01, 0.01, 0.01, 0.97))
    assert dog.item() > 0 > rain.item()


def test_reach_does_not_depend_on_the_other_labels():
    alone = NamedLabels(LABELS[:1], NAMES, Calibration(wide=1.0)).evidence(seen(0.2, 0.3, 0.4, 0.1))
    both = NamedLabels(LABELS, NAMES, Calibration(wide=1.0)).evidence(seen(0.2, 0.3, 0.4, 0.1))
    assert torch.allclose(alone.reach[:, 0], both.reach[:, 0])


def test_what_a_modality_cannot_know_is_measured():
    labels = torch.cat([LABELS, FEELING])
    reader = NamedLabels(labels, NAMES, Calibration(coverage=0.5))
    assert reader.known.tolist() == [True, True, False]
    assert not NamedLabels(FEELING, NAMES, Calibration(coverage=0.5)).votes
    assert SentenceLabels(labels, Calibration()).known.all()


def test_the_names_that_spoke_for_a_label():
    reader = NamedLabels(LABELS, NAMES, Calibration())
    (first, probability), *_ = reader.speakers(seen(0.6, 0.3, 0.05, 0.05)[0], label=0)
    assert first == 0 and probability == pytest.approx(0.6)


def test_a_temperature_changes_no_order():
    probs = seen(0.2, 0.3, 0.4, 0.1)
    cold, warm = (NamedLabels(LABELS, NAMES, Calibration(temperature=t))(probs)[0] for t in (0.5, 5.0))
    assert cold.argmax() == warm.argmax() and cold.max() > warm.max()


def test_a_name_in_a_crowd_gets_less_of_a_label():
    crowd = crowding(torch.cat([NAMES, NAMES[:1] + 0.01 * NAMES[1:2]]))
    assert crowd[0] > crowd[2] and crowd.shape == (5,)
    free = NamedLabels(LABELS[:1], NAMES, Calibration(), crowd=torch.zeros(4)).spread[0]
    crowded = NamedLabels(LABELS[:1], NAMES, Calibration(), crowd=torch.tensor([0.5, 0.0, 0.0, 0.0])).spread[0]
    assert crowded[0] < free[0] and crowded.sum().item() == pytest.approx(1)
    assert crowding(NAMES[:1]).tolist() == [0.0]
