"""The concepts that two runs share, and the map of each."""

from __future__ import annotations

from collections.abc import Sequence

from imap_fast.maps.labelled import LabelledMaps
from imap_fast.text.words import is_background

MOST_NAMED = 5
"""The largest number of concepts of a run that an error names. The tokens of a prompt are many."""

LeftOut = tuple[tuple[str, ...], tuple[str, ...]]
"""The labels that only the first of two runs has, and those that only the second one has."""


def shared_labels(
    one: LabelledMaps, other: LabelledMaps, concepts: Sequence[str] | None, map: str | None
) -> tuple[list[str], LeftOut]:
    """The labels to compare, and those that only one run has.

    Raises:
        KeyError: one of `concepts` is not in both runs.
        ValueError: they share no concept, one of them lacks `map`, or `concepts` is empty.
    """
    for each in (one, other):
        if map is not None and map not in each.maps:
            raise ValueError(f"one of the two runs holds no {map}, but {', '.join(each.maps)}; choose a map of both")
    first, second = (each.labels_of(map or each.default) for each in (one, other))
    shared = [label for label in first if label in second]
    if not shared:
        raise ValueError(
            f"no concept is in both runs, which have {_named(first)} and {_named(second)}; explain the video with the "
            "same concepts"
        )
    left_out = (
        tuple(label for label in first if label not in second),
        tuple(label for label in second if label not in first),
    )
    if concepts is None:
        return [label for label in shared if not is_background(label)] or shared, left_out
    chosen = [concepts] if isinstance(concepts, str) else list(dict.fromkeys(concepts))
    if not chosen:
        raise ValueError(f"no concept to compare; name some of {', '.join(shared)}, or omit concepts")
    for label in chosen:
        if label not in shared:
            raise KeyError(f"no concept {label!r} is in both runs; they share {_named(shared)}")
    return chosen, left_out


def shared_map(one: LabelledMaps, other: LabelledMaps, label: str, map: str | None) -> str:
    """The name of the map of a label that both runs share. Numbers of different maps do not compare.

    Args:
        one: the maps of a run.
        other: those of the other run.
        label: of both.
        map: what the user names. None: the map that shows the label, `map_of`.

    Raises:
        ValueError: none is named, and different maps show it.
    """
    if map is not None:
        return map
    first, second = one.map_of(label), other.map_of(label)
    if first != second:
        both = [name for name in one.maps if name in other.maps]
        remedy = f"choose a map of both: {', '.join(both)}" if both else "they share no map; make the same maps"
        raise ValueError(f"{label!r} is shown by {first} in one run and by {second} in the other; {remedy}")
    return first


def _named(labels: Sequence[str]) -> str:
    """Some labels for an error."""
    more = ["…"] if len(labels) > MOST_NAMED else []
    return ", ".join([*map(repr, labels[:MOST_NAMED]), *more])
