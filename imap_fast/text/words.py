"""Checks of the concepts that a user names."""

from collections import Counter
from collections.abc import Sequence


def check_concepts(concepts: Sequence[str]) -> tuple[str, ...]:
    """The concepts as a tuple of stripped, distinct, non-empty strings.

    Raises:
        TypeError: not a list of strings.
        ValueError: an empty list, an empty concept, or a concept that is repeated.
    """
    is_list = isinstance(concepts, Sequence) and not isinstance(concepts, str)
    if not is_list or not all(isinstance(concept, str) for concept in concepts):
        raise TypeError(f'concepts must be a list of strings, such as ["alpaca", "running"]; got {concepts!r}')
    stripped = tuple(concept.strip() for concept in concepts)
    if not stripped:
        raise ValueError('concepts is empty; name at least one, such as ["alpaca", "running"]')
    if "" in stripped:
        raise ValueError(f"concept {stripped.index('')} is empty; remove it: {list(concepts)!r}")
    repeated = [concept for concept, count in Counter(stripped).items() if count > 1]
    if repeated:
        raise ValueError(f"concept {repeated[0]!r} is named {stripped.count(repeated[0])} times; name each once")
    return stripped
