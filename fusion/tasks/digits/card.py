"""The text of the model cards of the task `digits`, besides the figures."""

from __future__ import annotations

from dataclasses import replace

from fusion.tasks.base import CardText

DATA = {
    "image": "MNIST (LeCun, Cortes, Burges; CC BY-SA 3.0), the final picture of Pen-Based Recognition of Handwritten Digits (Alpaydin, Alimoglu; UCI, CC BY 4.0) and printed digits (OpenCV's and Pillow's built-in faces), painted on 64x64 canvases",
    "text": "words and phrases written for this project (`fusion/tasks/digits/words.py`)",
    "audio": "Free Spoken Digit Dataset, index 10 and up (5-9 are kept for validation; Jackson et al.; CC BY-SA 4.0), about 200 synthetic voices made with espeak-ng, flite and festival (`fusion/tasks/digits/voices.py`); in the last training also 412 single digits of 65 speakers (most of them of Google Speech Commands, Warden, CC BY 4.0; the others of a student collection without a stated licence) and strings of digits and other words said by espeak-ng, with words cut out of them and out of recordings joined to strings (`fusion/tasks/digits/speech.py`)",
    "video": "Pen-Based Recognition of Handwritten Digits, original trajectories (Alpaydin, Alimoglu; UCI, CC BY 4.0), drawn in time",
}
LIMITS = {
    "image": "One digit per image. In images larger than 64 pixels, small handwriting is found and read enlarged, down to a twelfth of the longer side; it was not trained on two digits or on smaller ones. Digits are as written in Europe, Turkey and the USA.",
    "text": 'English, French, German, Spanish, Italian, Portuguese, Chinese (characters and pinyin). A text that names several digits has no right answer, unless it contrasts them ("not 3 but 5").',
    "audio": "English words zero to nine. Training had six real speakers, most of them not native, and no strong accents, children or whispering. Frequencies above 4 kHz are not used.",
    "video": "The pen or its ink must be visible from about the start to the end; training had no hand that covers the ink.",
}
COMMANDS: dict[str, tuple[str, ...]] = {  # further commands that trained the shipped weights
    "image": (
        "    python -m fusion train --task digits --strategy finder --data DIR",
        "    python -m fusion train --task digits --strategy pages --data DIR",
    ),
    "audio": (
        "    python -m fusion train --task digits --strategy audio_only --data DIR --epochs 8 --lr 8e-4 --seed 1 --warm-start",
        "    python -m fusion train --task digits --strategy audio_only --data DIR --seed 1 --consistent --leave-out fold-2",
    ),
}
MILDER = "These weights were trained with milder corruptions of this modality than those in `fusion/media/corruptions` today ({}); every figure here is measured with the current ones."
PAGES = " The figures above were measured before the training on pages. After it: plain MNIST 99.64 (before 99.66; 5,000 digits); on photographs of other papers, pens and light than it saw (400 each), digits of .08 / .12 / .16 / .20 of the longer side 92.2 / 95.2 / 97.2 / 97.2 (before, 300 each: 8.3 / 11.7 / 18.3 / 36.7)."
CONNECTED = " After the third run the weights are an average, .15 of those before it and .85 of those after it; the share was chosen with validation sets in view, and looked at on the test sets of other sources for .7, .85 and 1. Audio alone on 3,000 recorded test digits, before and after: clean 97.7 and 98.0, at severity 3 64.9 and 65.7. Leave-one-speaker-out is of the first run alone. The tables of audio alone and of other sources are of these weights; the tables of the strategies were measured before the third run, which changed them by less than their sampling error."
NOTES = {  # where the command would give other weights today
    "image": MILDER.format("noise of 9 grey levels per step instead of 18, smaller blocks") + PAGES,
    "video": MILDER.format("noise of 9 grey levels per step instead of 18, smaller blocks"),
    "text": "Not a blind test: errors on the test phrases were read once, and filler words and characters (some of them from test phrases, none naming a digit) were then added to training. The templates themselves are still unseen.",
    "audio": "Not a blind test: the length of the silence at both ends was chosen with FSDD's validation and official test recordings in view. In the first run the noise was 2 dB stronger than in `fusion/media/corruptions` today, and no sound was without noise; the second run used today's corruptions.",
}
TEST_SETS = {
    "image_mnist": "plain MNIST, 28x28 as uploaded (shared half of the official test file, or all of it)",
    "image_canvas": "canvases with clutter and texture, test digits and new writers",
    "video_new_writers": "pen digits, test file (writers that training never saw)",
    "audio_fsdd_official": "FSDD, official split (index 0-4), the recordings as they are",
    "audio_recorded": "the same through rooms, microphones, noise and silence",
    "text_new_phrases": "phrases whose templates training never saw (see below)",
}
OUTSIDE_SETS = {
    "audio_connected_flite": "strings of two to six digits said by flite (5 voices), cut at the word borders with 0 to 80 ms of the neighbours; training heard single words of these voices, no strings",
    "audio_connected_festival": "the same by festival (voices that are installed); training heard single words of these voices, no strings",
    "audio_announcements": "digits of a recorded announcer (Allison Smith; Debian package asterisk-core-sounds-en-wav, CC BY-SA 3.0)",
    "audio_connected_announcements": "the announcer's digits joined to strings, up to 1.5 times as fast, cut in the same way",
    "audio_new_speakers": "single digits of speakers of spoken_digits_many that were held out from training (one fold of five)",
    "audio_connected_new_speakers": "digits of the same held-out speakers, joined to strings and cut in the same way",
}
LICENCE = "The weights are derived from CC BY-SA data and are shared under CC BY-SA 4.0; the code is Apache-2.0."
ABOUT = "The modalities of a sample come from different people and share only the label: a gain in accuracy from fusion is expected and is no evidence of synergy."
SEVERITIES = (
    "The levels of the corruptions were chosen with the test accuracy of the single encoders in view, so that severity 3 lowers each modality by a similar amount. "
    "The lead of fusion at that severity depends on this choice."
)
SHARED = CardText(data=DATA, licence=LICENCE, severities=SEVERITIES)  # by all tasks on the media of `digits`
CARD = replace(
    SHARED,
    about=ABOUT,
    limits=LIMITS,
    test_sets=TEST_SETS,
    outside_sets=OUTSIDE_SETS,
    notes=NOTES,
    commands=COMMANDS,
    columns={"all-3": "redundancy: severity 3"},
)
