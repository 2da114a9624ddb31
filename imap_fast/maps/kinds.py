"""Which map shows a label if none is named: things by `gramcol`, motions by `imap`, as the paper means them."""

from collections.abc import Iterable, Sequence

THING_MAP, MOTION_MAP = "gramcol", "imap"
"""The map of a thing, and that of a motion."""

BY_CONCEPT = "by_concept"
"""The name of this choice among the methods that are measured or judged."""


def missing_maps(maps: Iterable[str]) -> list[str]:
    """The maps that motions need and that are not among `maps`."""
    given = {*maps}
    return [name for name in (MOTION_MAP, THING_MAP) if name not in given]


def refuse_missing_maps(motions: Sequence[str] | None, maps: Iterable[str]) -> None:
    """Raise ValueError if there are motions, and one of the maps that they need is not made."""
    if motions and (missing := missing_maps(maps)):
        raise ValueError(
            f"motions are shown by {MOTION_MAP} and concepts by {THING_MAP}, and maps lacks {' and '.join(missing)}; "
            "add it, or name motions among concepts"
        )
