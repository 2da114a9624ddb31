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

    @property
    def required_output(self) -> Tensor:
        """`output`, which must be there.

        Raises:
            ValueError: it was not computed.
        """
        if self.output is None:
            raise ValueError("the attention output of the text rows was not computed")
        return self.output
