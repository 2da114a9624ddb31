"""The concept stream: concepts that pass through the model beside the prompt (docs/method.md, "Text keys")."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
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


def padded(concepts: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Concepts `[…, C, D]`, then one row of zeros for all padding up to `length` rows. And each row's multiplicity."""
    named = concepts.shape[-2]
    padding = length - named
    rows = F.pad(concepts, (0, 0, 0, min(padding, 1)))
    is_named = torch.arange(rows.shape[-2], device=rows.device) < named
    return rows, torch.where(is_named, 1, padding).float()
