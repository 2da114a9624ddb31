"""The rows that represent text in one layer of one video."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class TextRows:
    """The tokens of the prompt, or the concepts of a concept stream, in one layer of one video.

    Attributes:
        key: `[A, K, d]`, the text keys κ, after QK norm.
        output: `[A, K, d]`, the attention output of the rows, before the output projection. None if it is not needed,
            or if the rows do not attend.
        multiplicity: fp32 `[K]`, how many equal rows of the model each row represents. Padding is one row.
    """

    key: Tensor
    output: Tensor | None
    multiplicity: Tensor
