"""The digits task without its data sets: drawing, words, sounds and corruptions against what is known by construction."""

import copy
import gzip

import numpy as np
import pytest
from scipy.io import wavfile

from fusion.media.corruptions import CORRUPTIONS, corrupt
from fusion.media.corruptions.audio import SNR_DB
from fusion.tasks.digits import clips, examples, images, pen, sounds, sources, words
from fusion.tasks.digits.samples import Digits
from fusion.types import Audio, Clip, FusionError

LINE = [np.array([[0.1, 0.5, 0.0], [0.9, 0.5, 1.0]])]


def write_data(folder) -> None:
    """A tiny copy of the official layouts: 5,100 pictures whose brightness is their label, two pen digits, sixty tones."""
    raw = folder / "mnist" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for stem, n in (("train", 5100), ("t10k", 20)):
        labels = (np.arange(n) % 10).astype(np.uint8)
        pictures = np.zeros((n, 28, 28), np.uint8)
        pictures[:, 8:20, 8:20] = (100 + 10 * labels)[:, None, None]
        head = bytes([0, 0, 8, 3]) + np.array([n, 28, 28], ">i4").tobytes()
        (raw / f"{stem}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + pictures.tobytes()))
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1]) + np.array([n], ">i4").tobytes() + labels.tobytes())
    (folder / "pendigits").mkdir()
    for name, writers in (("tra", ("1", "4")), ("tes", ("2",))):
        text = '.INCLUDE x\n.LEXICON "0"\n'
        for writer in writers:
            for digit in range(10):
                text += (
                    f'.SEGMENT DIGIT {digit} ? "{digit}"\n.COMMENT {digit} {writer} 1\n.PEN_DOWN\n 100 200\n 140 260\n.PEN_UP\n.DT 100\n'
                )
                text += ".PEN_DOWN\n 120 200\n 120 100\n.PEN_UP\n.DT 100\n\n"
        (folder / "pendigits" / f"pendigits-orig.{name}").write_text(text)
    (folder / "fsdd" / "recordings").mkdir(parents=True)
    for speaker in ("ann", "bob"):
        for digit in range(10):
            for index in (0, 5, 10):
                tone = np.sin(2 * np.pi * (200 + 100 * digit) * np.arange(3000) / 8000) * 20000
                wavfile.write(folder / "fsdd" / "recordings" / f"{digit}_{speaker}_{index}.wav", 8000, tone.astype(np.int16))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


def same(a, b) -> bool:
    if isinstance(a, Audio):
        return a.rate == b.rate and np.array_equal(a.samples, b.samples)
    return np.array_equal(a.frames, b.frames) if isinstance(a, Clip) else np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


def test_readers_and_splits(data) -> None:
    assert len(sources.load_mnist(data, "train").labels) == 100 and len(sources.load_mnist(data, "val").labels) == 5000
    mnist = sources.load_mnist(data, "test")
    assert mnist.images.shape == (20, 28, 28) and (mnist.images[:, 10, 10] == 100 + 10 * mnist.labels).all()
    pens = sources.load_pendigits(data, "test")
    assert [len(s) for s in pens.strokes] == [2] * 10 and set(pens.writers) == {"2"}
    first, second = pens.strokes[0]
    assert first[0, 1] > first[1, 1], "the file's y points up, ours points down"
    assert np.isclose(first[1, 2] - first[0, 2], 0.01) and second[0, 2] > first[-1, 2]
    assert set(sources.load_pendigits(data, "train").writers) == {"1"} and set(sources.load_pendigits(data, "val").writers) == {"4"}


def test_fsdd_splits_do_not_mix(data) -> None:
    assert [len(sources.load_fsdd(data, s).labels) for s in ("train", "val", "test")] == [20, 20, 20]
    train, test = sources.load_fsdd(data, "train", leave_out="bob"), sources.load_fsdd(data, "test", leave_out="bob")
    assert set(train.speakers) == {"ann"} and len(train.labels) == 20 and set(test.speakers) == {"bob"} and len(test.labels) == 30


def test_missing_data_is_one_sentence(tmp_path) -> None:
    with pytest.raises(FusionError, match="python -m fusion download"):
        sources.load_mnist(tmp_path, "train")
    with pytest.raises(FusionError, match="does not exist"):
        Digits(tmp_path / "nowhere", "train")


def test_same_seed_same_sample(data) -> None:
    task = Digits(data, "train")
    one, two, other = task.sample(7, 3, "train"), Digits(data, "train").sample(7, 3, "train"), task.sample(7, 4, "train")
    assert one.label == two.label and all(same(one.inputs[m], two.inputs[m]) for m in one.inputs)
    assert not same(one.inputs["image"], other.inputs["image"])


