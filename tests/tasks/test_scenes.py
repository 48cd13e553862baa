"""The task `scenes`: what a caption tells of, what is made of a photo and a sound, and splits that do not mix; all on data made here."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from scipy import signal

from fusion.tasks import TASKS
from fusion.tasks.scenes import clips, photos, phrases, sounds, sources
from fusion.tasks.scenes.captions import label_of, leaks, recast
from fusion.tasks.scenes.coco import list_coco
from fusion.tasks.scenes.samples import NONE, Scenes
from fusion.tasks.scenes.sources import LABELS
from fusion.types import MODALITIES, FusionError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("caption", "label"),
    [
        ("A puppy runs after a stick .", "dog"),
        ("Barking in the distance", "dog"),
        ("Something purrs and meows", "cat"),
        ("A calf and its mother", "cow"),
        ("waves crashing on the rocks", "sea"),
        ("wood crackles in the campfire", "fire"),
        ("a stopwatch on a string", "clock"),
        ("drizzle and umbrellas", "rain"),
        ("Ribbit, said the toad", "frog"),
    ],
)
def test_what_a_caption_tells_of(caption: str, label: str) -> None:
    assert label_of(caption) == LABELS.index(label)
    assert not leaks(caption, LABELS.index(label)), "a clue, not the word"


@pytest.mark.parametrize(
    "caption",
    ["There is no dog in sight", "a hot dog with mustard", "a dog chases a cat", "the fire truck is red", "engines roar",
     "crickets chirp at night", "a cowboy rides a bull", "it sounds like a cat", "two o'clock by the clock"],
)  # fmt: skip
def test_what_tells_of_none_or_several_is_not_used(caption: str) -> None:
    assert label_of(caption) in (None, NONE)


def test_recast_captions_tell_of_the_new_animal_only() -> None:
    told = recast("A brown dog barks at the door .", LABELS.index("lion"), rng())
    assert told and "dog" not in told and "bark" not in told and ("lion" in told)
    assert recast("Two men talk .", 5, rng()) is None
    assert recast("A dog and a cat run .", 5, rng()) is None


def test_phrases_name_what_they_should() -> None:
    named = [(k, phrases.make_phrase(k, rng(i))) for i in range(40) for k in range(len(LABELS))]
    sure = [(k, text) for k, text in named if label_of(text) not in (None, NONE)]
    assert len(sure) > 150 and all(label_of(text) == k for k, text in sure)
    assert all(label_of(phrases.make_nothing(rng(i))) in (None, NONE) for i in range(200)), "denials and other senses never count"


def test_own_test_sentences_are_ten_a_class_and_half_without_the_word() -> None:
    pairs = phrases.written()
    for k in range(len(LABELS)):
        own = [t for t, label in pairs if label == k]
        assert len(own) == 10 and sum(not leaks(t, k) for t in own) >= 5
    made = {phrases.make_phrase(k, rng(i)).lower() for i in range(300) for k in range(len(LABELS))}
    assert not made & {t.lower().rstrip(".") for t, _ in pairs}, "what is measured is not a template"


def test_flames_are_seen() -> None:
    night = np.zeros((64, 64, 3), np.uint8)
    flame = night.copy()
    cv2.ellipse(flame, (32, 30), (6, 14), 0, 0, 360, (255, 190, 90), -1)
    assert photos.shows_flame(flame) and not photos.shows_flame(night)
    assert not photos.shows_flame(np.full((64, 64, 3), (90, 140, 255), np.uint8)), "a blue sky is no fire"


def test_a_photo_stays_a_photo() -> None:
    picture = rng(1).integers(0, 255, (64, 48, 3), dtype=np.uint8)
    for i in range(60):
        made = photos.make_photo(picture, rng(i))
        assert made.dtype == np.uint8 and made.ndim == 3 and min(made.shape[:2]) >= 8
        blank = photos.make_blank(rng(i))
        assert blank.dtype == np.uint8 and blank.shape[2] == 3
    assert photos.mosaic([picture] * 9, 3, 100, rng()).shape == (100, 100, 3)
    assert photos.resize(picture, 128, 96).shape == (128, 96, 3)


def test_a_clip_of_a_still_camera_shows_the_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((90, 120, 3), np.uint8)
    picture[:, 60:] = 255
    for i in range(20):
        clip = clips.make_clip(picture, rng(i))
        assert clip.frames.shape[0] == len(clip.times) >= 8 and clip.times[0] == 0 and (np.diff(clip.times) > 0).all()
        assert 1.0 <= clip.times[-1] <= 8.0 and max(clip.frames.shape[1:3]) == 160
    again = clips.make_clip(picture, rng(3)), clips.make_clip(picture, rng(3))
    assert np.array_equal(again[0].frames, again[1].frames)


def test_a_cut_band_has_nothing_above_it() -> None:
    noise = rng(0).standard_normal(sounds.RATE * 2).astype(np.float32)
    for i in range(8):
        top = np.exp(rng(i).uniform(np.log(2500), np.log(7900)))  # the first draw of `cut_band`
        frequency, power = signal.welch(sounds.cut_band(noise, rng(i)), sounds.RATE, nperseg=1024)
        kept, gone = power[(frequency > 600) & (frequency < 0.7 * top)].mean(), power[frequency > min(1.6 * top, 7990)]
        assert gone.size == 0 or gone.mean() < kept / 100


def test_noise_has_the_level_asked_for() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(sounds.RATE) / sounds.RATE).astype(np.float32)
    noisy = sounds.add_noise(tone, sounds.make_noise(len(tone), rng()), 10.0)
    loud = tone[np.abs(tone) > 0.1]
    assert np.sqrt(np.mean(loud**2)) / (noisy - tone).std() == pytest.approx(10**0.5, rel=0.02)


def test_sounds_are_sounds() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(sounds.RATE) / sounds.RATE).astype(np.float32)
    for i in range(30):
        for made in (sounds.make_sound(tone, rng(i)), sounds.make_nothing(rng(i))):
            assert np.isfinite(made.samples).all() and np.abs(made.samples).max() <= 1.001 and len(made.samples) > 1000
    for one in (sounds.change_speed(tone, rng(2)), sounds.put_in_room(tone, rng(2))):
        assert np.isfinite(one).all()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout of the data sets with plain colours and tones: ten files a folder."""
    root = tmp_path_factory.mktemp("data")
    wnids = [*sources.LABEL_OF, "n03388043", "n04146614", "n04465501", sources.PENGUIN]
    picture = np.full((16, 16, 3), (90, 160, 250), np.uint8)  # BGR: a bright flame colour, so that `fire` is found
    lines = []
    for wnid in wnids:
        for i in range(10):
            write(root / "tiny-imagenet-200" / "train" / wnid / "images" / f"{wnid}_{i}.JPEG", picture)
        write(root / "tiny-imagenet-200" / "val" / "images" / f"{wnid}_val.JPEG", picture)
        lines.append(f"{wnid}_val.JPEG\t{wnid}\t0\t0\t1\t1")
    (root / "tiny-imagenet-200" / "val" / "val_annotations.txt").write_text("\n".join(lines) + "\n")
    for folder in ("cifar10/train/bird", "cifar10/train/ship", "cifar10/train/truck", "photos/cat", "photos/dog", "outside/photos_other"):
        for i in range(10):
            write(root / folder / f"{i}.jpg", picture)
    tone = np.sin(np.arange(8000) / 9).astype(np.float32) / 2
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for kind in (*sources.ESC_LABELS, "helicopter", "sneezing", "rooster"):
        for fold in range(1, 6):
            rows.append(f"{fold}-{kind}.wav,{fold},0,{kind},True,1,A")
            sound(root / "esc50" / "audio" / f"{fold}-{kind}.wav", tone)
    (root / "esc50" / "meta").mkdir(parents=True)
    (root / "esc50" / "meta" / "esc50.csv").write_text("\n".join(rows) + "\n")
    for species in ("dog", "cat", "bird", "cow", "sheep", "lion", "frog", "chicken", "donkey", "monkey"):
        for i in range(10):
            sound(root / "animal_sounds" / species / f"{i}.wav", tone)
    sound(root / "outside" / "sounds_other" / "horn.wav", tone)
    write_captions(root / "captions")
    return root


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture)


