"""How much room the maps of single layers and steps take. It is said before it is taken."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from imap_fast.tracing.settings import Settings

logger = logging.getLogger(__name__)

BYTES = 4
"""Of a value: maps are fp32."""

UNITS = (1e9, "GB"), (1e6, "MB"), (1e3, "kB")


def kept_bytes(settings: Settings, counts: Mapping[str, int], positions: int, steps: int) -> int:
    """The bytes that `keep` takes.

    Args:
        settings: of the trace.
        counts: the number of concepts in each map, by name.
        positions: of a map, in all videos.
        steps: that are read.
    """
    planes = (len(settings.layers) if "layers" in settings.keep else 1) * (steps if "steps" in settings.keep else 1)
    return BYTES * planes * positions * sum(counts[name] for name in settings.maps)


def check_room(keep: Sequence[str], needed: int, folder: Path | None = None, *, of: str = "") -> None:
    """Log what `keep` takes of memory, or of the disk of a folder.

    Args:
        keep: what is kept.
        needed: the bytes that it takes.
        folder: None: it is kept in memory.
        of: of what it takes them, if not of the whole run.

    Raises:
        ValueError: it is more than there is.
    """
    where = "memory" if folder is None else f"the disk of {folder}"
    kept = f"keep={','.join(keep)} takes {size(needed)} of {where}{of}"
    refuse_more_than_free(kept, needed, folder)
    logger.info("%s", kept)


def refuse_more_than_free(what: str, needed: int, folder: Path | None = None) -> None:
    """Raise a ValueError if there is less memory, or less room on the disk of a folder, than what is needed."""
    available = psutil.virtual_memory().available if folder is None else psutil.disk_usage(str(folder)).free
    if needed > available:
        raise ValueError(
            f"{what}, and {size(available)} are free; keep one axis, or read fewer layers, steps, maps or concepts"
        )


def size(count: int) -> str:
    """A number of bytes as people write it."""
    unit, name = next((unit, name) for unit, name in UNITS if count >= unit or (unit, name) == UNITS[-1])
    return f"{count / unit:.1f} {name}"