def test_fewer_modalities_same_media(data) -> None:
    whole, part = Digits(data, "test").sample(5, 1), Digits(data, "test", ("text", "audio")).sample(5, 1)
    assert whole.label == part.label and all(same(whole.inputs[m], part.inputs[m]) for m in ("text", "audio"))


def test_every_label_is_drawn_and_nothing_is_rare(data) -> None:
    task = Digits(data, "train", ("text",))
    drawn = [task.sample(i, 0, nothing=True) for i in range(1500)]
    counts = np.bincount([s.label for s in drawn], minlength=10)
    assert counts.min() > 100
    assert 0.02 < np.mean([not s.named for s in drawn]) < 0.07


def test_ink_follows_the_pen_in_time() -> None:
    """A stroke from left to right in a second: at half time the left half has ink and the right has none."""
    strokes = [np.column_stack([np.linspace(0.1, 0.9, 50), np.full(50, 0.5), np.linspace(0, 1, 50)])]
    before, half, done = pen.ink(strokes, 64, 0.06, np.array([-1.0, 0.5, 1.0]))
    assert before.max() == 0
    assert half[32, 10] == 255 and half[:, 40:].max() == 0
    assert done[32, 50] == 255 and (done >= half).all()


def test_picture_is_the_end_of_the_clip() -> None:
    strokes = examples.strokes_of(4)
    clip = pen.draw_clip(strokes, 96)
    assert np.array_equal(clip.frames[-1], pen.draw_picture(strokes, 96))
    assert clip.frames[0].mean() > clip.frames[-1].mean() and np.isclose(clip.times[-1], pen.duration(strokes) + 0.3, atol=0.1)


def test_fit_centres_and_scales() -> None:
    fitted = pen.fit(LINE, 0.5, (0.3, 0.6))[0]
    np.testing.assert_allclose(fitted[:, :2], [[0.05, 0.6], [0.55, 0.6]])


def test_thicker_pen_more_ink_and_empty_drawing_is_blank() -> None:
    amounts = [int((pen.draw_picture(LINE, 128, t) < 128).sum()) for t in (0.02, 0.05, 0.1)]
    assert amounts == sorted(amounts) and amounts[0] > 0
    assert (pen.draw_picture([], 32) == 255).all() and len(pen.draw_clip([], 32).frames) >= 2


def test_placed_digit_lies_inside_its_box() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        cover, box = images.place(images.printed_glyph(8, rng), rng, 64, 18, 60)
        ys, xs = np.nonzero(cover > 60)
        assert xs.min() >= box[0] - 2 and xs.max() <= box[2] + 2 and ys.min() >= box[1] - 2 and ys.max() <= box[3] + 2
        assert max(np.ptp(xs), np.ptp(ys)) >= 12


def test_canvases_come_light_on_dark_and_dark_on_light() -> None:
    rng, glyph = np.random.default_rng(0), images.printed_glyph(0, np.random.default_rng(1))
    middles = [float(images.make_canvas(glyph, rng, plain=True).mean()) for _ in range(60)]
    assert 15 < sum(m > 128 for m in middles) < 45


