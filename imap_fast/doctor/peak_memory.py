"""Predicts the peak GPU memory of `explain` from the configuration of a model, without its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from imap_fast.loading.memory_modes import MODES
from imap_fast.models.registry import adapter_for
from imap_fast.tracing.kept_memory import BYTES
from imap_fast.tracing.settings import layers_of

ACTIVATIONS = 12
"""Tensors of rows × width that a block holds at its peak, in the feed-forward: the residual, its norm, two of the inner
width, which is fourfold, and the text and visual rows, separate and concatenated."""

HALF = torch.bfloat16


class LiveBytes(TorchDispatchMode):
    """Adds up the bytes of all tensors that exist at the same time, also of those on the meta device.

    Args:
        module: its weights are not counted.

    Attributes:
        peak: the largest sum so far.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.weights = [StorageWeakRef(parameter.untyped_storage()) for parameter in module.parameters()]
        self.ignored = {ref.cdata for ref in self.weights}
        self.live: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                ref = StorageWeakRef(storage)
                if ref.cdata not in self.ignored:
                    self.live[ref.cdata] = ref, storage.nbytes()
        self.live = {key: entry for key, entry in self.live.items() if not entry[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.live.values()))
        return out


def parts_of(source: str) -> dict[str, Any]:
    """The models of a diffusers pipeline on the meta device, without weights.

    Args:
        source: a folder or a Hugging Face id.

    Raises:
        ValueError: there is no pipeline.
    """
    import transformers

    from imap_fast.loading.module_classes import module_classes

    parts: dict[str, Any] = {}
    try:
        with torch.device("meta"):
            for name, kind in module_classes(source).items():
                if hasattr(kind, "load_config"):  # a class of diffusers; those of transformers have none
                    parts[name] = kind.from_config(kind.load_config(source, subfolder=name))
                else:
                    parts[name] = kind(transformers.AutoConfig.from_pretrained(source, subfolder=name))
    except OSError as error:
        raise ValueError(f"--model {source}: no configuration there; give a folder or a Hugging Face id") from error
    return {name: part.to(HALF) for name, part in parts.items()}


def clip_of(parts: dict[str, Any]) -> tuple[int, int, int]:
    """Frames, height and width in pixels of the default clip of a model, or 49 × 480×720 if it is not configured."""
    config = parts["transformer"].config
    scale = spatial_compression(parts["vae"])
    height, width = config.get("sample_height") or 480 // scale, config.get("sample_width") or 720 // scale
    return config.get("sample_frames") or 49, height * scale, width * scale


def spatial_compression(vae: Any) -> int:
    """Pixels across a latent."""
    return 2 ** (len(vae.config.get("block_out_channels", [0] * 4)) - 1)


def predicted_peaks(parts: dict[str, Any], frames: int, height: int, width: int) -> dict[str, int]:
    """Peak bytes in each of `imap_fast.loading.memory_modes.MODES`, in half precision, with one window at a time.

    Weights are counted. The VAE runs on the meta device. A transformer block is estimated.

    Args:
        parts: result of `parts_of`.
        frames: frames in a window.
        height: in pixels.
        width: in pixels.

    Raises:
        TypeError: a transformer that is not supported.
    """
    weights = {name: sum(p.nbytes for p in part.parameters()) for name, part in parts.items()}
    layers = max(
        sum(p.nbytes for p in module.parameters(recurse=False)) for part in parts.values() for module in part.modules()
    )
    vae = parts["vae"]
    passed = transformer_bytes(parts["transformer"], vae, frames, height, width)
    encoded = vae_bytes(vae, frames, height, width)
    vae.enable_tiling()
    tiled = vae_bytes(vae, frames, height, width)
    text = sum(size for name, size in weights.items() if name.startswith("text_encoder"))
    # The text encoders are removed before the first window.
    without_text = sum(weights.values()) - text
    return dict(
        zip(
            MODES,
            (
                max(sum(weights.values()), without_text + max(passed, encoded)),
                max(*weights.values(), weights["transformer"] + weights["vae"] + passed, weights["vae"] + tiled),
                *[layers + max(passed, tiled)] * 2,
            ),
            strict=True,
        )
    )


def visual_tokens(transformer: Any, vae: Any, frames: int, height: int, width: int) -> int:
    """N, the number of patches in all latent frames of a clip."""
    adapter = adapter_for(transformer)
    in_time, *in_space = adapter.patch_size
    latents = (frames - 1) // adapter.temporal_compression + 1
    scale = spatial_compression(vae)
    return -(-latents // in_time) * (height // (scale * in_space[0])) * (width // (scale * in_space[1]))


def kept_plane_bytes(parts: dict[str, Any], keep: Sequence[str], frames: int, height: int, width: int) -> int:
    """Bytes that `keep` takes of memory for one concept, one map and one step, with the default layers."""
    transformer = parts["transformer"]
    layers = len(layers_of(adapter_for(transformer), None)) if "layers" in keep else 1
    return BYTES * layers * visual_tokens(transformer, parts["vae"], frames, height, width)


def transformer_bytes(transformer: Any, vae: Any, frames: int, height: int, width: int) -> int:
    """Peak bytes of a transformer block, without weights."""
    config = transformer.config
    rows = visual_tokens(transformer, vae, frames, height, width) + config.get("max_text_seq_length", 512)
    return ACTIVATIONS * rows * config.num_attention_heads * config.attention_head_dim * HALF.itemsize


@torch.no_grad()
def vae_bytes(vae: Any, frames: int, height: int, width: int) -> int:
    """Peak bytes of encoding a clip, without weights."""
    with LiveBytes(vae) as live:
        vae.encode(torch.empty(1, 3, frames, height, width, dtype=HALF, device="meta"))
    return live.peak
