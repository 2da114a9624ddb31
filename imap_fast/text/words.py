"""Checks of the concepts that a user names, and of other labels."""

from collections.abc import Iterable, Sequence

from imap_fast.text.normalized import compared

BACKGROUND = "background"
"""The concept beside which a single one stands out."""

LONGEST_LABEL = 1_000
"""The largest number of characters in a label."""


def one_spelling(words: Iterable[str]) -> dict[str, str]:
    """Each of the words, stripped, with the first of those that are only typed in another way."""
    first: dict[str, str] = {}
    return {word: first.setdefault(compared(word), word.strip()) for word in words}


def check_texts(name: str, texts: Sequence[str]) -> None:
    """Raise a ValueError, which calls them `name`, if a text is empty, longer than a label, or not valid Unicode."""
    for number, text in enumerate(texts):
        if not compared(text):
            raise ValueError(f"{name} {number} is empty; remove it")
        if len(text) > LONGEST_LABEL:
            raise ValueError(f"{name} {number} has {len(text)} characters, and {LONGEST_LABEL} are read; shorten it")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise ValueError(f"{name} {number} is not valid Unicode: {text!r}; type it again")


def is_background(label: str) -> bool:
    """Whether a label means the background, however it is typed."""
    return compared(label) == BACKGROUND


def check_concepts(concepts: Sequence[str]) -> tuple[str, ...]:
    """The concepts as a tuple of stripped, distinct, non-empty strings.

    Raises:
        TypeError: not a list of strings.
        ValueError: an empty list, a concept that is repeated, empty, too long, or not valid Unicode.
    """
    if not (checked := _checked("concept", concepts)):
        raise ValueError('concepts is empty; name at least one, such as ["alpaca", "running"]')
    return checked


def check_motions(motions: Sequence[str], concepts: Sequence[str] = ()) -> tuple[str, ...]:
    """The motions as such a tuple, which may be empty.

    Args:
        motions: words of motions.
        concepts: the things, from `check_concepts`. No motion is one of them.

    Raises:
        TypeError: not a list of strings.
        ValueError: a motion that is repeated, a thing, the background, empty, too long, or not valid Unicode.
    """
    checked = _checked("motion", motions)
    things = {_form(concept) for concept in concepts}
    for motion in checked:
        if _form(motion) in things:
            raise ValueError(f"{motion!r} is among concepts and among motions; name it once")
        if is_background(motion):
            raise ValueError(f"{motion!r} is no motion; name it among concepts")
    return checked


def labels_of(concepts: Sequence[str], motions: Sequence[str]) -> tuple[str, ...]:
    """The concepts, then the motions. A background among the concepts comes last, if there are motions."""
    if not motions:
        return tuple(concepts)
    last = [concept for concept in concepts if is_background(concept)]
    return (*(concept for concept in concepts if concept not in last), *motions, *last)


def _form(word: str) -> str:
    """What makes two words the same. A capital is another token, and may be another word: turkey, Turkey."""
    return compared(word, fold=False)


def _checked(name: str, words: Sequence[str]) -> tuple[str, ...]:
    """Words as a tuple of stripped, distinct, non-empty strings; errors call each of them `name`."""
    is_list = isinstance(words, Sequence) and not isinstance(words, str)
    if not is_list or not all(isinstance(word, str) for word in words):
        raise TypeError(f'{name}s must be a list of strings, such as ["alpaca", "running"]; got {words!r}')
    stripped = tuple(word.strip() for word in words)
    check_texts(name, stripped)
    forms = [_form(word) for word in stripped]
    for word, form in zip(stripped, forms, strict=True):
        if forms.count(form) > 1:
            raise ValueError(f"{name} {word!r} is named {forms.count(form)} times; name each once")
    return stripped
