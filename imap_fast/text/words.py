"""Checks of the concepts that a user names, and of other labels."""

from collections import Counter
from collections.abc import Sequence

BACKGROUND = "background"
"""The concept beside which a single one stands out."""

LONGEST_LABEL = 1_000
"""The largest number of characters in a label."""


def check_texts(name: str, texts: Sequence[str]) -> None:
    """Raise a ValueError, which calls them `name`, if a text is empty, longer than a label, or not valid Unicode."""
    for number, text in enumerate(texts):
        if not text:
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
    repeated = [concept for concept, count in Counter(stripped).items() if count > 1]
    if repeated:
        raise ValueError(f"concept {repeated[0]!r} is named {stripped.count(repeated[0])} times; name each once")
    return stripped
