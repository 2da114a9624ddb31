"""The rows that represent text in one layer of one video."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class AttendingRows:
    """What the attention of text rows to each other is computed from, in one layer of one video.

    Attributes:
        query: `[A, K, d]`, of the text rows.
        key: `[A, K, d]`, of the text rows.
        visual_key: `[A, N, d]`, of the visual tokens.
        multiplicity: fp32 `[K]`, how often the key of each row counts. 0: a mask leaves it out.
    """

    query: Tensor
    key: Tensor
    visual_key: Tensor
    multiplicity: Tensor


@dataclass(frozen=True)
class TextRows:
    """The tokens of the prompt, or the concepts of a concept stream, in one layer of one video.

    Attributes:
        key: `[A, K, d]`, the text keys κ, after QK norm.
        output: `[A, K, d]`, the attention output of the rows, before the output projection. None if it is not needed,
            or if the rows do not attend.
        multiplicity: fp32 `[K]`, how many equal rows of the model each row represents. Padding is one row.
        attending: of the same rows. None if it is not needed, or if they do not attend.
    """

    key: Tensor
    output: Tensor | None
    multiplicity: Tensor
    attending: AttendingRows | None = None

    @property
    def required_output(self) -> Tensor:
        """`output`, which must be there.

        Raises:
            ValueError: it was not computed.
        """
        if self.output is None:
            raise ValueError("the attention output of the text rows was not computed")
        return self.output
