"""QK norm and RoPE as their equations."""

import torch
import torch.nn.functional as F

from imap_kernels.precision import accumulation_dtype


def qk_norm_rope(
    query: torch.Tensor,
    key: torch.Tensor,
    query_norm: tuple[torch.Tensor, torch.Tensor],
    key_norm: tuple[torch.Tensor, torch.Tensor],
    eps: float,
    rotary: tuple[torch.Tensor, torch.Tensor] | None,
    text: int,
) -> None:
    """Normalize and rotate in place, head by head, so that only one head is copied at a time."""
    dtype = accumulation_dtype(query.dtype)
    for rows, norm in ((query, query_norm), (key, key_norm)):
        weight, bias = (vector.to(dtype) for vector in norm)
        for head in rows.unbind(1):
            normed = F.layer_norm(head.to(dtype), head.shape[-1:], weight, bias, eps)
            if rotary is not None:
                normed[:, text:] = rotated(normed[:, text:], *rotary)
            head.copy_(normed)


def rotated(rows: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Compute `z = y · cos + rotate(y) · sin`, where `rotate` maps each pair `(a, b)` to `(−b, a)`."""
    rotated_pairs = torch.stack([-rows[..., 1::2], rows[..., ::2]], dim=-1).flatten(-2)
    return rows * cosine + rotated_pairs * sine