def sound(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, 16000)


def write_captions(root: Path) -> None:
    told = [f"a {name} and {i} men" for name in LABELS for i in range(3)] + ["two men talk", "a bus stops"]
    for folder in ("flickr8k", "audiocaps/dataset", "clotho"):
        (root / folder).mkdir(parents=True)
    pictures = [f"p{i}.jpg" for i in range(len(told))]
    (root / "flickr8k" / "Flickr8k.token.txt").write_text("\n".join(f"{p}#0\t{t}" for p, t in zip(pictures, told, strict=True)))
    for name in ("train", "dev", "test"):
        (root / "flickr8k" / f"Flickr_8k.{name}Images.txt").write_text("\n".join(pictures))
    for name in ("train", "val", "test"):
        (root / "audiocaps" / "dataset" / f"{name}.csv").write_text("audiocap_id,youtube_id,start_time,caption\n1,a,0,A dog barks\n")
    for name in ("development", "evaluation"):
        head = "file_name," + ",".join(f"caption_{i}" for i in range(1, 6))
        (root / "clotho" / f"clotho_captions_{name}.csv").write_text(head + "\n" + "x.wav,rain falls,rain,rain,rain,rain\n" * 10)


def test_splits_do_not_mix(data: Path) -> None:
    for list_items in (sources.list_photos, sources.list_sounds):
        parts = {split: {item.path for item in list_items(data, split)} for split in sources.SPLITS}
        assert all(parts.values())
        assert not parts["train"] & parts["val"] and not parts["train"] & parts["test"] and not parts["val"] & parts["test"]


