"""The benchmarked layers, and tensors with the memory layout of diffusers."""

from dataclasses import dataclass

import torch

TEXT_TOKENS = 226


@dataclass(frozen=True)
class Layer:
    """The sizes of one transformer layer for one clip.

    Attributes:
        name: model, frames and resolution.
        heads: attention heads.
        dim: head dimension.
        frames: latent frames.
        patches: patches in a latent frame.
    """

    name: str
    heads: int
    dim: int
    frames: int
    patches: int

    @property
    def tokens(self) -> int:
        """Visual tokens."""
        return self.frames * self.patches


LAYERS = {
    layer.name: layer
    for layer in (
        Layer("2b-49x480x720", heads=30, dim=64, frames=13, patches=30 * 45),
        Layer("5b-49x480x720", heads=48, dim=64, frames=13, patches=30 * 45),
        Layer("1.5-5b-81x768x1360", heads=48, dim=64, frames=11, patches=48 * 85),
        Layer("2b-161x480x720", heads=30, dim=64, frames=41, patches=30 * 45),
        Layer("2b-321x480x720", heads=30, dim=64, frames=81, patches=30 * 45),
    )
}
TINY = Layer("tiny", heads=2, dim=16, frames=2, patches=5)


@dataclass(frozen=True)
class LayerTensors:
    """The tensors of one video in a layer: `[heads, rows, dim]` views of `[1, text + tokens, heads, dim]`, text first.

    Attributes:
        query: of the visual tokens, like `key`, `value` and `output`.
        key: of the visual tokens.
        value: of the visual tokens.
        output: attention output.
        text: of the concepts or the prompt, `[heads, keys, dim]`.
        multiplicity: fp32 `[keys]`. The last key represents the padding.
        head_weights: fp32 `[2, heads]`, for `gramcol` and `imap` with five motion heads.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    output: torch.Tensor
    text: torch.Tensor
    multiplicity: torch.Tensor
    head_weights: torch.Tensor


def draw(layer: Layer, keys: int, *, device: str, dtype: torch.dtype, seed: int = 0) -> LayerTensors:
    """Normal random tensors of `layer` with `keys` text keys on `device` (`"meta"`: only shapes and strides)."""
    generator = None if device == "meta" else torch.Generator(device).manual_seed(seed)

    def rows(count: int) -> torch.Tensor:
        shape = (1, TEXT_TOKENS + count, layer.heads, layer.dim)
        return torch.randn(shape, generator=generator, device=device, dtype=dtype).transpose(1, 2)[0, :, TEXT_TOKENS:]

    multiplicity = torch.ones(keys, device=device)
    multiplicity[-1] = max(1, TEXT_TOKENS - keys + 1)
    head_weights = torch.ones(2, layer.heads, device=device)
    head_weights[1] = 0
    head_weights[1, :5] = 0.2
    visual = [rows(layer.tokens) for _ in range(4)]
    return LayerTensors(*visual, text=rows(keys), multiplicity=multiplicity, head_weights=head_weights)


def draw_projections(layer: Layer, *, device: str, dtype: torch.dtype, seed: int = 0) -> dict[str, object]:
    """Arguments of `qk_norm_rope` for one video, text rows included, in the layout of the projections."""
    generator = None if device == "meta" else torch.Generator(device).manual_seed(seed)

    def normal(*shape: int, dtype: torch.dtype = dtype) -> torch.Tensor:
        return torch.randn(shape, generator=generator, device=device, dtype=dtype)

    query, key = (normal(1, TEXT_TOKENS + layer.tokens, layer.heads, layer.dim).transpose(1, 2) for _ in range(2))
    query_norm, key_norm = ((normal(layer.dim), normal(layer.dim)) for _ in range(2))
    angles = normal(layer.tokens, layer.dim, dtype=torch.float32)
    norms = {"query_norm": query_norm, "key_norm": key_norm, "eps": 1e-6}
    return {"query": query, "key": key, **norms, "rotary": (angles.cos(), angles.sin()), "text": TEXT_TOKENS}


def spread_out(rows: torch.Tensor, entries: int = 2**31 + 2**24) -> torch.Tensor:
    """The same rows `[..., tokens, dim]`, with tokens so far apart that the last ones lie `entries` from the start."""
    *batch, tokens, dim = rows.shape
    stride = -(-max(entries, rows.numel()) // tokens // 16) * 16
    memory = torch.empty(tokens * stride, device=rows.device, dtype=rows.dtype)
    compact = torch.empty(*batch, dim, device="meta").stride()
    return memory.as_strided(rows.shape, (*compact[:-1], stride, 1)).copy_(rows)
