"""The concepts' own stream beside the prompt (METHOD.md, "Text keys")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from imap_fast.accumulate import TextRows
from imap_kernels import concept_attention

if TYPE_CHECKING:
    from imap_fast.models.tap import JointAttention
    from imap_fast.settings import Settings


class ConceptStream:
    """Concepts that pass through every block with the block's text-side weights.

    They attend to `[concept stream ; visual tokens]` and change nothing that the video sees. Padding rows that start
    equal stay equal, so each is carried once and counted.

    Args:
        rows: `[V, K, D]`, as they enter the first block. multiplicity: fp32 `[K]`.
    """

    def __init__(self, rows: Tensor, multiplicity: Tensor) -> None:
        self.rows, self.multiplicity = rows, multiplicity

    def advance(
        self, block: JointAttention, visual_key: Tensor, visual_value: Tensor, settings: Settings
    ) -> list[TextRows]:
        """Through one block, beside visual keys and values `[V, A, N, d]`; answers with each video's rows in it."""
        (query, key, value), modulation = block.enter(self.rows)
        output = [None] * len(key)
        shown = "concept_attention" in settings.maps and block.layer in settings.layers
        goes_on = block.layer < settings.layers[-1]
        if shown or (goes_on and block.stream_takes_output):
            output = [
                concept_attention(*rows, multiplicity=self.multiplicity, backend=settings.backend)
                for rows in zip(query, key, value, visual_key, visual_value, strict=True)
            ]
        if goes_on:
            self.rows = block.leave(self.rows, output, modulation)
        return [TextRows(k, o, self.multiplicity) for k, o in zip(key, output, strict=True)]
