"""Words, numerals and phrases for the ten digits: six writing systems, phrases, near-homophones, typos, masked letters.

Phrases are split into train, val and test by template, so that a test phrase is never one the encoder has read.
"""

from __future__ import annotations

import unicodedata

import numpy as np

WORDS = {
    "en": ["zero nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
    "fr": ["zéro", "un une", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"],
    "de": ["null", "eins ein", "zwei zwo", "drei", "vier", "fünf fuenf", "sechs", "sieben", "acht", "neun"],
    "es": ["cero", "uno una", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"],
    "it": ["zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"],
    "pt": ["zero", "um uma", "dois", "três", "quatro", "cinco", "seis", "sete", "oito", "nove"],
    "pinyin": ["líng", "yī", "èr liǎng", "sān", "sì", "wǔ", "liù", "qī", "bā", "jiǔ"],
    "zh": ["零 〇", "一 壹", "二 贰 两 貳 兩", "三 叁 參", "四 肆", "五 伍", "六 陆 陸", "七 柒", "八 捌", "九 玖"],
}
HOMOPHONES = ["zeroh ziro", "won wun", "too to tu", "tree thre", "for fore", "fife fyve", "sicks sics", "sevn sven", "ate ait", "nyne nien"]
ORDINALS = [
    "zeroth",
    "first 1st",
    "second 2nd",
    "third 3rd",
    "fourth 4th",
    "fifth 5th",
    "sixth 6th",
    "seventh 7th",
    "eighth 8th",
    "ninth 9th",
]
ROMAN = ["", "", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"]
NUMERALS = ["{}", "{}.", "#{}", "no. {}", "({})", "0{}", "00{}", "{}!", "{}.0", "nr {}", "= {}", "№{}", '"{}"', "{}?"]
SCRIPTS = ["٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९", "０１２３４５６７８９", "⓪①②③④⑤⑥⑦⑧⑨"]

PHRASES = {
    "en": [
        "the number {w}", "number {w}", "it is {w}", "I think it is {w}", "this is a {w}", "a {w}", "the digit {w}", "press {w} now",
        "room {w}", "{w} apples on the table", "bus {w} is late", "dial {w} please", "the answer is {w}", "level {w} of the game", "{w} it is",
        "give me {w} of them", "chapter {w}", "she drew a {w} on the paper", "that looks like a {w} to me", "line {w} of the poem", "say {w}",
        "what I wrote is {w}", "I have {w} cats and a dog", "there are {w} people in the queue", "wait for number {w}", "turn to page {w}",
        "we need {w} more", "please write {w} for me", "my favourite number is {w}", "it was the number {w}, I am sure", "gate {w}", "{w} o'clock",
        "only {w} left", "channel {w} on the radio", "they scored {w} goals", "he said {w} to me", "platform {w} for the train to the city",
        "could be a {w}", "exactly {w} days ago", "floor {w}", "listen for the word {w}", "a handwritten {w}", "player {w} wins the game", "{w} stars",
        "option {w} looks good", "the lucky number was {w} again", "house {w} on the left", "I count {w} birds in the tree", "go to track {w}", "a big {w}",
    ],
    "fr": ["le chiffre {w}", "c'est un {w}", "numéro {w}", "il y a {w} pommes", "je pense que c'est {w}", "la page {w}", "appuyez sur {w}", "bus {w}",
           "la chambre {w}", "j'ai écrit {w}", "le nombre est {w}", "ligne {w}"],
    "de": ["die Zahl {w}", "das ist eine {w}", "Nummer {w}", "ich habe {w} Äpfel", "ich glaube es ist {w}", "Seite {w}", "bitte {w} drücken", "Bus {w}",
           "Zimmer {w}", "ich schrieb {w}", "die Ziffer {w}", "Linie {w}"],
    "es": ["el número {w}", "es un {w}", "hay {w} manzanas", "creo que es {w}", "la página {w}", "pulse {w} ahora", "autobús {w}", "la habitación {w}",
           "escribí {w}", "la cifra {w}", "tengo {w} gatos", "línea {w}"],
    "zh": ["数字{w}", "这是{w}", "我写的是{w}", "第{w}个", "{w}号", "有{w}个苹果", "请按{w}", "{w}只猫", "答案是{w}", "第{w}页", "我想是{w}", "{w}路车"],
}  # fmt: skip
PHRASES |= {
    "it": ["il numero {w}", "è un {w}", "pagina {w}", "credo sia {w}"],
    "pt": ["o número {w}", "é um {w}", "página {w}", "acho que é {w}"],
}
PHRASES["pinyin"] = ["shùzì {w}", "dì {w} gè", "{w} hào", "zhè shì {w}"]
CONTRASTS = {
    "en": ["not {o} but {w}", "{w}, not {o}", "it is {w} and not {o}", "I said {w}, not {o}", "not a {o}, a {w}", "no, not {o}: {w}"],
    "fr": ["pas {o} mais {w}", "{w}, pas {o}"],
    "de": ["nicht {o} sondern {w}", "{w}, nicht {o}"],
    "es": ["no {o} sino {w}", "{w}, no {o}"],
    "zh": ["不是{o}是{w}", "是{w}不是{o}"],
}
NOTHING = ["hello", "the cat sat on the mat", "?", "good morning to you", "bonjour", "guten Tag", "hola amigo", "你好", "what is this", "a picture of a dog",
           "nothing to see here", "I do not know", "lorem ipsum dolor sit amet", "music", "please", "number", "the digit is unclear", "...", "abc", "yes", "no",
           "it rains", "a lovely day for a walk", "数字", "电话", "the number", "tomorrow", "fusion", "write something", "maybe", "xyz", "-", "asdf qwer"]  # fmt: skip
# Words around the digit and texts without one: what is not listed here is made up of syllables, so that unknown words say nothing.
COMMON = """the be of and a in that have it on with as do at this but his by from they we say her she or an will my would there their what so up out if
about who get which go me when make can like time just him know take person into year your good some could them see other than then now look come its over
think also back after use how our work well way even want because any these give day most us dog cat horse bird house garden river mountain table chair
window door car train street city water coffee bread apple banana red blue green yellow black white big small old young happy sad fast slow hot cold winter
summer morning evening night music song book page letter word story school teacher student friend mother father brother sister child hand eye head heart
foot voice sound picture photo clip video drawing pen paper screen button phone computer game player team ball goal winner question answer idea problem
nice pretty strange quiet loud open close begin end stop start read write speak listen run walk jump swim fly sleep eat drink buy sell find lose believe
le la les des est avec pour dans sur pas plus vous nous elle être avoir faire maison chien chat jour nuit soleil pluie bonjour merci livre rue ville
der die das und ist nicht mit auf ich wir sie haben werden Haus Hund Katze Tag Nacht Sonne Regen Buch Straße Stadt danke bitte immer wieder schön
el los las es con por para que como más muy casa perro gato día noche sol lluvia libro calle ciudad gracias siempre bueno grande img src http www com org
html div alert onerror null0 x= y= id= name= value= <b> </b> // && $ % @ # * + / ; ( ) [ ] { } ~ | : ! ? , .""".replace(
    "null0 ", ""
).split()
HANZI = "的是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家用发天如然作方成者多日都小军无同么经法当起与好看学进种将还分此心前面又定见只主没公从页号路数字请按苹果答案猫狗"


def part(items: list[str], split: str) -> list[str]:
    """Every fifth template is kept for test, every seventh of the rest for val; short lists are shared by train and val."""
    if split == "test":
        return items[4::5] or items
    rest = [x for i, x in enumerate(items) if i % 5 != 4]
    if split == "val":
        return rest[6::7] or rest
    return [x for i, x in enumerate(rest) if i % 7 != 6]


def word_for(digit: int, language: str, rng: np.random.Generator) -> str:
    word = str(rng.choice(WORDS[language][digit].split()))
    plain = {"pinyin": 0.5, "fr": 0.3, "de": 0.3, "es": 0.3, "pt": 0.3}.get(language, 0.0)
    return strip_accents(word) if rng.random() < plain else word


def strip_accents(word: str) -> str:
    """Without accents, as typed on an English keyboard: zero, funf, tres, liu."""
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def misspell(word: str, rng: np.random.Generator) -> str:
    """One typing error: a letter dropped, doubled, swapped with the next, replaced, or masked with `_`, `*`, `?` or `-`."""
    i = int(rng.integers(0, len(word)))
    kind = rng.random()
    if kind < 0.2:
        return word[:i] + word[i + 1 :]
    if kind < 0.35:
        return word[:i] + word[i] + word[i:]
    if kind < 0.55 and i + 1 < len(word):
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    letter = str(rng.choice(list("abcdefghijklmnopqrstuvwxyz"))) if kind < 0.7 else str(rng.choice(list("_*?-.")))
    return word[:i] + letter + word[i + 1 :]


def respell(text: str, rng: np.random.Generator) -> str:
    """Upper, lower or title case, stray spaces and closing marks."""
    kind = rng.random()
    if kind < 0.12:
        text = text.upper()
    elif kind < 0.35:
        text = text.capitalize()
    elif kind < 0.42:
        text = text.title()
    elif kind < 0.6:
        text = text.lower()
    return text + str(rng.choice(["", "", "", "", ".", "!", "?", " ", "...", "。"]))


def make_text(digit: int, split: str, rng: np.random.Generator) -> str:
    """One way to say the digit in writing.

    Args:
        digit: 0-9.
        split: which templates may be used.
    """
    kind = rng.random()
    if kind < 0.08:
        return str(rng.choice(NUMERALS)).format(digit)
    if kind < 0.11:
        return str(rng.choice(SCRIPTS))[digit]
    if kind < 0.14 and ROMAN[digit]:
        return str(rng.choice(["{}", "roman {}", "chapter {}", "part {}"])).format(ROMAN[digit])
    if kind < 0.19:
        return respell(str(rng.choice(["{}", "number {}", "{} "])).format(rng.choice(HOMOPHONES[digit].split())), rng)
    if kind < 0.23:
        return respell(
            str(rng.choice(["the {}", "{}", "the {} of the month", "on the {} floor"])).format(rng.choice(ORDINALS[digit].split())), rng
        )
    language = str(rng.choice(list(WORDS), p=[0.36, 0.11, 0.11, 0.11, 0.05, 0.05, 0.05, 0.16]))
    word = str(digit) if rng.random() < 0.15 else word_for(digit, language, rng)
    if len(word) >= 4 and rng.random() < 0.22:
        word = misspell(word, rng)
    if rng.random() < 0.32:
        return respell(word, rng)
    if language in CONTRASTS and rng.random() < 0.12:
        other = (digit + int(rng.integers(1, 10))) % 10
        pair = str(rng.choice(part(CONTRASTS[language] * 2, "train")))
        return respell(pair.format(w=word, o=word_for(other, language, rng)), rng)
    text = str(rng.choice(part(PHRASES[language], split))).format(w=word)
    around = rng.random()
    if around < 0.12 and split == "train":  # the word among random words instead of a template
        text = surround(word, around < 0.06 or around >= 0.09, around < 0.09, "" if language == "zh" else " ", rng)
    elif around < 0.18:  # a longer text around the phrase
        text = f"{text} {filler(rng)}" if rng.random() < 0.5 else f"{filler(rng)} {text}"
    return respell(text, rng)


def surround(word: str, before: bool, after: bool, gap: str, rng: np.random.Generator) -> str:
    """The word with filler before it, after it, or both."""
    text = word
    if before:
        text = f"{filler(rng)}{gap}{text}"
    if after:
        text = f"{text}{gap}{filler(rng)}"
    return text


def filler(rng: np.random.Generator) -> str:
    """Words without a digit: sentences, common words, made-up words, Chinese characters."""
    kind = rng.random()
    if kind < 0.25:
        return ". ".join(str(x) for x in rng.choice([x for x in NOTHING if len(x) > 8], int(rng.integers(1, 4))))
    if kind < 0.4:
        return "".join(hanzi(rng) for _ in range(int(rng.integers(1, 7))))
    count = int(rng.integers(1, 7))
    return " ".join(str(rng.choice(COMMON)) if rng.random() < 0.7 else made_up(rng) for _ in range(count))


def hanzi(rng: np.random.Generator) -> str:
    """A Chinese character that is not a digit, common or any."""
    digits = "".join(WORDS["zh"])
    c = str(rng.choice(list(HANZI))) if rng.random() < 0.5 else chr(int(rng.integers(0x4E00, 0x9FA0)))
    return "的" if c in digits else c


def made_up(rng: np.random.Generator) -> str:
    """A made-up word of syllables, sometimes with marks as in code or markup."""
    word = "".join(
        str(rng.choice(list("bcdfghjklmnprstvwz")))
        + str(rng.choice(list("aeiou")))
        + str(rng.choice(["", "", "n", "r", "s", "l", "t", "ng"]))
        for _ in range(int(rng.integers(1, 5)))
    )
    return word if rng.random() < 0.85 else str(rng.choice(["<{}>", "{}=", "${{{}}}", "@{}", "{}.com", "{}:", "/{}", "{}()"])).format(word)


def make_nothing(rng: np.random.Generator) -> str:
    """Text that names no digit."""
    kind = rng.random()
    if kind < 0.15:
        return "".join(rng.choice(list("abcdefghijklmnoprstuvwxyz _-"), int(rng.integers(1, 14)))).strip() or "-"
    return respell(str(rng.choice(NOTHING)) if kind < 0.35 else filler(rng), rng)
