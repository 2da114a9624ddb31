"""Names of files from texts of users: clips and concepts."""

from collections.abc import Iterable
from itertools import chain, count
from unicodedata import category, normalize

LONGEST = 100
"""Bytes of a name. File systems allow 255, and suffixes follow."""

NAMELESS = "unnamed"
"""The name of a text without a letter or a digit."""

_KEPT = "LNM"
"""The categories of Unicode that stay: letters, digits, and the marks on them, which many scripts need."""


def safe_names(texts: Iterable[str]) -> dict[str, str]:
    """A readable name for each text: one component of a path, without blanks, and not hidden.

    Texts whose names agree, also on a disk that does not tell capitals apart, get a number behind.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text in texts:
        name = _safe_name(text)
        numbered = chain([name], (f"{name}-{number}" for number in count(2)))
        names[text] = next(each for each in numbered if _on_disk(each) not in taken)
        taken.add(_on_disk(names[text]))
    return names


def _safe_name(text: str) -> str:
    composed = normalize("NFC", text)
    characters = (each if category(each)[0] in _KEPT or each in "-." else " " for each in composed)
    name = "_".join("".join(characters).split())
    return _trimmed(_trimmed(name).encode()[:LONGEST].decode(errors="ignore")) or NAMELESS


def _trimmed(name: str) -> str:
    """A name that neither hides a file nor ends in what some disks drop."""
    return name.strip("._-")


def _on_disk(name: str) -> str:
    return normalize("NFD", normalize("NFD", name).casefold())
