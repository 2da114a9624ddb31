"""Texts in the form in which they are compared: what only a keyboard or a file format tells apart is equal."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

PUNCTUATION = (
    dict.fromkeys("‘’‚‛‹›´ʼ′׳", "'") | dict.fromkeys("“”„‟«»″〝〞〟״", '"') | dict.fromkeys("−⁃", "-") | {"⁄": "/"}
)
"""Typographic characters, and those that people type for them."""

JOINER = "\u200d"
"""It makes one emoji of two. Between letters it only shapes them."""

INVISIBLE = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)))
) | frozenset(map(chr, range(0xE0100, 0xE01F0)))
"""Fillers, and selectors of a variant of the character in front. Soft hyphens and the like have their category."""

EXTENDERS = frozenset(map(chr, (*range(0x1F3FB, 0x1F400), *range(0xE0020, 0xE0080)))) | {JOINER}
"""What makes another emoji of the one in front: the colour of skin, and the region of a flag."""

STACKERS = frozenset("\u1039\u17d2\u1a60") | {JOINER}
"""What joins the next character to the one in front, such as a letter that is written below another one."""

WITHOUT_SPACES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x1B00, 0x1B7F),  # Balinese
    (0x2E80, 0x3007),  # Chinese radicals and numerals
    (0x3021, 0x312F),  # Japanese, Bopomofo
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),  # Chinese
    (0x4E00, 0x9FFF),
    (0xA980, 0xA9FF),  # Javanese, Burmese
    (0xAA60, 0xAADF),  # Burmese, Tai Viet
    (0x1AFF0, 0x1B16F),  # Japanese
    (0x20000, 0x3FFFF),  # Chinese
)
"""The first and last characters of scripts without spaces between words, after compatibility forms are decomposed."""

UNKNOWN = "\ufffd"
"""Stands for characters that nobody knows any more."""

SPACED, UNSPACED = "spaced", "unspaced"
"""Kinds of characters that spell words: with and without spaces between the words."""


def compared(text: str, *, fold: bool = True) -> str:
    """The form of a text in which it is equal to other ways to write it, without spaces around it.

    Args:
        text: any.
        fold: whether upper and lower case are equal, too.
    """
    return Normalized.of(text, fold=fold).text.strip()


def is_part_of_word(character: str) -> bool:
    """Whether a character spells a word: letters, digits and the marks on them, and what stands for unknown ones."""
    return character.isalnum() or character in ("_", UNKNOWN) or unicodedata.category(character)[0] == "M"


@dataclass(frozen=True)
class Normalized:
    """A text as it is compared, and where each character comes from.

    Compatibility forms and composed characters are decomposed (NFKD, in which the same texts are equal as in NFKC).
    Case is folded, quotes and dashes are ASCII, a run of white space is one space, and invisible characters are left
    out.

    Attributes:
        text: the form.
        source: for each character of `text`, the index of its character in the original.
        parted: for each place in `text`, its two ends included, whether a word may begin or end there.
    """

    text: str
    source: tuple[int, ...]
    parted: tuple[bool, ...]

    @classmethod
    def of(cls, original: str, *, fold: bool = True) -> Normalized:
        """The form of `original`; without `fold`, upper and lower case stay what they are."""
        pairs = [(part, i) for i, each in enumerate(original) for part in unicodedata.normalize("NFD", each)]
        # Folding makes a letter of the Greek mark U+0345, so marks need their order before and after.
        pairs = [(part, i) for each, i in _in_order(pairs) for part in _form(each, fold)]
        pairs = _in_order(_without_invisible(pairs))
        source = tuple(i for _, i in pairs)
        return cls("".join(part for part, _ in pairs), source, tuple(_parted(pairs, original)))

    def places(self, word: str) -> list[tuple[int, int]]:
        """Start and end in the original of each place where the words of `word` stand as whole words.

        In a script without spaces, they stand wherever their characters do.
        """
        sought, places = compared(word), []
        start = self.text.find(sought) if sought else -1
        while start >= 0:
            stop = start + len(sought)
            if self.parted[start] and self.parted[stop]:
                indices = self.source[start:stop]
                places.append((min(indices), max(indices) + 1))
            start = self.text.find(sought, start + 1)
        return places


Pairs = list[tuple[str, int]]
"""Characters, each with the index of the one that it comes from."""


def _ascii(character: str) -> str:
    return PUNCTUATION.get(character, "-" if unicodedata.category(character) == "Pd" else character)


@lru_cache(maxsize=4096)
def _form(character: str, fold: bool) -> str:
    """The form of one character, which is already decomposed canonically."""
    form = _ascii(character)
    for _ in range(2):  # the decomposition of some characters has capitals again, such as that of ℡
        form = unicodedata.normalize("NFKD", form.casefold() if fold else form)
    return "".join(map(_ascii, form))


def _in_order(pairs: Pairs) -> Pairs:
    """The characters, with the marks of each letter in canonical order."""
    ordered: Pairs = []
    for _, group in groupby(pairs, key=lambda pair: unicodedata.combining(pair[0]) > 0):
        ordered += sorted(group, key=lambda pair: unicodedata.combining(pair[0]))
    return ordered


def _without_invisible(pairs: Pairs) -> Pairs:
    """The characters without those that do not show, and with one space for a run of white space."""
    kept: Pairs = []
    for character, index in pairs:
        last = kept[-1][0] if kept else " "
        if character.isspace():
            if last != " " or not kept:
                kept.append((" ", index))
        elif character == JOINER:
            if unicodedata.category(last) in ("So", "Sk"):
                kept.append((character, index))
        elif character in EXTENDERS or not (character in INVISIBLE or unicodedata.category(character) == "Cf"):
            kept.append((character, index))
    return kept


def _parted(pairs: Pairs, original: str) -> list[bool]:
    """`Normalized.parted` of the characters."""
    parted, last, last_index, kind = [], "", -1, ""
    for character, index in pairs:
        extends = unicodedata.category(character)[0] == "M" or character in EXTENDERS
        last_kind, kind = kind, kind if extends else _kind(character, original[index])
        is_inside = extends or last in STACKERS or last_index == index or last_kind == kind == SPACED
        parted.append(not is_inside)
        last, last_index = character, index
    return [True, *parted[1:], True] if pairs else [True]


def _kind(character: str, original: str) -> str:
    """Whether a character spells words, and whether spaces stand between them. Signs such as ™ and ʼ spell none."""
    if not (is_part_of_word(original) and is_part_of_word(character)):
        return ""
    return UNSPACED if any(first <= ord(character) <= last for first, last in WITHOUT_SPACES) else SPACED
