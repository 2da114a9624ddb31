"""Rows scaled to unit length, in the references. A row of zeros stays zero."""

import torch


def inverse_length(rows: torch.Tensor) -> torch.Tensor:
    """Compute `1 / ‖x‖` of each row of `rows [..., head dim]`: 0 of zeros, NaN if the square of `‖x‖` overflows."""
    square = rows.square().sum(-1)
    return square.rsqrt().masked_fill_(square == 0, 0.0) + square * 0.0


def products(rows: torch.Tensor, features: torch.Tensor, unit_length: torch.Tensor | None) -> torch.Tensor:
    """Compute `rows · features` of one head, `[keys, tokens]`, with unit features for the keys of `unit_length`.

    Args:
        rows: `[keys, head dim]`.
        features: `[tokens, head dim]`.
        unit_length: int32 or bool `[keys]`. None: no key.
    """
    plain = rows @ features.T
    if unit_length is None:
        return plain
    return torch.where(unit_length.bool()[:, None], plain * inverse_length(features), plain)
