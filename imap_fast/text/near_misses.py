"""What to say to somebody who names a word that the prompt does not say."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import takewhile

from imap_fast.text.normalized import compared, is_part_of_word

MOST_NAMED = 3
"""The largest number of words that are proposed."""

ALIKE = 0.54
"""The smallest similarity of a word that is proposed. That of `running` and `runs` is 0.55."""

LONGEST_LIST = 200
"""The largest number of characters in a list of words."""


def near_misses(word: str, prompt: str) -> list[str]:
    """The phrases of a prompt that are most like `word`, of as many words. The likeliest, which begin alike, are first.

    Args:
        word: one or several words.
        prompt: any text.
    """
    sought, count, words = compared(word), len(word.split()), prompt.split()
    phrases = [" ".join(words[i : i + count]) for i in range(len(words) - count + 1)]
    spelled = {compared(phrase): phrase for phrase in map(_stripped, reversed(phrases)) if phrase}
    alike = get_close_matches(sought, spelled, n=len(words) or 1, cutoff=ALIKE)
    alike.sort(key=lambda phrase: _same_beginning(sought, phrase), reverse=True)
    return [spelled[phrase] for phrase in alike[:MOST_NAMED]]


def words_of(prompt: str) -> list[str]:
    """The different words of a prompt, without punctuation around them."""
    return list(dict.fromkeys(filter(None, map(_stripped, prompt.split()))))


def listed(words: Iterable[str]) -> str:
    """The words with commas, in one line: the first ones, if they are many."""
    line = ", ".join(words)
    return line if len(line) <= LONGEST_LIST else line[:LONGEST_LIST].rsplit(", ", 1)[0] + ", …"


def _same_beginning(one: str, other: str) -> int:
    """The number of characters with which both begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _stripped(phrase: str) -> str:
    """A phrase without the punctuation around it."""
    inside = [i for i, each in enumerate(phrase) if is_part_of_word(each) or unicodedata.category(each)[0] != "P"]
    return phrase[inside[0] : inside[-1] + 1] if inside else ""
