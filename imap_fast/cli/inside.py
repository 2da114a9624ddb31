"""The options for what is kept inside of maps: single layers, steps and heads."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from imap_fast.cli.options import READING
from imap_fast.maps.names import AXES

Keep = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        rich_help_panel=READING,
        help="Also keep the maps of single layers, steps, or layers,steps: those of each layer in each step.",
    ),
]
Heads = Annotated[
    str | None,
    typer.Option(
        metavar="LIST", rich_help_panel=READING, help="Also make maps of single heads, each layer:head: 12:3,12:7."
    ),
]


@dataclass(frozen=True, kw_only=True)
class InsideOptions:
    """What is kept beside the maps."""

    keep: Keep = None
    heads: Heads = None

    def trace_arguments(self) -> dict[str, Any]:
        """The arguments of `imap_fast.trace`. Those that are not given are left out, as in runs of older versions.

        Raises:
            BadParameter: a list that cannot be parsed.
        """
        given: dict[str, Any] = {}
        if self.keep is not None:
            given["keep"] = axes(self.keep)
        if self.heads is not None:
            given["heads"] = heads(self.heads)
        return given


def axes(text: str) -> list[str]:
    """`"layers,steps"` → `["layers", "steps"]`.

    Raises:
        BadParameter: an unknown axis.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in AXES:
            raise typer.BadParameter(f"{name!r} is unknown; choose from {', '.join(AXES)}", param_hint="--keep")
    return [axis for axis in AXES if axis in names]


def heads(text: str) -> list[tuple[int, int]]:
    """`"12:3,12:7"` → `[(12, 3), (12, 7)]`.

    Raises:
        BadParameter: anything else.
    """
    pairs = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,4}):(\d{1,4})\s*", part, re.ASCII)
        if not found:
            raise typer.BadParameter(
                f"{part.strip()!r} is no layer and head; write them like 12:3,12:7", param_hint="--heads"
            )
        pairs.append((int(found[1]), int(found[2])))
    return pairs
