"""The concept stream: concepts that pass through the model beside the prompt (docs/method.md, "Text keys")."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class ConceptStream:
    """The rows of the concepts before the next block.

    The concepts pass through every block with its text-side weights. They attend to `[concept stream ; visual tokens]`
    and never change the video. Padding rows that are equal at the start stay equal, so they are carried as one row.

    Attributes:
        rows: `[V, K, D]`.
        multiplicity: fp32 `[K]`, how many equal rows each row represents.
    """

    rows: Tensor
    multiplicity: Tensor
