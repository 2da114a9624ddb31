"""The softmax over text keys in Triton, for a tile with all keys and for stored maps."""

import torch
import triton
import triton.language as tl


@triton.jit
def softmax_over_keys(maps, count, valid):
    """Compute `exp(x[n, k]) / Σ_j count[j] · exp(x[n, j])` of a tile `[tokens, keys]`, over its `valid` keys."""
    maps = tl.where(valid[None, :], maps, float("-inf"))
    weight = tl.exp(maps - tl.max(maps, axis=1)[:, None])
    return weight / tl.sum(count[None, :] * weight, axis=1)[:, None]


def add_softmax(maps: torch.Tensor, multiplicity: torch.Tensor, out: torch.Tensor) -> None:
    """Add to `out` the softmax over the keys of `maps`, for the first `concepts` keys.

    Args:
        maps: fp32 `[maps, keys, tokens]`, contiguous.
        multiplicity: fp32 `[keys]`, the number of equal text keys that each one represents.
        out: fp32 `[maps, concepts, tokens]`, `concepts ≤ keys`.
    """
    count, keys, tokens = maps.shape
    _add_softmax[(triton.cdiv(tokens, 128), count)](
        maps, multiplicity, out, keys, out.shape[1], tokens, multiplicity.stride(0), *out.stride(), BLOCK_N=128
    )


@triton.jit
def _add_softmax(
    maps, multiplicity, out, keys, concepts, tokens, key_stride, out_map, out_concept, out_token, BLOCK_N: tl.constexpr
):
    """Add the softmax with a lane for each token, which reads the keys once for the sum and once for the values."""
    n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    m = tl.program_id(1).to(tl.int64)
    maps += m * keys * tokens + n
    out += m * out_map + n.to(tl.int64) * out_token
    peak = tl.full([BLOCK_N], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_N], tl.float32)
    at = maps
    for k in range(keys):
        x = tl.load(at, mask=n < tokens, other=0.0)
        larger = tl.maximum(peak, x)
        total = total * tl.exp(peak - larger) + tl.load(multiplicity + k * key_stride) * tl.exp(x - larger)
        peak = larger
        at += tokens
    for _ in range(concepts):
        x = tl.load(maps, mask=n < tokens, other=0.0)
        tl.store(out, tl.load(out, mask=n < tokens) + tl.exp(x - peak) / total, mask=n < tokens)
        maps += tokens
        out += out_concept