def test_clips_differ_in_length_and_show_more_ink_over_time() -> None:
    rng = np.random.default_rng(0)
    made = [clips.make_clip(examples.strokes_of(d % 10), rng) for d in range(30)]
    assert len({len(c.frames) for c in made}) > 8
    for c in made:
        change = np.abs(c.frames.astype(int) - c.frames[0]).mean((1, 2, 3))
        assert change[-1] > change[len(change) // 3] and (np.diff(c.times) > 0).all()


def test_words_name_their_digit_in_every_language() -> None:
    rng = np.random.default_rng(0)
    for language, forms in words.WORDS.items():
        assert len(forms) == 10
        for digit in range(10):
            word = words.word_for(digit, language, rng)
            plain = [words.strip_accents(w) for w in forms[digit].split()]
            assert words.strip_accents(word) in plain
    assert words.strip_accents("fünf") == "funf"


def test_no_word_names_two_digits() -> None:
    meaning: dict[str, int] = {}
    for forms in words.WORDS.values():
        for digit, form in enumerate(forms):
            for word in form.split():
                assert meaning.setdefault(word, digit) == digit


def test_phrases_of_splits_do_not_mix() -> None:
    for phrases in words.PHRASES.values():
        parts = [set(words.part(phrases, s)) for s in ("train", "val", "test")]
        if len(phrases) > 9:
            assert not parts[0] & parts[2] and not parts[0] & parts[1] and not parts[1] & parts[2]
        assert all(parts)


def test_a_slip_is_one_slip() -> None:
    rng = np.random.default_rng(0)
    assert all(abs(len(words.misspell("seven", rng)) - 5) <= 1 for _ in range(100))


def test_stretch_raises_the_pitch_and_tempo_does_not() -> None:
    t = np.arange(8000) / 8000
    tone = np.sin(2 * np.pi * 500 * t)

    def peak(x: np.ndarray) -> float:
        return float(np.abs(np.fft.rfft(x)).argmax() * 8000 / len(x))

    faster = sounds.stretch(tone, 1.25)
    assert len(faster) == pytest.approx(6400, abs=2) and peak(faster) == pytest.approx(625, abs=3)
    quick = sounds.tempo(tone, 1.25, np.random.default_rng(0))
    assert len(quick) == pytest.approx(6400, rel=0.08) and peak(quick) == pytest.approx(500, abs=12)


def test_background_has_unit_power() -> None:
    rng = np.random.default_rng(0)
    assert all(sounds.noise(5000, rng).std() == pytest.approx(1, abs=0.02) for _ in range(20))


def test_made_sounds_are_audible_and_in_range() -> None:
    rng, word = np.random.default_rng(0), Audio(8000, np.sin(np.arange(4000) / 3).astype(np.float32))
    for _ in range(40):
        sound = sounds.make_sound(word, rng)
        assert sound.rate == 8000 and sound.samples.dtype == np.float32 and np.isfinite(sound.samples).all()
        assert 0.01 < np.abs(sound.samples).max() <= 1.0 and 0.2 < sound.seconds < 2.6


MEDIA = {
    "image": np.full((80, 60, 3), 128, np.uint8),
    "text": "the number is seven",
    "audio": Audio(8000, (np.sin(np.arange(8000) / 4) * 0.5).astype(np.float32)),
    "video": Clip(np.random.default_rng(0).integers(0, 256, (20, 48, 48, 3), dtype=np.uint8), np.arange(20, dtype=np.float32) / 10),
}


@pytest.mark.parametrize("modality", [*CORRUPTIONS])
def test_severity_zero_changes_nothing_and_the_seed_decides(modality: str) -> None:
    medium = MEDIA[modality]
    before = copy.deepcopy(medium)
    assert corrupt(modality, medium, 0, np.random.default_rng(0)) is medium
    one, two = (corrupt(modality, medium, 4, np.random.default_rng(5)) for _ in range(2))
    assert same(one, two) and not same(one, medium)
    assert same(medium, before), "what was given, which others may look at, stays as it was"
    with pytest.raises(FusionError, match="0 to 5"):
        corrupt(modality, medium, 6, np.random.default_rng(0))


def test_severity_grows() -> None:
    def harm(modality: str, severity: int) -> float:
        total = 0.0
        for seed in range(12):
            out, medium = corrupt(modality, MEDIA[modality], severity, np.random.default_rng(seed)), MEDIA[modality]
            if modality == "text":
                total += sum(a != b for a, b in zip(out.ljust(30), medium.ljust(30), strict=False))
            elif modality == "audio":
                total += float(np.square(out.samples / out.samples.std() - medium.samples / medium.samples.std()).mean())
            else:
                a, b = (out, medium) if modality == "image" else (out.frames, medium.frames)
                total += float(np.abs(a.astype(float) - b).mean())
        return total

    for modality in CORRUPTIONS:
        harms = [harm(modality, s) for s in range(6)]
        assert harms == sorted(harms) and harms[0] == 0, modality


def test_noise_has_the_ratio_it_says() -> None:
    """A steady tone is loud throughout, so signal power over added power is the table's ratio (the one gap-free severity)."""
    tone = MEDIA["audio"]
    noisy = corrupt("audio", tone, 1, np.random.default_rng(0)).samples
    gain = float(noisy @ tone.samples / (tone.samples @ tone.samples))
    rest = noisy - gain * tone.samples
    assert 10 * np.log10(np.var(gain * tone.samples) / np.var(rest)) == pytest.approx(SNR_DB[1], abs=1.0)


@pytest.mark.parametrize("name", [*examples.EXAMPLES])
def test_examples_are_whole(name: str) -> None:
    inputs = examples.make_example(name)
    assert set(inputs) == set(examples.EXAMPLES[name].digits)
    if "audio" in inputs:
        assert 0.2 < inputs["audio"].seconds < 1.5 and np.abs(inputs["audio"].samples).max() > 0.5


def test_unknown_example_is_one_sentence() -> None:
    with pytest.raises(FusionError, match="no example"):
        examples.make_example("nine lives")
