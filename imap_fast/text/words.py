"""Checks of the concepts that a user names, and of other labels."""

from collections.abc import Iterable, Sequence

from imap_fast.text.normalized import compared

BACKGROUND = "background"
"""The concept beside which a single one stands out."""

LONGEST_LABEL = 1_000
"""The largest number of characters in a label."""


def is_background(label: str) -> bool:
    """Whether a label means the background, however it is typed."""
    return compared(label) == BACKGROUND


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


def check_concepts(concepts: Sequence[str]) -> tuple[str, ...]:
    """The concepts as a tuple of stripped, distinct, non-empty strings.

    Raises:
        TypeError: not a list of strings.
        ValueError: an empty list, a concept that is repeated, empty, too long, or not valid Unicode.
    """
    is_list = isinstance(concepts, Sequence) and not isinstance(concepts, str)
    if not is_list or not all(isinstance(concept, str) for concept in concepts):
        raise TypeError(f'concepts must be a list of strings, such as ["alpaca", "running"]; got {concepts!r}')
    stripped = tuple(concept.strip() for concept in concepts)
    if not stripped:
        raise ValueError('concepts is empty; name at least one, such as ["alpaca", "running"]')
    check_texts("concept", stripped)
    # A capital is another token, and may be another word: turkey, Turkey.
    forms = [compared(concept, fold=False) for concept in stripped]
    for concept, form in zip(stripped, forms, strict=True):
        if forms.count(form) > 1:
            raise ValueError(f"concept {concept!r} is named {forms.count(form)} times; name each once")
    return stripped
