"""Head similarity in one pass over the features."""

import torch
import triton
import triton.language as tl

from imap_kernels.key_softmax import add_softmax, softmax_over_keys
from imap_kernels.tile import inner_products, load_rows, note_not_finite, of_unit_length
from imap_kernels.tuning import block, computable, tuned

# The largest number of text keys in a tile.
KEY_TILE = 64


def head_similarity(
    rows: torch.Tensor,
    features: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    scale: float,
    normalize: str,
    unit_length: torch.Tensor | None,
    not_finite: torch.Tensor | None,
) -> None:
    """Add the map of one layer to `out`, with a program for each tile of tokens and keys.

    A softmax over more than 64 keys needs a buffer with the map of this layer for all keys.
    """
    rows, features = computable(rows, features)
    keys, tokens = rows.shape[1], features.shape[1]
    if normalize == "none" or keys <= KEY_TILE:
        _accumulate(rows, features, multiplicity, out, scale, unit_length, not_finite, softmax=normalize == "softmax")
        return
    maps = out.new_zeros(keys, tokens)
    _accumulate(rows, features, multiplicity, maps, scale, unit_length, not_finite, softmax=False)
    add_softmax(maps[None], multiplicity, out[None])


def _accumulate(
    rows: torch.Tensor,
    features: torch.Tensor,
    multiplicity: torch.Tensor,
    out: torch.Tensor,
    scale: float,
    unit_length: torch.Tensor | None,
    not_finite: torch.Tensor | None,
    softmax: bool,
) -> None:
    heads, keys, dim = rows.shape
    tokens = features.shape[1]
    block_k = block(keys, at_most=KEY_TILE)

    def grid(meta: dict[str, int]) -> tuple[int, int]:
        return triton.cdiv(tokens, meta["BLOCK_N"]), triton.cdiv(len(out), block_k)

    _add_similarity[grid](
        rows,
        features,
        multiplicity,
        unit_length,
        out,
        not_finite,
        heads,
        keys,
        tokens,
        len(out),
        scale,
        *rows.stride(),
        *features.stride(),
        multiplicity.stride(0),
        1 if unit_length is None else unit_length.stride(0),
        *out.stride(),
        SOFTMAX=softmax,
        DIM=dim,
        BLOCK_D=block(dim),
        BLOCK_K=block_k,
    )


@tuned(
    [
        triton.Config({"BLOCK_N": 64}, num_warps=4, num_stages=4),
        triton.Config({"BLOCK_N": 128}, num_warps=8, num_stages=3),
        triton.Config({"BLOCK_N": 32}, num_warps=4, num_stages=2),
    ],
    key=["heads", "keys", "tokens", "SOFTMAX", "BLOCK_D"],
    restore=["out"],
)
@triton.jit(do_not_specialize_on_alignment=["unit_length", "not_finite"])
def _add_similarity(
    rows,
    features,
    multiplicity,
    unit_length,
    out,
    not_finite,
    heads,
    keys,
    tokens,
    concepts,
    scale,
    row_head,
    row_key,
    row_dim,
    feature_head,
    feature_token,
    feature_dim,
    key_stride,
    unit_stride,
    out_concept,
    out_token,
    SOFTMAX: tl.constexpr,
    DIM: tl.constexpr,
    BLOCK_D: tl.constexpr,
    BLOCK_K: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """Compute `out[c, n] += normalize_c(scale · Σ_h rows[h, c] · features[h, n])`.

    A tile of the map stays in registers while the program goes through all heads.
    """
    n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    k = tl.program_id(1) * BLOCK_K + tl.arange(0, BLOCK_K)
    token = n.to(tl.int64)
    similarity = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
    if unit_length is not None:
        is_unit = tl.load(unit_length + k * unit_stride, mask=k < keys, other=0) != 0
    for _ in range(heads):
        feature = load_rows(features, token, n < tokens, feature_token, feature_dim, DIM, BLOCK_D)
        row = load_rows(rows, k, k < keys, row_key, row_dim, DIM, BLOCK_D)
        product = inner_products(feature, row)
        if unit_length is not None:
            product = of_unit_length(product, feature, is_unit)
        similarity += product
        features += feature_head
        rows += row_head
    note_not_finite(not_finite, similarity)
    similarity *= scale
    if SOFTMAX:
        count = tl.load(multiplicity + k * key_stride, mask=k < keys, other=0.0)
        similarity = softmax_over_keys(similarity, count, k < keys)
    out += k.to(tl.int64)[None, :] * out_concept + token[:, None] * out_token
    mask = (n < tokens)[:, None] & (k < concepts)[None, :]
    tl.store(out, tl.load(out, mask=mask) + similarity, mask=mask)
