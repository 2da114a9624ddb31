"""The maps of single layers, steps and heads as the page of a report has them, in a bounded number of bytes.

All planes of a kind of a concept are on one scale, so that the steps of a film, and two layers, can be compared. Each
kind has its own: a layer in a step varies more than the mean over the steps, which would be pale on the same scale.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor

from imap_fast.render.spacing import evenly_spaced
from imap_fast.report.data import Inside, ReportData
from imap_fast.report.page_content import plane_id
from imap_fast.report.page_file import Block, bytes_block
from imap_fast.report.planes import pack

MOST_BYTES = 4_500_000
"""Room for the planes of layers and steps in a page, a byte for each patch of a latent frame. As base64 they take 6
MB or less, and a page with a short clip stays under 10 MB."""

MOST_HEAD_BYTES = 500_000
"""Room for those of single heads."""

MOST_STEPS = 12
"""The largest number of steps if not all have room."""

LAYERS, STEPS, PAIRS, HEADS = "layers", "steps", "pairs", "heads"
"""The kinds of planes. Pairs are of a layer in a step."""

NO_ROOM = "Single layers and steps have no room in this page; inside_figure shows them."

Concept = tuple[str, int]
"""The name of a map, and the place of a concept in it."""


class Plan(NamedTuple):
    """What of the layers and steps is in the page.

    Attributes:
        concepts: those that have single layers and steps.
        steps: positions of the steps.
        single: the latent frames of single layers, and of single steps.
        paired: those of a layer in a step.
    """

    concepts: Sequence[Concept]
    steps: Sequence[int]
    single: Sequence[int]
    paired: Sequence[int]


class PageInside:
    """What a page has of layers, steps and heads.

    Args:
        data: what the report shows; `data.inside` is not None.
    """

    def __init__(self, data: ReportData) -> None:
        assert data.inside is not None
        self.inside: Inside = data.inside
        self.maps = list(data.maps)
        self.grid = data.grid
        self.read = {LAYERS: len(data.layers), STEPS: len(data.steps)}
        self.concepts = [(name, place) for name, (labels, _) in data.maps.items() for place in range(len(labels))]
        self.first = [(name, place) for _, name, place in data.shown_first]

    @cached_property
    def plan(self) -> Plan | None:
        """The largest part that has room. No layer is left out. None: nothing is kept, or nothing has room."""
        frames, height, width = self.grid
        layers, steps = len(self.inside.layers), len(self.inside.steps)
        if not layers + steps:
            return None
        for concepts, some, single, paired in self._tries(frames, steps):
            planes = (layers + some) * single + layers * some * paired
            if len(concepts) * planes * height * width <= MOST_BYTES:
                return Plan(concepts, _spread(steps, some), _spread(frames, single), _spread(frames, paired))
        return None

    def _tries(self, frames: int, steps: int) -> Iterator[tuple[Sequence[Concept], int, int, int]]:
        """Concepts, and counts of steps, latent frames, and latent frames of pairs. What matters least goes first."""
        first, some = self.first, min(steps, MOST_STEPS)
        yield self.concepts, steps, frames, frames
        yield first, steps, frames, frames
        yield from ((first, some, frames, paired) for paired in range(frames, 0, -1))
        yield from ((first, some, single, 1) for single in range(frames - 1, 0, -1))
        yield from ((first, fewer, 1, 1) for fewer in range(some - 1, 1, -1))
        yield from ((first[:count], min(some, 2), 1, 1) for count in range(len(first) - 1, 0, -1))

    @cached_property
    def heads(self) -> list[tuple[int, int]]:
        """The first of the single heads, as many as have room."""
        sizes = accumulate(values.numel() for values in self.inside.heads.values())
        return [head for head, size in zip(self.inside.heads, sizes, strict=True) if size <= MOST_HEAD_BYTES]

    @property
    def kinds(self) -> list[str]:
        """The kinds of planes of layers and steps."""
        layers, steps = self.inside.layers, self.inside.steps
        return [kind for kind, has in ((LAYERS, layers), (STEPS, steps), (PAIRS, layers and steps)) if has]

    def content(self) -> dict[str, Any]:
        """What the script of the page is told."""
        plan = self.plan or Plan((), (), (), ())
        return {
            "layers": self.inside.layers if self.plan else [],
            "steps": [self.inside.steps[step] for step in plan.steps],
            "read": self.read,
            "frames": {LAYERS: plan.single, STEPS: plan.single, PAIRS: plan.paired, HEADS: list(range(self.grid[0]))},
            "heads": self.heads,
            "of": {plane_id(self.maps.index(name), place): self._ids(name, place) for name, place in self.concepts},
            "left_out": self.left_out,
        }

    def _ids(self, name: str, place: int) -> dict[str, str]:
        """The ids of the elements with the planes of a concept, by their kind."""
        kinds = self.kinds if self.plan and (name, place) in self.plan.concepts else ()
        ids = {kind: inside_id(kind, self.maps.index(name), place) for kind in kinds}
        return ids | ({HEADS: inside_id(HEADS, 0, place)} if self.heads and name in self.inside.of_heads else {})

    @property
    def left_out(self) -> str:
        """In a sentence, what of all that was kept is in the page. Empty: all of it."""
        if self.plan is None and self.kinds:
            return NO_ROOM
        plan = self.plan or Plan(self.concepts, (), (), ())
        frames = self.grid[0] if self.plan else 0
        counts = [
            (len(plan.concepts), len(self.concepts), "maps of concepts"),
            (len(plan.steps), len(self.inside.steps), "steps"),
            (len(plan.single), frames, "latent frames"),
            (len(plan.paired), frames if PAIRS in self.kinds else 0, "latent frames of a layer in a step"),
            (len(self.heads), len(self.inside.heads), "single heads"),
        ]
        parts = [f"{some} of {total} {what}" for some, total, what in counts if some < total]
        return f"To stay small, this page has {', '.join(parts)}." if parts else ""

    def blocks(self) -> Iterator[Block]:
        """The planes of each kind and concept, uint8 `[planes, F, H, W]`."""
        for name, place in self.plan.concepts if self.plan else ():
            for kind in self.kinds:
                planes = self._planes(kind, self.inside.kept[name], place)
                yield bytes_block(inside_id(kind, self.maps.index(name), place), pack_together(planes))
        for place in range(len(self.inside.heads[self.heads[0]])) if self.heads else ():
            planes = torch.stack([self.inside.heads[head][place] for head in self.heads])
            yield bytes_block(inside_id(HEADS, 0, place), pack_together(planes))

    def _planes(self, kind: str, kept: Tensor, place: int) -> Tensor:
        """The planes of a kind, fp32 `[planes, F, H, W]`. What is kept may be on disk, and is read in parts."""
        assert self.plan is not None
        _, steps, single, paired = self.plan
        if kind == LAYERS:
            return torch.stack([layer[:, place][:, single].mean(0) for layer in kept])
        if kind == STEPS:
            return torch.stack([kept[:, step, place][:, single].mean(0) for step in steps])
        return torch.stack([layer[step, place][paired] for layer in kept for step in steps])


def pack_together(planes: Tensor) -> bytes:
    """The same as `pack`, with one scale for all planes, of as many patches as there are."""
    return pack(planes.reshape(1, 1, -1))


def inside_id(kind: str, map: int, place: int) -> str:
    """The id of the element that holds the planes of a kind of a concept."""
    return f"inside-{kind}-{map}-{place}"


def _spread(total: int, count: int) -> list[int]:
    """Evenly spaced numbers below `total`: with the first and the last one, or the middle one alone."""
    return [total // 2] if count == 1 else evenly_spaced(total, count)
