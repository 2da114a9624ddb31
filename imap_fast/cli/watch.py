"""The maps of a video in the terminal, while it is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    import numpy as np

    from imap_fast.maps.saliency_maps import SaliencyMaps

MOST_PATCHES = 24
"""The largest width of a latent frame, in characters."""

MOST_CONCEPTS = 6
"""The largest number of concepts that are shown."""

UPPER_HALF = "▀"


class OnStep(Protocol):
    """Called with a step and the maps so far; see `imap_fast.trace`."""

    def __call__(self, step: int, maps: SaliencyMaps) -> None: ...


def check_terminal(console: Console) -> None:
    """Raise BadParameter if nothing can be drawn on a console."""
    if not console.is_terminal:
        raise typer.BadParameter("maps are drawn in a terminal, and stderr is none; omit it", param_hint="--watch")


@contextmanager
def watched(console: Console, total: int | None) -> Iterator[OnStep]:
    """Show maps until the block ends, and yield a function that draws those of a step.

    Args:
        console: on stderr, a terminal.
        total: the number of steps. None: unknown.
    """
    from imap_fast.render.live import heat_strips

    with Live(Text("generating"), console=console, auto_refresh=False, transient=True) as live:

        def draw(step: int, maps: SaliencyMaps) -> None:
            first = maps.video(0)
            labels, values = first.views(first.shown_labels[:MOST_CONCEPTS], None)
            patches = min(MOST_PATCHES, first.grid[2])
            frames = max(1, (console.width + 1) // (patches + 1))
            lines = [Text(f"generating: step {step}" + (f" of 0–{total - 1}" if total else ""))]
            for label, strip in zip(labels, heat_strips(values, frames, patches), strict=True):
                lines += [Text(label, overflow="ellipsis", no_wrap=True), half_blocks(strip)]
            if (more := len(first.shown_labels) - MOST_CONCEPTS) > 0:
                lines.append(Text(f"and {more} more", style="dim"))
            live.update(Group(*lines), refresh=True)

        yield draw


def half_blocks(picture: np.ndarray) -> Text:
    """A picture, uint8 `[h, w, 3]`, as text: two rows of pixels in each line."""
    text = Text(no_wrap=True, end="")
    for upper in range(0, len(picture), 2):
        for column in range(picture.shape[1]):
            pixels = picture[upper : upper + 2, column].tolist()
            colours = [f"rgb({red},{green},{blue})" for red, green, blue in pixels]
            text.append(UPPER_HALF, Style(color=colours[0], bgcolor=colours[1] if len(colours) > 1 else None))
        text.append("\n")
    return text
