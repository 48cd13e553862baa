"""The encoders of natural media: what they see of a picture and a sound, their named concepts, and trunks that stay as they are."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fusion.config import EncoderConfig
from fusion.distill.audio import start_from
from fusion.distill.teachers import STRIDES, patches_of
from fusion.encoders import ENCODERS, TrunkEncoder, collate
from fusion.encoders.audio_mobilenet import HOP, LEVEL, RATE, WIDTH, AudioMobileNet, at_level, build_trunk, fill_up, log_mel, mel_filters
from fusion.encoders.concepts import LEAST, LearnedReading, NamedConcepts
from fusion.encoders.image_efficientnet import ImageEfficientNet, concept_names, square, standardised
from fusion.encoders.text_bert import UNKNOWN, TextBERT, agreement
from fusion.encoders.video_frames import FRAMES, VideoFrames
from fusion.model import load_encoder, load_weights, save_weights
from fusion.tasks import SCENES, TASKS
from fusion.tasks.scenes.concepts import AUDIOSET, IMAGENET, groups_of
from fusion.types import Audio, Clip


@pytest.fixture(scope="module")
def image() -> ImageEfficientNet:
    torch.manual_seed(0)
    return ImageEfficientNet(groups=groups_of(IMAGENET)).eval()


def test_the_whole_picture_is_seen_unless_it_is_very_long() -> None:
    assert square(np.zeros((300, 400, 3), np.uint8), 64)[1] == (0.0, 0.0, 1.0, 1.0)
    small, extent = square(np.zeros((100, 400, 3), np.uint8), 64)
    assert small.shape == (64, 64, 3) and extent == (0.3, 0.0, 0.7, 1.0), "the middle 160 of 400 pixels"
    assert square(np.zeros((400, 100, 3), np.uint8), 64)[1] == (0.0, 0.3, 1.0, 0.7)
    assert square(np.zeros((1, 1, 3), np.uint8), 64)[0].shape == (64, 64, 3)
    assert float(standardised(np.full((2, 2, 3), 255, np.uint8)).max()) == 1.0


def test_seven_by_seven_tokens(image: ImageEfficientNet) -> None:
    prepared = image.prepare(np.zeros((50, 60, 3), np.uint8))
    assert image(*collate([prepared])).tokens.shape == (1, 49, 96) and len(prepared.layout.places) == 49
    assert prepared.layout.places[0].tolist() == pytest.approx([0, 0, 1 / 7, 1 / 7])


def test_groups_of_imagenet_are_what_they_are_called() -> None:
    inside = {"dog": "beagle", "cat": "Persian cat", "bird": "robin", "cow": "ox", "sheep": "bighorn", "lion": "lion",
              "frog": "tree frog", "sea": "seashore", "fire": "candle", "clock": "wall clock", "rain": "umbrella"}  # fmt: skip
    for label, spans in zip(SCENES, groups_of(IMAGENET), strict=True):
        names = {concept_names()[i] for first, last in spans for i in range(first, last + 1)}
        assert inside[label] in names and not names & {"wolf", "tiger", "zebra", "lakeside", "stove"}


def test_concepts_of_one_class_at_a_time() -> None:
    concepts = NamedConcepts(8, 3, 5, (((0, 1),), ((3, 3),)), exclusive=True)
    concepts.bias.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4, 1e-9]).log())
    wanted = torch.tensor([0.3, 0.4, 0.3])  # 0.1 + 0.2, 0.4, the rest
    torch.testing.assert_close(concepts.groups(torch.zeros(2, 3)).exp(), wanted.expand(2, 3), atol=1e-5, rtol=1e-5)
    panel = concepts.panel(torch.zeros(3), tuple("abcde"), 2)
    assert panel.names == ("d", "c") and panel.values.tolist() == pytest.approx([0.4, 0.3], abs=1e-5)


def test_concepts_of_several_classes_at_once() -> None:
    concepts = NamedConcepts(8, 3, 4, (((0, 1),), ((2, 2),)), exclusive=False)
    probs = torch.tensor([0.9, 0.2, 0.7, 1e-6])
    concepts.bias.copy_(probs.logit())
    torch.testing.assert_close(concepts.groups(torch.zeros(1, 3)).exp()[0], torch.tensor([0.9, 0.7, LEAST]))


def test_what_is_named_as_something_else_is_hardly_passed_on() -> None:
    concepts = NamedConcepts(4, 3, 2, (((0, 0),),), exclusive=True)
    concepts.gate.weight.data.copy_(torch.tensor([[0.0, 4.0]]))  # closes as "all others" falls, so opens with it here
    concepts.gate.bias.data.fill_(0.0)
    learned = torch.ones(1, 4)
    concepts.bias.copy_(torch.tensor([0.0, 20.0]))
    sure = concepts(torch.zeros(1, 3), learned)
    torch.testing.assert_close(sure, 0.5 * (learned + concepts.embed(torch.tensor([[0.0, -np.log(LEAST) / 2]]).float())))
    concepts.bias.copy_(torch.tensor([20.0, 0.0]))
    assert concepts(torch.zeros(1, 3), learned).abs().max() < 1e-6


def test_neutral_classes_are_in_no_group() -> None:
    concepts = NamedConcepts(4, 3, 4, (((0, 0),),), exclusive=False, neutral=((1, 2),))
    assert concepts.member.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]


def test_half_of_training_hears_the_names_alone() -> None:
    torch.manual_seed(0)
    reading = LearnedReading(16, 4, drop=0.0)
    x = torch.randn(400, 3, 16)
    whole = reading.eval()(x)
    some = reading.train()(x)
    silent = (some == 0).all(2).all(1)
    assert 150 < int(silent.sum()) < 250
    torch.testing.assert_close(some[~silent], whole[~silent])


def test_a_sound_is_heard_a_second_at_a_time() -> None:
    encoder = AudioMobileNet(groups=groups_of(AUDIOSET)).eval()
    mel = torch.randn(1, 160, 64)  # a second and two thirds
    with torch.inference_mode():
        found = encoder.hidden(mel, torch.ones(1, 160, dtype=torch.bool))
        first, last = (encoder.hidden(part, torch.ones(1, 96, dtype=torch.bool)) for part in (mel[:, :96], mel[:, 64:]))
    torch.testing.assert_close(found, torch.cat([first, last[:, 1:]], 1), atol=1e-4, rtol=1e-4)


def test_a_frozen_trunk_stays_as_it_is_while_the_rest_learns() -> None:
    encoder = AudioMobileNet(groups=groups_of(AUDIOSET))
    assert isinstance(encoder, TrunkEncoder)
    encoder.freeze()
    encoder.train()
    before = {k: v.clone() for k, v in encoder.trunk.state_dict().items()}
    sounds = [encoder.prepare(Audio(16000, np.random.default_rng(i).normal(0, 0.1, 16000).astype(np.float32))) for i in range(2)]
    encoder(*collate(sounds)).pooled.square().sum().backward()
    assert all(torch.equal(v, before[k]) for k, v in encoder.trunk.state_dict().items())
    assert all(p.grad is None for p in encoder.trunk.parameters()) and encoder.project.linear.weight.grad is not None


def test_a_tone_lies_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    centres = (mel_filters().mel_scale.fb * torch.linspace(0, RATE / 2, 257)[:, None]).sum(0) / mel_filters().mel_scale.fb.sum(0)
    mel = log_mel(tone)
    assert mel.shape == ((RATE - 512) // HOP + 1, 64)
    assert abs(float(centres[mel[50].argmax()]) - 1000) < 60


def test_level_and_length_of_a_sound() -> None:
    quiet = np.sin(np.arange(4000) / 5).astype(np.float32) * 0.003
    assert np.sqrt(np.mean(at_level(quiet) ** 2)) == pytest.approx(LEVEL, rel=1e-3)
    assert np.array_equal(at_level(np.zeros(10, np.float32)), np.zeros(10)), "silence is not blown up"
    assert fill_up(np.array([1.0, 2.0]), 5).tolist() == [1, 2, 1, 2, 1] and len(fill_up(np.zeros(0), 4)) == 4
    encoder = AudioMobileNet(groups=groups_of(AUDIOSET))
    for seconds, tokens in ((0.1, 3), (1.0, 4), (10.0, 32)):
        prepared = encoder.prepare(Audio(8000, np.ones(int(8000 * seconds), np.float32)))
        assert len(prepared.layout.places) == tokens and len(prepared.values) == 32 * tokens
        assert np.diff(prepared.layout.places, axis=1).sum() == pytest.approx(0.32 * tokens)


def test_the_student_starts_with_the_layers_of_the_teacher() -> None:
    """The reference is the teacher's own forward pass, written with plain convolutions."""
    torch.manual_seed(0)
    student = AudioMobileNet(groups=groups_of(AUDIOSET)).eval()
    shapes = [tuple(layer.convolution.weight.shape) for layer in build_trunk(WIDTH)]
    weights = [torch.randn(s) * (2 / np.prod(s[1:])) ** 0.5 for s in shapes]
    biases = [torch.randn(s[0]) * 0.1 for s in shapes]
    biases[-2][::4] = -50.0  # as many dead channels as the student lacks
    mel = torch.randn(6, 96, 64)
    x = mel[:, None]
    for w, b, stride in zip(weights, biases, STRIDES, strict=True):
        padded = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1)) if w.shape[-1] == 3 else x
        x = F.relu6(F.conv2d(padded, w, b, stride, groups=padded.shape[1] if w.shape[1] == 1 and len(w) == padded.shape[1] else 1))
    start_from(student, SimpleNamespace(weights=weights, biases=biases), mel)
    with torch.inference_mode():
        found = student.hidden(mel, torch.ones(6, 96, dtype=torch.bool))
    torch.testing.assert_close(found, x.mean(3).transpose(1, 2), rtol=1e-2, atol=1e-2)


