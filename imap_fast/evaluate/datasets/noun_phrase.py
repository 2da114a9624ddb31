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

_PRONOUNS = """all another both each everything he her him it many one ones other others several she some somebody
someone something them there they"""

NAMELESS = frozenset(_PRONOUNS.split())
"""Words that name nothing by themselves."""

_COLOURS = """beige black blond blue brown dark gold golden gray green grey light orange pink purple red silver white
yellow"""

COLOURS = frozenset(_COLOURS.split())
"""After one of them, "and" joins another colour: "black and white dog"."""

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
    Other verbs are not told from nouns: "dog jumps over a fence" gives "dog jumps". It is a part of the expression, so
    that it is also found in a prompt.
    """
    (first_part, *_) = _PART_END.split(expression.strip(), maxsplit=1)
    words = list(_WORD.finditer(first_part))
    begin = 0
    while begin < len(words) and words[begin][0].lower() in DETERMINERS:
        begin += 1
    end = begin
    for word in words[begin : begin + MOST_WORDS]:
        before = [each[0].lower() for each in words[begin:end]]
        if _ends(word[0].lower(), before) and not (end == begin > 0):  # after an article, as in "the inside lane"
            break
        end += 1
    named = [word[0].lower() for word in words[begin:end]]
    if all(word in NAMELESS or _is_verb(word) for word in named):
        return ""
    return first_part[words[begin].start() : words[end - 1].end()]


def _ends(word: str, before: list[str]) -> bool:
    """Whether a name ends before a word, which follows the words `before`."""
    if word in ("and", "or") and before and before[-1] in COLOURS:
        return False
    return word in ENDS or (bool(before) and _is_verb(word))


def _is_verb(word: str) -> bool:
    """Whether a word in lower case has the ending -ing after a vowel, as verbs have and "ring" has not."""
    return word.endswith("ing") and word not in NOUNS and re.search("[aeiouy]", word[:-3]) is not None
