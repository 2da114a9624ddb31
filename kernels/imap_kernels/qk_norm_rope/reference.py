"""QK norm and RoPE as their equations."""

import torch
import torch.nn.functional as F


def qk_norm_rope(
    query: torch.Tensor,
    key: torch.Tensor,
    query_norm: tuple[torch.Tensor, torch.Tensor],
    key_norm: tuple[torch.Tensor, torch.Tensor],
    eps: float,
    rotary: tuple[torch.Tensor, torch.Tensor] | None,
    text: int,
) -> None:
    """Head by head, so that one head's fp32 is all that is held beside the rows."""
    for rows, (weight, bias) in ((query, query_norm), (key, key_norm)):
        for head in rows.unbind(1):
            normed = F.layer_norm(head.float(), head.shape[-1:], weight.float(), bias.float(), eps)
            if rotary is not None:
                normed[:, text:] = rotated(normed[:, text:], *rotary)
            head.copy_(normed)


def rotated(rows: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """`z = y · cos + turn(y) · sin`, where `turn` takes each pair `(a, b)` to `(−b, a)`."""
    turned = torch.stack([-rows[..., 1::2], rows[..., ::2]], dim=-1).flatten(-2)
    return rows * cosine + turned * sine
