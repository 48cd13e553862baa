"""What the cards of the task `scenes` say: data, traps and how each was handled, teacher beside student, limits, licence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fusion.config import CHECKPOINTS

DATA = {
    "image": "54 classes of Tiny-ImageNet (64x64 pixels; ImageNet's terms: research), CIFAR-10 (32x32; mostly its birds; research), Dogs-vs-Cats (research) and boxes of 159 photos of COCO (by photo, mostly non-commercial)",
    "text": "Flickr8k (research), AudioCaps (MIT) and Clotho (non-commercial) captions that tell of exactly one class, captions recast for rare animals (`fusion/tasks/scenes/captions.py`), and templates of the project's own (`fusion/tasks/scenes/phrases.py`)",
    "audio": "800 of 809 animal sounds (YashNita/Animal-Sound-Dataset, no licence stated) and ESC-10 (CC BY 3.0)",
    "video": "the pictures of the image encoder under a moving camera: pan, zoom, shake, tilt and flicker are synthetic, no real clip was trained on",
}
TEACHERS = {
    "image": "EfficientNet-Lite0 (ImageNet, Apache-2.0): the student starts with its blocks, those of the last two stages made a sixth narrower (`fusion/distill/pruning.py`), keeps its first three stages as they are, and learns its last maps and its ImageNet answers again, after which it is averaged with its start (`python -m fusion.distill.image DIR`). Its thousand ImageNet names are read by the teacher's classifier",
    "text": "all-MiniLM-L6-v2 (Apache-2.0): word pieces start as the teacher's in fewer dimensions, sentence vectors are learned again while the classes are learned (`python -m fusion.distill.text DIR`)",
    "audio": "YAMNet (AudioSet, Apache-2.0): the student starts with its layers, the last but one a quarter narrower (`fusion/distill/pruning.py`), and learns its embedding and its AudioSet answers again, after which it is averaged with its start (`python -m fusion.distill.audio DIR YAMNET`). AudioSet's 521 names are read by the teacher's classifier",
    "video": "the trunk is the image encoder's",
}
LIMITS = {
    "image": "One thing in the picture, of some size: a dog far away in a street is often missed. The classes stand for what the pictures showed: sheep are bighorns, cows are oxen and bison, birds are geese, storks, albatrosses and the small birds of CIFAR-10, fire is candles and torches, clock is a stopwatch or watch, rain is an umbrella (many of them dry): a rainy street without one is hardly known. Of photos from elsewhere, deer, goats and antelopes are taken for sheep, horses and rhinos for cows, sunsets for fire, deserts for the sea.",
    "text": 'English; of other languages only the class words of the templates. A sentence that tells of two classes has no right answer. What goes by the word of a class and is something else is known where it was taught (a hot dog, a fire truck); "the dog is hot" is then hardly known either.',
    "audio": "One thing to be heard. A sheep is also a goat to it; of frogs, lions and sheep there were about thirty recordings each.",
    "video": "No real clip was measured, and hardly any tried. What moves in front of a still camera was not in training.",
}
TRAPS = {
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
SINGLE = {
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
NONE = {"image_none": "pictures", "audio_none": "sounds", "text_none": "sentences"}


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def distilled(checkpoints: Path = CHECKPOINTS) -> dict[str, Any]:
    path = checkpoints / "scenes" / "distilled.json"
    return json.loads(path.read_text()) if path.exists() else {}


def comparison(modality: str, found: dict[str, Any]) -> list[str]:
    """Teacher and student side by side."""
    rows = found.get(modality) or {}
    if modality == "text" and rows:
        return [
            f"Of each test sentence's ten nearest neighbours by the teacher, {percent(rows['agreement'])} are so by the student ({rows['sentences']:,} captions).",
            "",
        ]
    names = {"tiny_imagenet_54": "linear probe, 54 classes of Tiny-ImageNet, macro recall", "scenes_11": "linear probe, the 11 classes, macro recall",
             "esc10_five_folds": "linear probe, ESC-10, five folds, accuracy"}  # fmt: skip
    lines = [f"| {names[k]} | {percent(v['student'])} | {percent(v['teacher'])} |" for k, v in rows.items() if k in names]
    if not lines:
        return []
    same = rows.get("same_answer_on_whole_photos")
    more = (
        [f"Both give the same of ImageNet's thousand answers on {percent(same)} of 200 whole photos of other things.", ""] if same else []
    )
    return [f"Before any label of the task (`{found['command']}`):", "", "| | student | teacher |", "|---|---|---|", *lines, "", *more]


def encoder_card(modality: str, report: dict[str, Any], title: str) -> str:
    single = report["single"]
    rows = [f"| {SINGLE[k]} | {percent(v['recall'])} | {percent(v['accuracy'])} | {v['samples']} |"
            for k, v in single.items() if k.startswith(modality) and k in SINGLE]  # fmt: skip
    classes = next(
        (
            v["by_class"]
            for k, v in single.items()
            if k in (f"{modality}_256", f"{modality}_test", f"{modality}_captions", "video_moving_photos") and k.startswith(modality)
        ),
        {},
    )
    none = [f"Of {single[k]['samples']} {name} of none of the classes, of kinds that training never saw, {percent(single[k]['below_threshold'])} lie below the threshold of {modality} alone."
            for k, name in NONE.items() if k.startswith(modality)]  # fmt: skip
    lines = [
        f"# {modality.capitalize()} encoder of the task scenes: {title}",
        "",
        f"{report['encoder_parameters'][modality]:,} parameters, stored with 16 bits each. Distilled from {TEACHERS[modality]}. What lies on the trunk was trained with labels on {DATA[modality]}.",
        "",
        f"    python -m fusion train --task scenes --strategy {modality}_only --data DIR",
        "",
        "One training, one seed.",
        "",
        *comparison(modality, distilled()),
        f"With a linear head ({modality}_only), measured by `{report['command']}` on {report['date']}:",
        "",
        "| test set | macro recall | accuracy | samples |",
        "|---|---|---|---|",
        *rows,
        "",
        "By class: " + ", ".join(f"{k} {percent(v)}" for k, v in classes.items()) + ".",
        *none,
        "",
        *outside_lines(modality),
        *(["## Traps in the data, and what was done", "", *[f"- {trap}" for trap in TRAPS[modality]], ""] if TRAPS[modality] else []),
        "## Limits",
        "",
        LIMITS[modality],
        "",
        "## Licence",
        "",
        LICENCE,
        "",
    ]
    return "\n".join(lines)


def outside_lines(modality: str) -> list[str]:
    """Media from elsewhere, see `fusion.evaluation.outside`."""
    path, kind = CHECKPOINTS / "scenes" / "outside.json", {"image": "photos", "audio": "sounds", "video": "clips"}.get(modality, "")
    found = json.loads(path.read_text()) if path.exists() else {}
    if kind not in found:
        return []
    packages = ", ".join(f"{name} {count}" for name, count in found["packages"][kind].items())
    more = {f"{kind}_without_cut_outs": "those without cut-outs", f"{kind}_blind": "others, collected when all was chosen"}
    rows = [("all", found[kind])] + [(words, found[k]) for k, words in more.items() if k in found]
    blind = ", ".join(f"{k} {right} of {count}" for k, (right, count) in found.get(f"{kind}_blind", {}).get("classes", {}).items())
    return [
        f"## {kind.capitalize()} from elsewhere",
        "",
        f"Files out of packages of Debian and PyPI, sorted by hand by class, none of them ever in training (`{found['command']}`, {found['date']}):",
        "",
        "| | of the classes | right | macro recall | of none | noticed | AUROC |",
        "|---|---|---|---|---|---|---|",
        *[
            f"| {name} | {r['files']} | {percent(r['accuracy'])} | {percent(r['recall'])} | {r['none']} | {percent(r['noticed'])} | {r.get('auroc', 0):.2f} |"
            for name, r in rows
        ],
        "",
        "Right of all, by class: "
        + ", ".join(f"{k} {right} of {count}" for k, (right, count) in found[kind]["classes"].items())
        + f". How the encoders are trained and where answers become none was chosen with these files in view: development figures, no blind test. Packages and files: {packages}."
        + (f" Those collected afterwards were not: {blind}." if blind else ""),
        "",
    ]


def rejection_lines(name: str, report: dict[str, Any]) -> list[str]:
    """How well "none of these" is noticed, from each modality alone and from all."""
    rows = report["rejection"][name]
    shown = [k for k in rows if k.count("+") in (0, 3)]
    return [
        "None of these: an answer of less confidence than the threshold of what is given is called so (`python -m fusion.evaluation.rejection DIR`). On kinds that training never saw:",
        "",
        "| given | AUROC | threshold | of the classes, accepted | of none, noticed |",
        "|---|---|---|---|---|",
        *[
            f"| {k.replace('+', ', ')} | {rows[k]['auroc']:.3f} | {rows[k]['threshold']:.2f} | {percent(rows[k]['accepted'])} | {percent(rows[k]['noticed'])} |"
            for k in shown
        ],
        "",
    ]


START, END = "<!-- scenes: python -m fusion.cards.strategies -->", "<!-- /scenes -->"


def readme_table(report: dict[str, Any]) -> str:
    """What each modality reaches alone, what all reach together, and how well none of these is noticed."""
    single, reject = report["single"], report["rejection"]
    best = max(reject, key=lambda n: reject[n].get("image+text+audio+video", {"auroc": 0.0})["auroc"])
    whole = {n: row["image+text+audio+video"] for n, row in report["subsets"].items()}
    low, high = (pick(whole, key=lambda n: whole[n]["recall"]) for pick in (min, max))
    lines = ["| given | test set | macro recall, % |", "|---|---|---|"]
    for name, what in (("image_64", "photo"), ("image_1024", "photo"), ("image_12_megapixels", "photo"), ("text_captions", "caption"),
                       ("text_captions_without_the_word", "caption"), ("text_own_sentences", "caption"), ("audio_test", "sound"),
                       ("video_moving_photos", "clip")):  # fmt: skip
        lines.append(f"| {what} | {SINGLE[name]} | {100 * single[name]['recall']:.1f} |")
    reached = [f"{100 * whole[n]['recall']:.1f}" for n in (low, high)]
    found = f"{reached[0]} (`{low}`) to {reached[1]} (`{high}`)" if reached[0] != reached[1] else f"{reached[0]} (all strategies)"
    lines.append(f"| all four | {whole[high]['samples']:,} samples | {found} |")
    lines += [
        "",
        "| none of these: area under the ROC curve of the confidence | photo alone | caption alone | sound alone | clip alone | all four |",
        "|---|---|---|---|---|---|",
    ]
    alone = [reject[f"{m}_only"][m]["auroc"] for m in ("image", "text", "audio", "video")]
    lines.append(
        f"| against kinds that training never saw (all four: `{best}`) | "
        + " | ".join(f"{v:.2f}" for v in (*alone, reject[best]["image+text+audio+video"]["auroc"]))
        + " |"
    )
    path = CHECKPOINTS / "scenes" / "outside.json"
    if path.exists():
        outside = json.loads(path.read_text())
        lines += [
            "",
            "| from elsewhere (files out of packages of Debian and PyPI), % | files | right | macro recall | of none, noticed | AUROC |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {kind.replace('_cut_', '_cut-').replace('_blind', ', collected when all was chosen').replace('_', ' ')} | {r['files']} and {r['none']} of none | {100 * r['accuracy']:.1f} | {100 * r['recall']:.1f} | {100 * r['noticed']:.1f} | {r['auroc']:.2f} |"
            for kind, r in outside.items()
            if isinstance(r, dict) and "auroc" in r and r["files"] > 20
        ]
    found = distilled()
    if found:
        image, audio = found["image"], found["audio"]
        lines += ["", "| linear probe, % | student | teacher |", "|---|---|---|"]
        rows = (("ESC-10, five folds", audio["esc10_five_folds"]), ("photos, 54 classes", image["tiny_imagenet_54"]),
                ("photos, 11 classes", image["scenes_11"]), ("sounds, 11 classes", audio["scenes_11"]))  # fmt: skip
        lines += [f"| {what} | {100 * v['student']:.1f} | {100 * v['teacher']:.1f} |" for what, v in rows]
    return "\n".join(lines)
