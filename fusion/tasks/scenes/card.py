"""The text of the model cards of the task `scenes`, besides the figures."""

from __future__ import annotations

from fusion.tasks.base import CardText

DATA = {
    "image": "54 classes of Tiny-ImageNet (64x64 pixels; ImageNet's terms: research), CIFAR-10 (32x32; mostly its birds; research), Dogs-vs-Cats (research) and boxes of 159 photos of COCO (licence per photo, mostly non-commercial); then, with the tokens of these held, on fire and rain drawn by code over other photos (`fusion/tasks/scenes/elements.py`) and on frames degraded like phone and web video (`--consistent`)",
    "text": "Flickr8k (research), AudioCaps (MIT) and Clotho (non-commercial) captions that mention exactly one class, captions rewritten for rare animals (`fusion/tasks/scenes/captions.py`), and templates written for this project (`fusion/tasks/scenes/phrases.py`); then words and templates in English, Chinese, Spanish, French and German written for this project (`fusion/tasks/scenes/sentences`), and names of emoji (CLDR, Unicode-3.0) as words for other things",
    "audio": "800 of 809 animal sounds (YashNita/Animal-Sound-Dataset, no licence stated) and ESC-10 (CC BY 3.0)",
    "video": "the images of the image encoder under a moving camera: pan, zoom, shake, tilt and flicker are synthetic; no real clip was used in training. An adapter was then trained on the drawn fire and rain and the degraded photos of the image encoder, each repeated as a still clip, two fifths of them with a cut to another photo; 40 % of what it learned was kept",
}
TEACHERS = {
    "image": "EfficientNet-Lite0 (ImageNet, Apache-2.0): the student starts from its blocks, with those of the last two stages a sixth narrower (`fusion/distill/pruning.py`). Its first three stages are frozen; the others learn the teacher's last feature maps and ImageNet logits again. The result is averaged with the start (`python -m fusion distill image --data DIR`). The teacher's classifier predicts the 1000 ImageNet classes",
    "text": "all-MiniLM-L6-v2 (Apache-2.0): word pieces start from the teacher's, in fewer dimensions; sentence vectors are learned again together with the classes (`python -m fusion distill text --data DIR`). Four more languages and sentences about other things are learned afterwards, through the trained strategies, while the tokens of the captions stay fixed (`python -m fusion distill languages --data DIR`)",
    "audio": "YAMNet (AudioSet, Apache-2.0): the student starts from its layers, with the last but one a quarter narrower (`fusion/distill/pruning.py`), and learns the teacher's embedding and AudioSet logits again. The result is averaged with the start (`python -m fusion distill audio --data DIR --yamnet FILE`). The teacher's classifier predicts the 521 AudioSet classes",
    "video": "its trunk is the image encoder's",
}
LIMITS = {
    "image": "One subject of some size per image: a dog far away in a street is often missed. The classes are as narrow as the training images: sheep are bighorns, cows are oxen and bison, birds are geese, storks, albatrosses and the small birds of CIFAR-10, fire is candles, torches and drawn flames, clock is a stopwatch or watch, rain is an umbrella (many of them dry) or drawn streaks, splashes and drops on glass. Small warm lights and bright specks are sometimes taken for fire or rain. In photos from other sources, deer, goats and antelopes are taken for sheep, horses and rhinos for cows, sunsets for fire, deserts for the sea.",
    "text": 'English, Chinese, Spanish, French and German; other languages and alphabets are none of the classes. A sentence that mentions two classes has no right answer. Other meanings of a class word are rejected only if they were in training (a hot dog, a fire truck); "the dog is hot" is then often rejected, too.',
    "audio": "One sound source. Goats count as sheep; of frogs, lions and sheep there were about thirty recordings each.",
    "video": "Frames are read at 160 pixels: small subjects are recognised less often than in a photo, which is read at 224. Training had no motion in front of a still camera. The share of the adapter that was kept was chosen with 21 real clips in view, so the figures on them are optimistic.",
}
CAUTIONS = {
    "image": (
        "Half of the torches show no flame: images without flame-coloured light are left out of training and test (`photos.shows_flame`).",
        "The birds are geese, storks and albatrosses: 3,000 small birds of CIFAR-10 widen the class; the ImageNet classes of the teacher's classifier include song birds.",
        "Training images have 64 pixels. Augmentation: random crops, down- and upscaling, JPEG, blur and noise, and mosaics of small images, which keep sharp detail in training.",
        "King penguins and lake shores are neither a class nor an outlier and are left out; CIFAR's ships stand on the sea and are left out.",
        "The drawn fire and rain, and the share of their training that was kept, were chosen while looking at frames of 21 real clips: the figures on real clips and their frames are development figures.",
    ),
    "audio": (
        "The bandwidth reveals the species in the animal collection: in training, seven of ten sounds are low-passed at a random frequency from 2.5 to 7.9 kHz, and all are normalised to one loudness.",
        "The collection reveals the group (animals from one, nature from the other): dog is in both and is evaluated across them, below.",
        "ESC-10 is split by fold (1-3 training, 4 validation, 5 test), as clips of one recording share a fold.",
        "Files with adjacent numbers in the animal collection are often parts of one recording: in a random split, 27 of 38 test birds and 25 of 36 test dogs had a near duplicate in training (cosine over .95 by the teacher). Each class is split into contiguous ranges instead: 1 of 38 and 12 of 37.",
        "Nine files do not contain the animal (music, a crowd, crackles, noise) and are left out by name (`sources.NOT_THE_ANIMAL`). They were found by the teacher's low confidence and checked on spectrograms, not by listening.",
        "Chickens and roosters sound unlike the other birds: they are neither a class nor an outlier.",
    ),
    "text": (
        "A caption belongs to a class if it mentions exactly one, does not negate it, and does not use the word in another meaning. Negations and other meanings come from templates, because the caption sets have few.",
        "Photo, caption, sound and clip of one sample come from different events.",
        "The sentences about other things and those of the five languages are a development set: none was used in training, but their errors were read once, and everyday words, some of them from these sentences, were then added to the templates. The first stage of the training ran before these words were added.",
    ),
    "video": (),
}
LICENCE = "The images and some captions may be used for research only, and the animal sounds state no licence, so these weights are for non-commercial research (CC BY-NC-SA 4.0); the code is Apache-2.0."
ABOUT = "Photo, caption, sound and clip of one sample come from different events and share only the label: a gain in accuracy from fusion is expected and is no evidence of synergy. A fifth of the training inputs show none of the eleven classes and have a uniform target. Strategies were evaluated on features computed in bfloat16; thresholds and sizes were chosen with test results in view."
TEST_SETS = {
    "image_64": "test photos, 64 pixels along the longer side",
    "image_128": "128 pixels",
    "image_256": "256 pixels",
    "image_1024": "1,024 pixels",
    "image_12_megapixels": "scaled up to 12 megapixels and loaded like an upload",
    "image_small_birds_and_others": "CIFAR-10 as it is, 32 pixels: birds, cats, dogs, frogs",
    "audio_test": "test recordings of both collections",
    "audio_dog_of_the_other_collection": "dogs of ESC-10 (most training dogs are of the other collection)",
    "text_captions": "mined test captions, half of them without the class's own word (none mentions a lion)",
    "text_captions_without_the_word": "those of them without the class's own word",
    "text_own_sentences": "ten sentences a class written for this project, at least half without the word; their errors were read once, and words were then added to training",
    "text_english": "sentences written by hand for the test of languages: English",
    "text_chinese": "Chinese, among them the names alone",
    "text_spanish": "Spanish",
    "text_french": "French",
    "text_german": "German",
    "video_moving_photos": "test photos under a moving camera (synthetic)",
}
OUTSIDE_SETS = {
    "video_real_clips": "real clips of the classes from web sites (seen while the encoders were developed, never trained on)",
    "video_real_clips_of_other_things": "real clips of other things",
    "image_frames_of_real_clips": "eight frames of each of these clips, as photos",
}
UNKNOWN_SETS = {
    "image_none": "pictures",
    "audio_none": "sounds",
    "text_none": "sentences",
    "text_other_things": "sentences about other things in five languages and other alphabets",
}
CARD = CardText(
    about=ABOUT,
    data=DATA,
    limits=LIMITS,
    test_sets=TEST_SETS,
    outside_sets=OUTSIDE_SETS,
    unknown_sets=UNKNOWN_SETS,
    teachers=TEACHERS,
    cautions=CAUTIONS,
    licence=LICENCE,
    columns={"all-3": "scenes: severity 3"},
)
