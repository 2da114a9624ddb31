"""Text attention as its equation."""

import torch

from imap_kernels.finite import note_not_finite
from imap_kernels.heads import each_head
from imap_kernels.precision import accumulation_dtype


def text_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    visual_key: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    not_finite: torch.Tensor | None,
) -> None:
    """Add `mean_h softmax(query · [key ; visual_key]ᵀ / √d + [log multiplicity ; 0])` of text keys, head by head."""
    heads, concepts = len(query), len(out)
    dtype, scale = accumulation_dtype(query.dtype), query.shape[2] ** -0.5
    bias = multiplicity.to(dtype).log()
    total = out.new_zeros(out.shape, dtype=dtype)
    for q, k, visual_k in zip(query.to(dtype), key.to(dtype), each_head(visual_key), strict=True):
        rows = q[:concepts] * scale
        scores = rows @ k.T + bias
        # The visual keys count in the sum alone.
        weight = torch.logaddexp(scores.logsumexp(1), (rows @ visual_k.T).logsumexp(1))
        total += (scores - weight[:, None]).exp()[:, :concepts]
    note_not_finite(not_finite, total)
    out += total / heads
