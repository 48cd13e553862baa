"""Texts of no meaning for any task: typed at random, made-up words, other alphabets, code and addresses, marks."""

from __future__ import annotations

import numpy as np

SCRIPTS = {  # first and last code point of alphabets
    "cyrillic": (0x0430, 0x044F),
    "greek": (0x03B1, 0x03C9),
    "hebrew": (0x05D0, 0x05EA),
    "arabic": (0x0627, 0x064A),
    "devanagari": (0x0905, 0x0939),
}
OTHER_SCRIPTS = {  # for the test
    "thai": (0x0E01, 0x0E2E),
    "georgian": (0x10D0, 0x10F0),
    "armenian": (0x0561, 0x0586),
    "hangul": (0xAC00, 0xD7A3),
    "katakana": (0x30A2, 0x30F3),
}
CODE = "def return for print import class null true false self html href www com src img function var let await SELECT FROM WHERE".split()


def alphabets(scripts: dict[str, tuple[int, int]], rng: np.random.Generator) -> str:
    """One to four words of random letters of one alphabet."""
    first, last = scripts[str(rng.choice(list(scripts)))]
    words = ("".join(chr(int(c)) for c in rng.integers(first, last + 1, int(rng.integers(2, 8)))) for _ in range(int(rng.integers(1, 5))))
    return " ".join(words)


def typed(rng: np.random.Generator) -> str:
    """Keys hit at random."""
    return "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz  -_;,."), int(rng.integers(2, 18)))).strip() or "q"


def made_up(rng: np.random.Generator) -> str:
    """One to four words of one to three syllables that no language has."""
    onsets, ends = "b bl d dr f g gr k l m n p qu r s st t v w x z".split(), ["", "", "n", "r", "s", "l", "t", "ng", "x", "rf", "mp"]

    def word() -> str:
        syllables = int(rng.integers(1, 4))
        return "".join(f"{rng.choice(onsets)}{rng.choice(list('aeiou'))}{rng.choice(ends)}" for _ in range(syllables))

    return " ".join(word() for _ in range(int(rng.integers(1, 5))))


def code(rng: np.random.Generator) -> str:
    """Pieces of programs, markup and addresses."""
    words = [str(rng.choice(CODE)) for _ in range(int(rng.integers(1, 6)))]
    return str(rng.choice(["{}()", "<{}>", "https://{}", "{};", "{} =", "[{}]", "{}.{}"])).format(*(words * 2)) + " " + " ".join(words[1:])


def marks(rng: np.random.Generator) -> str:
    return "".join(rng.choice(list("?!.,;:-_*+/()[]{}<>@&%$|~'\"♥★→…"), int(rng.integers(1, 12))))
