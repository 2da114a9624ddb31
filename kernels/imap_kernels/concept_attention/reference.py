"""The concept stream's attention as its equation."""

import torch
import torch.nn.functional as F

from imap_kernels.heads import few_heads


def concept_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visual_key: torch.Tensor,
    visual_value: torch.Tensor,
    multiplicity: torch.Tensor,
) -> torch.Tensor:
    """Softmax attention of a few rows over `[concept rows ; visual rows]`, a few heads at a time, in fp32."""
    bias = torch.cat([multiplicity.log(), multiplicity.new_zeros(visual_key.shape[1])]).expand(query.shape[1], -1)
    heads = (few_heads(rows, like=visual_key) for rows in (query, key, value, visual_key, visual_value))
    output = [
        F.scaled_dot_product_attention(
            q.float(), torch.cat([k, visual_k], dim=1).float(), torch.cat([v, visual_v], dim=1).float(), bias
        )
        for q, k, v, visual_k, visual_v in zip(*heads, strict=True)
    ]
    return torch.cat(output).to(query.dtype)
