"""Names that differ, of things that may have equal ones."""

from collections.abc import Iterable


def distinct(names: Iterable[str]) -> list[str]:
    """The names in their order. One that is there already gets a number: `a`, `b`, `a` give `a`, `b`, `a (2)`."""
    found: list[str] = []
    for name in names:
        number, tried = 1, name
        while tried in found:
            number += 1
            tried = f"{name} ({number})"
        found.append(tried)
    return found
