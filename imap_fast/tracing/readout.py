"""What running maps say at one moment. Those of the sections of a video are joined to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from imap_fast.maps.names import REGION_MAPS, TEXT_ATTENTION
from imap_fast.text.concepts import Concepts
from imap_fast.tracing.most_chosen import most_chosen
from imap_fast.tracing.running_maps import RunningMaps
from imap_fast.tracing.settings import Settings


class Variation(NamedTuple):
    """How a map of R repeats differs; see `RunningMaps.variation`.

    Attributes:
        squares: the sum of the squared distances from the mean, `[V, C, F, H, W]`.
        levels: the mean over positions of each repeat, `[V, C, R]`.
    """

    squares: Tensor
    levels: Tensor


@dataclass(frozen=True, kw_only=True)
class Readout:
    """The values of running maps, of C concepts in V videos, on the CPU.

    Attributes:
        maps: the mean over layers and steps of each map by name, `[V, C, F, H, W]`.
        head_scores: the mean over steps of the separation score of each head, `[V, L, A]`.
        selected_heads: the heads chosen in most steps, `[V, L, k]`.
        votes: how often each head was chosen, `[V, L, A]`.
        kept: as `RunningMaps.kept_means`.
        single_heads: the contrast of each single head, `[V, P, C, F, H, W]`. None: there are none.
        text_attention: how much concepts attend to each other, `[V, C, C]`. None: it was not read.
        repeats: R.
        variations: by name, of two repeats or more.
    """

    maps: Mapping[str, Tensor]
    head_scores: Tensor
    selected_heads: Tensor
    votes: Tensor
    kept: Mapping[str, Tensor]
    single_heads: Tensor | None
    text_attention: Tensor | None
    repeats: int
    variations: Mapping[str, Variation]

    @classmethod
    def of(cls, running: RunningMaps, concepts: Concepts, counts: Mapping[str, int], settings: Settings) -> Readout:
        """Read running maps. It waits for the device.

        Args:
            running: what was read.
            concepts: of the trace, which select the maps of words from those of text rows.
            counts: the number of text rows or concepts of each map.
            settings: of the trace.
        """

        def selected(name: str, rows: Tensor) -> Tensor:
            return (rows if name in REGION_MAPS else concepts.select(rows, counts[name])).cpu()

        variations = {}
        for name, (squares, levels) in (running.variation() if running.repeats > 1 else {}).items():
            # With the tokens of words known, the squares are those of the concepts.
            of_concepts = squares.cpu() if concepts.tokens is not None else selected(name, squares)
            variations[name] = Variation(of_concepts, selected(name, levels))
        single_heads = text_attention = None
        if settings.heads:
            by_row = running.single_head_means().movedim(2, 1)
            single_heads = selected(running.contrasted[0], by_row).movedim(1, 2)
        if settings.text_attention:
            count = counts[TEXT_ATTENTION]
            text_attention = concepts.attention(running.text_attention_means(), count).cpu()
        return cls(
            maps={name: selected(name, rows) for name, rows in running.means().items()},
            head_scores=running.head_scores().cpu(),
            selected_heads=running.selected_heads().cpu(),
            votes=running.chosen_sum.cpu(),
            kept=running.kept_means(),
            single_heads=single_heads,
            text_attention=text_attention,
            repeats=running.repeats,
            variations=variations,
        )


def joined(sections: Sequence[Readout], head_score: str) -> Readout:
    """The readouts of one section or more, which follow one another in the video, as one.

    Scores and attention are means over sections. Sections with different numbers of repeats have no variations: the
    last one is not yet at its end.

    Args:
        sections: in the order of the video. If there are several, they have no kept maps.
        head_score: as in `imap_fast.trace`.
    """
    first, *others = sections
    if not others:
        return first

    def in_time(values: Sequence[Tensor]) -> Tensor:
        return torch.cat(tuple(values), dim=-3)

    def mean(values: Sequence[Tensor]) -> Tensor:
        return torch.stack(tuple(values)).mean(0)

    frames = [next(iter(section.maps.values())).shape[-3] for section in sections]
    shares = [count / sum(frames) for count in frames]
    repeats = {section.repeats for section in sections}
    variations = {}
    if len(repeats) == 1:
        for name in first.variations:
            of_sections = [section.variations[name] for section in sections]
            levels = torch.stack([share * of.levels for share, of in zip(shares, of_sections, strict=True)]).sum(0)
            variations[name] = Variation(in_time([of.squares for of in of_sections]), levels)
    scores, votes = mean([s.head_scores for s in sections]), torch.stack([s.votes for s in sections]).sum(0)
    single_heads = [s.single_heads for s in sections if s.single_heads is not None]
    text_attention = [s.text_attention for s in sections if s.text_attention is not None]
    return Readout(
        maps={name: in_time([section.maps[name] for section in sections]) for name in first.maps},
        head_scores=scores,
        selected_heads=most_chosen(votes, scores, head_score=head_score, top_k=first.selected_heads.shape[-1]),
        votes=votes,
        kept={},
        single_heads=in_time(single_heads) if single_heads else None,
        text_attention=mean(text_attention) if text_attention else None,
        repeats=first.repeats if variations else 1,
        variations=variations,
    )