def test_pieces_of_one_recording_stay_in_one_split_and_what_is_no_animal_is_left_out(tmp_path: Path) -> None:
    """A hundred cats by number: a stretch of them trains, the next one validates, the last one tests; six that are named are gone."""
    for name in ("esc50/meta", "animal_sounds/cat"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "esc50" / "meta" / "esc50.csv").write_text("filename,fold,category\n")
    for i in range(30, 130):
        (tmp_path / "animal_sounds" / "cat" / f"cat_{i:03}.ogg").touch()
    parts = {s: [int(i.path.stem[-3:]) for i in sources.list_sounds(tmp_path, s)] for s in sources.SPLITS}
    assert [(min(p), max(p)) for p in parts.values()] == [(30, 99), (100, 109), (110, 129)]
    kept = [i for p in parts.values() for i in p]
    assert kept == [i for i in range(30, 130) if i not in (36, 79, 80, 81, 97, 121)]


def test_what_training_never_saw_is_what_rejection_is_measured_on(data: Path) -> None:
    seen, unseen = sources.outlier_classes(data)
    assert set(seen) | set(unseen) == {"n03388043", "n04146614", "n04465501"} and not set(seen) & set(unseen)
    kinds = {s: {i.kind for i in [*sources.list_photos(data, s), *sources.list_sounds(data, s)] if i.label == NONE} for s in sources.SPLITS}
    assert not kinds["test"] & (kinds["train"] | kinds["val"])
    assert kinds["test"] >= {"helicopter", "donkey"} and "rooster" not in kinds["train"] | kinds["test"]
    assert all(i.kind not in (sources.PENGUIN, "ship", "chicken") for s in sources.SPLITS for i in sources.list_photos(data, s))


def test_folds_of_esc_stay_together(data: Path) -> None:
    folds = {s: {i.path.name[0] for i in sources.list_sounds(data, s) if i.origin == "esc10"} for s in sources.SPLITS}
    assert folds == {"train": set("123"), "val": {"4"}, "test": {"5"}}


def test_a_sample_is_the_same_twice_and_alone(data: Path) -> None:
    whole, alone = Scenes(data, "train"), Scenes(data, "train", ("audio",))
    for i in range(12):
        one, two, part = whole.sample(i, 5, "train", True), whole.sample(i, 5, "train", True), alone.sample(i, 5, "train", True)
        assert set(one.inputs) == set(MODALITIES) and one.label == two.label == part.label
        assert np.array_equal(one.inputs["image"], two.inputs["image"]) and one.inputs["text"] == two.inputs["text"]
        assert np.array_equal(one.inputs["audio"].samples, part.inputs["audio"].samples)
        assert np.array_equal(one.inputs["video"].frames, two.inputs["video"].frames)


def test_every_class_has_every_modality(data: Path) -> None:
    for split in ("train", "test"):
        samples = [Scenes(data, split).sample(i, 1) for i in range(60)]
        assert {s.label for s in samples} == set(range(len(LABELS)))
        assert all(s.named == MODALITIES for s in samples)
    empty = Scenes(data, "test", empty=True).sample(0, 1)
    assert empty.named == () and set(empty.inputs) == set(MODALITIES)


def test_without_data_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="needs tiny-imagenet-200|needs cifar10/train"):
        Scenes(tmp_path, "train")
    with pytest.raises(FusionError, match="does not exist"):
        Scenes(tmp_path / "nowhere", "train")


def test_animals_come_first() -> None:
    answers = TASKS["scenes"].answers(np.array([0, 6, 7, 10, -1]), np.zeros((5, 4)))["kind"]
    assert answers.tolist() == [0, 0, 1, 1, -1]


def test_coco_gives_boxes_of_classes_and_photos_of_none(tmp_path: Path) -> None:
    folder = tmp_path / "outside" / "coco_mini"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "a.jpg"), np.zeros((200, 300, 3), np.uint8))
    cv2.imwrite(str(folder / "b.jpg"), np.zeros((200, 300, 3), np.uint8))
    cv2.imwrite(str(folder / "c.jpg"), np.zeros((200, 300, 3), np.uint8))
    dog, small, cup = (
        {"name": n, "box": b} for n, b in (("dog", [100, 40, 200, 200]), ("cat", [0, 0, 60, 60]), ("cup", [20, 20, 300, 300]))
    )
    about = {
        "a.jpg": {"captions": ["A dog by a cup."], "objects": [dog, small, cup], "scale": 0.5},
        "b.jpg": {"captions": ["A cup.", "A mug on a table."], "objects": [cup], "scale": 0.5},
        "c.jpg": {"captions": ["A cup at the beach."], "objects": [cup], "scale": 0.5},
        "gone.jpg": {"captions": ["A cup."], "objects": [cup], "scale": 0.5},
    }
    (folder / "captions.json").write_text(json.dumps(about))
    found = [(i.path.name, i.label, i.box) for i in list_coco(tmp_path)]
    wanted = [("a.jpg", LABELS.index("dog"), (40, 10, 160, 130)), ("b.jpg", NONE, None), ("b.jpg", NONE, (0, 0, 175, 175))]
    assert found == wanted, "the small cat, the cup beside a dog and the one by the sea are left out"
    assert list_coco(tmp_path / "nowhere") == []
