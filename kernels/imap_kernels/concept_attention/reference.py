"""Concept attention as its equation."""

import torch
import torch.nn.functional as F

from imap_kernels.heads import empty_rows, few_heads
from imap_kernels.precision import accumulation_dtype


def concept_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visual_key: torch.Tensor,
    visual_value: torch.Tensor,
    multiplicity: torch.Tensor,
) -> torch.Tensor:
    """Compute softmax attention over `[concept rows ; visual rows]`, a few heads at a time."""
    concepts, dtype = query.shape[1], accumulation_dtype(query.dtype)
    log_count = multiplicity.to(dtype).log()
    bias = torch.cat([log_count, log_count.new_zeros(visual_key.shape[1])]).expand(concepts, -1)
    queries, *parts = (few_heads(rows, like=visual_key) for rows in (query, key, value, visual_key, visual_value))
    # All parts share one buffer. With a buffer for each part, the allocator would keep several of them.
    shape = 2, len(queries[0]), bias.shape[1], query.shape[2]
    memory = torch.empty(shape, dtype=dtype, device=query.device)
    output = []
    for q, k, v, visual_k, visual_v in zip(queries, *parts, strict=True):
        keys = torch.cat([k, visual_k], dim=1, out=memory[0, : len(q)])
        values = torch.cat([v, visual_v], dim=1, out=memory[1, : len(q)])
        # A batch of one, because PyTorch has no fused attention without a batch.
        attended = F.scaled_dot_product_attention(q.to(dtype)[None], keys[None], values[None], bias)
        output.append(attended[0])
    return empty_rows(query).copy_(torch.cat(output))
