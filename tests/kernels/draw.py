"""Random inputs as the models hand them over."""

import torch
from hypothesis import settings

from tests.device import DEVICE

# Property-based tests: compiling, or interpreting, makes an example slow.
ANY_SHAPE = settings(max_examples=15)


def draw_rows(
    heads: int, rows: int, dim: int, *, seed: int, dtype: torch.dtype = torch.float32, text: int = 3
) -> torch.Tensor:
    """Normal numbers, a view `[heads, rows, dim]` of `[2, text + rows, heads, dim]`: the second video, no text rows."""
    generator = torch.Generator().manual_seed(seed)
    batch = torch.randn(2, text + rows, heads, dim, generator=generator).to(DEVICE, dtype)
    return batch.transpose(1, 2)[1, :, text:]


def draw_multiplicity(keys: int, *, padding: int) -> torch.Tensor:
    """Ones, and `padding` for the last of several keys."""
    multiplicity = torch.ones(keys, dtype=torch.float32, device=DEVICE)
    multiplicity[1:][-1:] = padding
    return multiplicity
