"""The precision of the references."""

import torch


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return fp32 for fp32, fp16 and bf16, and fp64 for fp64. With fp64, rounding errors can be measured."""
    return torch.promote_types(dtype, torch.float32)
