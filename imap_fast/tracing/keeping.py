"""Where the maps of single layers and steps are kept, once it is known how many there are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from imap_fast.text.concepts import Concepts
from imap_fast.tracing.kept_memory import check_room, kept_bytes
from imap_fast.tracing.kept_stores import FileStore, MemoryStore, Store
from imap_fast.tracing.running_maps import RunningMaps
from imap_fast.tracing.settings import Settings


def keep_maps(
    running: RunningMaps,
    settings: Settings,
    concepts: Concepts,
    counts: Mapping[str, int],
    row_counts: tuple[int, int],
    *,
    scheduled: int | None,
    folder: Path | None,
) -> None:
    """Keep what `settings.keep` names, in the folder, or in memory.

    Args:
        running: the maps that it is kept of.
        settings: of the trace.
        concepts: of the trace.
        counts: the number of text rows or concepts of each map.
        row_counts: result of `Concepts.map_counts`.
        scheduled: the number of steps of the run. None: unknown.
        folder: as in `imap_fast.trace`.

    Raises:
        ValueError: there is no room.
    """
    known = scheduled if settings.steps is None else len(settings.steps)
    steps = known or 1  # a loop of the user does not say how many there will be
    needed = kept_bytes(settings, counts, running.videos * math.prod(running.grid), steps)
    is_of_each = known is None and "steps" in settings.keep
    check_room(settings.keep, needed, folder, of=" for each step" if is_of_each else "")

    def selected(rows: Tensor, count: int) -> Tensor:
        return concepts.select(rows.flatten(0, -3), count).unflatten(0, rows.shape[:-2])

    def store(names: Sequence[str]) -> Store:
        if folder is not None:
            return FileStore(folder, names, running.grid)
        return MemoryStore(names, steps if "steps" in settings.keep else 1)

    running.keep(settings.keep, [partial(selected, count=count) for count in row_counts], store)
