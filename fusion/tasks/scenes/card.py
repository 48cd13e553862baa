"""The text of the model cards of the task `scenes`, besides the figures."""

from __future__ import annotations

from fusion.tasks.base import CardText

DATA = {
    "image": "54 classes of Tiny-ImageNet (64x64 pixels; ImageNet's terms: research), CIFAR-10 (32x32; mostly its birds; research), Dogs-vs-Cats (research) and boxes of 159 photos of COCO (by photo, mostly non-commercial)",
    "text": "Flickr8k (research), AudioCaps (MIT) and Clotho (non-commercial) captions that tell of exactly one class, captions recast for rare animals (`fusion/tasks/scenes/captions.py`), and templates of the project's own (`fusion/tasks/scenes/phrases.py`)",
    "audio": "800 of 809 animal sounds (YashNita/Animal-Sound-Dataset, no licence stated) and ESC-10 (CC BY 3.0)",
    "video": "the pictures of the image encoder under a moving camera: pan, zoom, shake, tilt and flicker are synthetic, no real clip was trained on",
}
TEACHERS = {
    "image": "EfficientNet-Lite0 (ImageNet, Apache-2.0): the student starts with its blocks, those of the last two stages made a sixth narrower (`fusion/distill/pruning.py`), keeps its first three stages as they are, and learns its last maps and its ImageNet answers again, after which it is averaged with its start (`python -m fusion distill image --data DIR`). Its thousand ImageNet names are read by the teacher's classifier",
    "text": "all-MiniLM-L6-v2 (Apache-2.0): word pieces start as the teacher's in fewer dimensions, sentence vectors are learned again while the classes are learned (`python -m fusion distill text --data DIR`)",
    "audio": "YAMNet (AudioSet, Apache-2.0): the student starts with its layers, the last but one a quarter narrower (`fusion/distill/pruning.py`), and learns its embedding and its AudioSet answers again, after which it is averaged with its start (`python -m fusion distill audio --data DIR --yamnet FILE`). AudioSet's 521 names are read by the teacher's classifier",
    "video": "the trunk is the image encoder's",
}
LIMITS = {
    "image": "One thing in the picture, of some size: a dog far away in a street is often missed. The classes stand for what the pictures showed: sheep are bighorns, cows are oxen and bison, birds are geese, storks, albatrosses and the small birds of CIFAR-10, fire is candles and torches, clock is a stopwatch or watch, rain is an umbrella (many of them dry): a rainy street without one is hardly known. Of photos from elsewhere, deer, goats and antelopes are taken for sheep, horses and rhinos for cows, sunsets for fire, deserts for the sea.",
    "text": 'English; of other languages only the class words of the templates. A sentence that tells of two classes has no right answer. What goes by the word of a class and is something else is known where it was taught (a hot dog, a fire truck); "the dog is hot" is then hardly known either.',
    "audio": "One thing to be heard. A sheep is also a goat to it; of frogs, lions and sheep there were about thirty recordings each.",
    "video": "No real clip was measured, and hardly any tried. What moves in front of a still camera was not in training.",
}
CAUTIONS = {
    "image": (
        "Half of the torches show no flame: pictures without flame-coloured light are not used, in training and in the test (`photos.shows_flame`).",
        "The birds are geese, storks and albatrosses: 3,000 small birds of CIFAR-10 widen the class; ImageNet's names, read by the teacher's classifier, know song birds.",
        "Training pictures have 64 pixels: random crops, down- and upscaling, JPEG, blur and noise; mosaics of small pictures keep sharp detail in training.",
        "King penguins and lake shores are neither a class nor an outlier and are left out; CIFAR's ships stand on the sea and are left out.",
    ),
    "audio": (
        "Band width gives the species away in the animal collection: in training seven of ten sounds are cut at a random 2.5 to 7.9 kHz, all are brought to one loudness.",
        "The collection gives the group away (animals from one, nature from the other): dog is in both and is measured across them, below.",
        "ESC-10 is split by fold (1-3 training, 4 validation, 5 test), as clips of one recording share a fold.",
        "Neighbours by number in the animal collection are often pieces of one recording: drawn one by one, 27 of 38 test birds and 25 of 36 test dogs had a near twin in training (cosine over .95 by the teacher). Every class is cut into stretches instead: 1 of 38 and 12 of 37.",
        "Nine files are not the animal (music, a crowd, crackles, noise), read on spectrograms where the teacher doubted the label, and are left out by name (`sources.NOT_THE_ANIMAL`). Nobody listened with ears.",
        "Chickens and roosters are birds of another voice: neither a class nor an outlier.",
    ),
    "text": (
        "A caption counts for a class if it tells of exactly one, does not deny it, and does not use the word for something else; denials and other senses are templates, as the sets have few.",
        "Photo, caption, sound and clip of one sample are of different events.",
    ),
    "video": (),
}
LICENCE = "The pictures and some captions may be used for research only and the animal sounds state no licence, so these weights are for non-commercial research (CC BY-NC-SA 4.0); the code is Apache-2.0."
ABOUT = "Photo, caption, sound and clip of one sample come from different events and share the label alone: that fusion gains is expected, and no proof of synergy. A fifth of the training media show none of the eleven classes, with a uniform target. Fused settings were measured on features computed in bfloat16; thresholds and sizes were chosen with test figures in view."
TEST_SETS = {
    "image_64": "test photos, 64 pixels along the longer side",
    "image_128": "128 pixels",
    "image_256": "256 pixels",
    "image_1024": "1,024 pixels",
    "image_12_megapixels": "scaled up to 12 megapixels, through the page's own door",
    "image_small_birds_and_others": "CIFAR-10 as it is, 32 pixels: birds, cats, dogs, frogs",
    "audio_test": "test recordings of both collections",
    "audio_dog_of_the_other_collection": "dogs of ESC-10 (most training dogs are of the other collection)",
    "text_captions": "mined test captions, half of them without the class's own word (none tells of a lion)",
    "text_captions_without_the_word": "those of them without the class's own word",
    "text_own_sentences": "ten sentences a class written for this project, at least half without the word; their errors were read once, and words were then added to training",
    "video_moving_photos": "test photos under a moving camera (synthetic)",
}
UNKNOWN_SETS = {"image_none": "pictures", "audio_none": "sounds", "text_none": "sentences"}
CARD = CardText(
    about=ABOUT,
    data=DATA,
    limits=LIMITS,
    test_sets=TEST_SETS,
    unknown_sets=UNKNOWN_SETS,
    teachers=TEACHERS,
    cautions=CAUTIONS,
    licence=LICENCE,
    columns={"all-3": "scenes: severity 3"},
)
