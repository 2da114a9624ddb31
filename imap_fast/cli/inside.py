"""The options for what is kept inside of maps: single layers, steps and heads."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from imap_fast.cli.options import READING
from imap_fast.maps.names import AXES
from imap_fast.video.times import seconds_of

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


Points = Annotated[
    list[str] | None,
    typer.Option(
        "--point",
        metavar="NAME=S,X,Y",
        rich_help_panel=READING,
        help="Follow a point: at S seconds or M:S, X pixels from the left and Y from the top. May be repeated.",
    ),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        "--box",
        metavar="NAME=S,L,T,R,B",
        rich_help_panel=READING,
        help="Follow a box: at S seconds, from pixel L, T to R, B. May be repeated.",
    ),
]
Masks = Annotated[
    list[str] | None,
    typer.Option(
        "--mask",
        metavar="NAME=S,PNG",
        rich_help_panel=READING,
        help="Follow what is not black in a PNG of the frame at S seconds. May be repeated.",
    ),
]

KINDS = {"--point": ("S,X,Y", 3), "--box": ("S,LEFT,TOP,RIGHT,BOTTOM", 5), "--mask": ("S,FILE.png", 2)}
"""What follows the name of a region, and how many parts it has."""


@dataclass(frozen=True, kw_only=True)
class InsideOptions:
    """What is kept beside the maps, and what is marked in the video."""

    keep: Keep = None
    heads: Heads = None
    point: Points = None
    box: Boxes = None
    mask: Masks = None

    @property
    def has_regions(self) -> bool:
        """Whether something is marked."""
        return bool(self.point or self.box or self.mask)

    def regions(self) -> dict[str, tuple]:
        """The regions by name, as an argument of `imap_fast.trace`.

        Raises:
            BadParameter: text that is no region, or two of the same name.
        """
        found: dict[str, tuple] = {}
        for option, texts in zip(KINDS, (self.point, self.box, self.mask), strict=True):
            for text in texts or ():
                name, parts = region(text, option)
                if name in found:
                    raise typer.BadParameter(
                        f"{name!r} is named twice; give each region its own name", param_hint=option
                    )
                found[name] = parts
        return found

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
        if self.has_regions:
            given["regions"] = self.regions()
        return given

    def check_stretches(self, stretches: list[tuple[float | None, float | None]]) -> None:
        """Raise BadParameter if a region is outside of a stretch of the video, before the model runs."""
        for name, (seconds, *_) in self.regions().items():
            for start, end in stretches:
                if seconds < (start or 0) or (end is not None and seconds >= end):
                    begin, until = f"{start or 0:g} s", "the end" if end is None else f"{end:g} s"
                    raise typer.BadParameter(
                        f"the region {name!r} is at {seconds:g} s, and {begin} to {until} is read; explain stretches "
                        "one by one, each with its own regions"
                    )

    def identity(self) -> dict[str, Any]:
        """What identifies the regions in the options of a run: masks by their content. Nothing if there are none.

        Raises:
            ValueError: as of `imap_fast.trace`.
        """
        if not self.has_regions:
            return {}
        from imap_fast.tracing.regions import check_regions

        return {"regions": {region.label: region.record() for region in check_regions(self.regions())}}


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


def region(text: str, option: str) -> tuple[str, tuple]:
    """`"ball=1.5,320,240"` → `("ball", (1.5, 320.0, 240.0))`.

    Args:
        text: the value of an option.
        option: one of `KINDS`.

    Raises:
        BadParameter: anything else.
    """
    form, count = KINDS[option]
    name, equals, rest = text.partition("=")
    parts = [part.strip() for part in (rest.split(",", 1) if option == "--mask" else rest.split(","))]
    numbers = [] if option == "--mask" else parts[1:]
    try:
        if not name.strip() or not equals or len(parts) != count or not all(parts):
            raise ValueError(text)
        values = [seconds_of(parts[0]), *(float(part) for part in numbers)]
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no region; write it like NAME={form}", param_hint=option) from error
    return name.strip(), (*values, *parts[len(values) :])
