"""The `SaliencyMaps` of a trace, from its running maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from imap_fast.maps.names import AGREEMENT, REGION_MAPS, SINGLE_HEADS, SPREAD, TEXT_ATTENTION
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.text.concepts import Concepts
from imap_fast.tracing.repeat_variation import agreement_of_repeats
from imap_fast.tracing.running_maps import RunningMaps
from imap_fast.tracing.settings import Settings


def saliency_maps(
    running: RunningMaps,
    concepts: Concepts,
    counts: Mapping[str, int],
    settings: Settings,
    steps: Sequence[int],
    record: dict[str, Any],
) -> SaliencyMaps:
    """The means of running maps on the CPU, with everything that a result tells beside them.

    Args:
        running: what was read.
        concepts: of the trace, which select the maps of words from those of text rows.
        counts: the number of text rows or concepts of each map.
        settings: of the trace.
        steps: that were read, as indices into the schedule.
        record: the settings of the maps, as JSON values.

    Raises:
        ValueError: a value is not finite.
    """
    means = {name: _selected(name, values, concepts, counts) for name, values in running.means().items()}
    repeats = _repeats(running, concepts, counts, means) if running.repeats > 1 else {}
    tensors = means | repeats
    tensors |= {"head_scores": running.head_scores(), "selected_heads": running.selected_heads()}
    if settings.heads:
        by_row = running.single_head_means().movedim(2, 1)
        tensors[SINGLE_HEADS] = concepts.select(by_row, counts[running.contrasted[0]]).movedim(1, 2)
    if settings.text_attention:
        tensors[TEXT_ATTENTION] = concepts.attention(running.text_attention_means(), counts[TEXT_ATTENTION])
    tensors = {name: (t[0] if running.videos == 1 else t).cpu() for name, t in tensors.items()}
    kept = {name: values[0] if running.videos == 1 else values for name, values in running.kept_means().items()}
    for name, values in tensors.items():
        if not values.isfinite().all():
            raise ValueError(
                f"{name} holds NaN or an infinity: every value that was read is finite, but too large for sums in "
                "fp32; run the model in torch.float64"
            )

    def after(prefix: str) -> dict[str, Tensor] | None:
        return {name: tensors[prefix + name] for name in means} if repeats else None

    return SaliencyMaps(
        head_scores=tensors["head_scores"],
        selected_heads=tensors["selected_heads"],
        maps={name: tensors[name] for name in means},
        agreements=after(AGREEMENT),
        spreads=after(SPREAD),
        kept=kept or None,
        single_heads=tensors.get(SINGLE_HEADS),
        text_to_text=tensors.get(TEXT_ATTENTION),
        labels=concepts.labels or (),
        baseline_labels=concepts.baseline_labels,
        layers=settings.layers,
        steps=tuple(steps),
        settings=record,
    )


def _selected(name: str, rows: Tensor, concepts: Concepts, counts: Mapping[str, int]) -> Tensor:
    """The maps of concepts from those of text rows, `[V, K, …]`. Maps of regions are as they are."""
    return rows if name in REGION_MAPS else concepts.select(rows, counts[name])


def _repeats(
    running: RunningMaps, concepts: Concepts, counts: Mapping[str, int], means: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Agreement and spread of each map over two repeats or more."""
    found, repeats = {}, running.repeats
    for name, (squares, levels) in running.variation().items():
        if concepts.tokens is None:  # otherwise they are of the concepts
            squares = _selected(name, squares, concepts, counts)
        levels = _selected(name, levels, concepts, counts)
        found[AGREEMENT + name] = agreement_of_repeats(means[name].cpu(), squares.cpu(), levels.cpu())
        found[SPREAD + name] = (squares / (repeats - 1)).sqrt()
    return found
