"""Which map shows a label if none is named: things by `gramcol`, motions by `imap`, as the paper means them."""

from collections.abc import Iterable

THING_MAP, MOTION_MAP = "gramcol", "imap"
"""The map of a thing, and that of a motion."""

BY_CONCEPT = "by concept"
"""The name of this choice."""


def missing_maps(maps: Iterable[str]) -> list[str]:
    """The maps that motions need and that are not among `maps`."""
    given = {*maps}
    return [name for name in (MOTION_MAP, THING_MAP) if name not in given]
