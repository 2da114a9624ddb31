"""The `SaliencyMaps` of a trace, from the values of its running maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from imap_fast.maps.names import AGREEMENT, SINGLE_HEADS, SPREAD, TEXT_ATTENTION
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.text.concepts import Concepts
from imap_fast.tracing.readout import Readout
from imap_fast.tracing.repeat_variation import agreement_of_repeats
from imap_fast.tracing.settings import Settings


def saliency_maps(
    readout: Readout, concepts: Concepts, settings: Settings, steps: Sequence[int], record: dict[str, Any]
) -> SaliencyMaps:
    """The maps of a trace, with everything that a result tells beside them.

    Args:
        readout: of its running maps.
        concepts: of the trace, which have the labels.
        settings: of the trace.
        steps: that were read, as indices into the schedule.
        record: the settings of the maps, as JSON values.

    Raises:
        ValueError: a value is not finite.
    """
    tensors = {**readout.maps, **_repeats(readout)}
    tensors |= {"head_scores": readout.head_scores, "selected_heads": readout.selected_heads}
    if readout.single_heads is not None:
        tensors[SINGLE_HEADS] = readout.single_heads
    if readout.text_attention is not None:
        tensors[TEXT_ATTENTION] = readout.text_attention
    is_one = len(readout.head_scores) == 1
    tensors = {name: values[0] if is_one else values for name, values in tensors.items()}
    kept = {name: values[0] if is_one else values for name, values in readout.kept.items()}
    for name, values in tensors.items():
        if not values.isfinite().all():
            raise ValueError(
                f"{name} holds NaN or an infinity: every value that was read is finite, but too large for sums in "
                "fp32; run the model in torch.float64"
            )

    def after(prefix: str) -> dict[str, Tensor] | None:
        return {name: tensors[prefix + name] for name in readout.variations} or None

    return SaliencyMaps(
        head_scores=tensors["head_scores"],
        selected_heads=tensors["selected_heads"],
        maps={name: tensors[name] for name in readout.maps},
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


def _repeats(readout: Readout) -> dict[str, Tensor]:
    """Agreement and spread of each map over two repeats or more."""
    found = {}
    for name, (squares, levels) in readout.variations.items():
        found[AGREEMENT + name] = agreement_of_repeats(readout.maps[name], squares, levels)
        found[SPREAD + name] = (squares / (readout.repeats - 1)).sqrt()
    return found
