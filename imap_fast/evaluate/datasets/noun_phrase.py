"""The concept of an expression: the few words that it begins with, which name something."""

import re

MOST_WORDS = 4
"""A concept is a few words. Of more, a text encoder hardly keeps the first one."""

DETERMINERS = frozenset({"a", "an", "the", "this", "that", "these", "those"})
"""They are left out at the beginning."""

_PREPOSITIONS = """about above across after against along among around as at away before behind below beneath beside
between beyond by down during for from in inside into near next of off on onto opposite out outside over past through to
toward towards under underneath up upon with within without"""

_CONJUNCTIONS = "and because but if or than that then what when where which while who whom whose"
"""Relative pronouns are among them."""

_VERBS = "am are be been being can could did do does had has have is not was were will would"
"""Forms that no ending tells, and what stands beside them."""

ENDS = frozenset(f"{_PREPOSITIONS} {_CONJUNCTIONS} {_VERBS}".split())
"""The words that a name ends before."""

_NOUNS = """building ceiling clothing darling duckling earring evening gosling lightning morning painting railing
sibling stocking wedding"""

NOUNS = frozenset(_NOUNS.split())
"""Nouns in -ing, which are no verbs. Words such as "ring" and "king" are told by their only vowel."""

_WORD = re.compile(r"[^\W_]+(?:['’./-][^\W_]+)*")
_PART_END = re.compile(r"[.;:!?()]\s|[.;:!?()]$")


def noun_phrase(expression: str) -> str:
    """The noun phrase that an expression begins with, without an article. Empty if it begins with none.

    It ends before the first preposition, relative pronoun, conjunction, or verb in -ing, and after `MOST_WORDS`:
    "a white dog running to the left" gives "white dog". A word in -ing at its beginning belongs to it: "flying bird".
    Other verbs are not told from nouns: "dog jumps over a fence" gives "dog jumps".
    """
    (first_part, *_) = _PART_END.split(expression.strip(), maxsplit=1)
    words = _WORD.findall(first_part)
    while words and words[0].lower() in DETERMINERS:
        del words[0]
    phrase: list[str] = []
    for word in words[:MOST_WORDS]:
        if word.lower() in ENDS or (phrase and _is_verb(word.lower())):
            break
        phrase.append(word)
    return " ".join(phrase)


def _is_verb(word: str) -> bool:
    """Whether a word in lower case has the ending -ing after a vowel, as verbs have and "ring" has not."""
    return word.endswith("ing") and word not in NOUNS and re.search("[aeiouy]", word[:-3]) is not None
