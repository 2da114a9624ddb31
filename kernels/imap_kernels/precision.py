"""The precision that the references compute in."""

import torch


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """fp32 for tensors of fp32, fp16 and bf16; fp64 for those of fp64, so that one can ask what rounding does."""
    return torch.promote_types(dtype, torch.float32)
