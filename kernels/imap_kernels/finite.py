"""The note, on the device, that a value is not finite. It costs no synchronization."""

import torch

from imap_kernels.precision import accumulation_dtype


def note_not_finite(not_finite: torch.Tensor | None, values: torch.Tensor) -> None:
    """Set `not_finite`, an int32 scalar, to 1 unless all values are finite. None: nothing is noted."""
    if not_finite is None:
        return
    # The sum of values is finite only if each of them is, and needs no mask of their size.
    not_finite.masked_fill_(~values.sum(dtype=accumulation_dtype(values.dtype)).isfinite(), 1)