def test_patches_are_stretches_of_the_sound() -> None:
    mel = torch.arange(192 * 64, dtype=torch.float32).view(1, 192, 64)
    patches = patches_of(mel)
    assert patches.shape == (1, 3, 96, 64) and torch.equal(patches[0, 1], mel[0, 48:144])


VOCABULARY = (UNKNOWN, "a", "dog", "run", "##s", "!")


def test_word_pieces_have_the_places_of_their_letters() -> None:
    encoder = TextBERT(vocabulary=VOCABULARY).eval()
    prepared = encoder.prepare("A dog RUNS!")
    assert prepared.values.tolist() == [1, 2, 3, 4, 5]
    assert prepared.layout.places.tolist() == [[0, 1], [2, 5], [6, 9], [9, 10], [10, 11]]
    assert encoder.prepare("wolf").values.tolist() == [0] and len(encoder.prepare("").layout.places) == 1
    assert len(encoder.prepare("dog " * 500).values) == 128
    assert encoder.options() == {"vocabulary": list(VOCABULARY), "width": 128, "depth": 3, "phrases": [["yes"], ["no"]]}


def test_agreement_of_neighbourhoods() -> None:
    torch.manual_seed(0)
    x = torch.randn(60, 8)
    turned = x @ torch.linalg.qr(torch.randn(8, 8)).Q
    assert agreement(3 * turned, x) == pytest.approx(1.0), "turning and stretching keep neighbours"
    assert agreement(torch.randn(60, 8), x) < 0.35


def test_frames_of_a_clip_have_their_times() -> None:
    encoder = VideoFrames(groups=groups_of(IMAGENET)).eval()
    clip = Clip(np.zeros((30, 90, 160, 3), np.uint8), np.linspace(0, 3, 30))
    prepared = encoder.prepare(clip)
    assert prepared.values.shape == (FRAMES, 3, 160, 160) and prepared.layout.kind == "frames"
    np.testing.assert_allclose(prepared.layout.places[[0, -1], 0], [0, 3])


def test_weights_of_half_the_size_come_back(tmp_path: Path) -> None:
    encoder = TextBERT(vocabulary=VOCABULARY)
    save_weights(tmp_path, encoder.state_dict(), EncoderConfig("text_bert", encoder.options()), half=True)
    assert all(v.dtype == torch.float16 for v in load_weights(tmp_path).values() if v.is_floating_point())
    again = load_encoder(tmp_path)
    for name, value in encoder.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value, rtol=1e-3, atol=1e-5)


def test_the_encoders_of_the_task_are_there() -> None:
    assert all(ENCODERS[name].modality == m for m, name in TASKS["scenes"].encoders.items())
