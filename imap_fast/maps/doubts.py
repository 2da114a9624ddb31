"""What to say of maps that are not sure."""

from __future__ import annotations

from imap_fast.maps.labelled import LabelledMaps
from imap_fast.text.words import BACKGROUND

DOUBTFUL = 0.5
"""The agreement below which a map is worth a warning. There, more than half of its variance is of its repeats alone."""

MOST_NAMED = 5
"""The largest number of concepts that a warning names. The tokens of a prompt are many."""

MANY_NOISES = 8
"""The number of noises that is advised at least."""


def doubts(maps: LabelledMaps, option: str) -> str | None:
    """One line that names the concepts whose map other repeats would not give again, the least sure first.

    Args:
        maps: of one video.
        option: how to ask for more noises, up to their number, such as `"noises="`.

    Returns:
        None if all concepts but the background are sure, or if nothing is known.
    """
    if maps.agreement is None:
        return None
    labelled = zip(maps.agreement.tolist(), maps.labels_of(maps.default), strict=True)
    unsure = sorted((value, label) for value, label in labelled if value < DOUBTFUL and label != BACKGROUND)
    if not unsure:
        return None
    (least, first), *others = unsure[:MOST_NAMED]
    named = [f"{first!r} (agreement {least:.2f})", *(f"{label!r} ({value:.2f})" for value, label in others)]
    if len(unsure) > MOST_NAMED:
        named.append(f"{len(unsure) - MOST_NAMED} more")
    listed = " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
    repeats = maps.settings.get("repeats") or {}
    if repeats.get("of") in ("steps", "runs"):
        return f"other {repeats['of']} would give another map of {listed}"
    more = max(MANY_NOISES, 2 * repeats.get("count", 0))
    return f"another noise would give another map of {listed}; average more with {option}{more}"
