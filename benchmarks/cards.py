"""What to write on which card: the first memory mode whose predicted peak fits.

`python -m benchmarks.readme` writes the table. Every figure is predicted from the configurations; none is measured.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from transformers import T5Config, T5EncoderModel

from benchmarks.memory import MODELS, T5_XXL
from imap_fast.doctor.peak_memory import (
    HALF,
    LiveBytes,
    clip_of,
    predicted_peaks,
    spatial_compression,
    transformer_bytes,
)
from imap_fast.models.registry import adapter_for

CARDS = (8, 16, 24, 80)
"""Memory of the cards, in GiB."""

SHARE = 0.9
"""The share of a card that a predicted peak may take. The CUDA context and fragments take some, too."""

NAMES = {"2b": "CogVideoX-2B", "5b": "CogVideoX-5B", "1.5-5b": "CogVideoX1.5-5B"}


def table() -> str:
    """A Markdown table: a row for each card, a column for each model."""
    columns = [column(name) for name in MODELS]
    lines = [f"| card | {' | '.join(NAMES[name] for name in MODELS)} |", "| --- |" + " --- |" * len(MODELS)]
    rows = zip(CARDS, *columns, strict=True)
    return "\n".join([*lines, *(f"| {card} GB | {' | '.join(cells)} |" for card, *cells in rows)])


def column(name: str) -> list[str]:
    """A model's cells of the table: one for each card.

    Args:
        name: of `MODELS`.
    """
    peaks = _peaks(name)
    return [cell(peaks, card) for card in CARDS]


def cell(peaks: dict[str, int], card: int) -> str:
    """The first mode whose peak fits a card, and that peak.

    Args:
        peaks: bytes in each mode.
        card: its memory in GiB.
    """
    for mode, peak in peaks.items():
        if peak <= SHARE * card * 2**30:
            return f"`{mode}`, {peak / 2**30:.1f} GiB"
    return "does not fit"


def _peaks(name: str) -> dict[str, int]:
    """The larger peak of a real video and of a generated one, in each mode."""
    with torch.device("meta"):
        parts: dict[str, Any] = {
            "transformer": CogVideoXTransformer3DModel(**MODELS[name][0]),
            "vae": AutoencoderKLCogVideoX(),
            "text_encoder": T5EncoderModel(T5Config(**T5_XXL, feed_forward_proj="gated-gelu")),
        }
    parts = {key: part.to(HALF) for key, part in parts.items()}
    real = predicted_peaks(parts, *clip_of(parts))
    generated = _generation_peaks(parts, *clip_of(parts))
    return {mode: max(real[mode], generated[mode]) for mode in real}


def _generation_peaks(parts: dict[str, Any], frames: int, height: int, width: int) -> dict[str, int]:
    """Peak bytes of a guided run in each mode: two passes at once, all models kept, and a VAE that decodes in tiles."""
    weights = {name: sum(parameter.nbytes for parameter in part.parameters()) for name, part in parts.items()}
    layer = max(
        sum(parameter.nbytes for parameter in module.parameters(recurse=False))
        for part in parts.values()
        for module in part.modules()
    )
    passed = 2 * transformer_bytes(parts["transformer"], parts["vae"], frames, height, width)
    decoded = _decoded_bytes(parts, frames, height, width)
    return {
        "full": sum(weights.values()) + max(passed, decoded),
        "model-offload": max(weights["text_encoder"], weights["transformer"] + passed, weights["vae"] + decoded),
        "group-offload": layer + max(passed, decoded),
        "sequential-offload": layer + max(passed, decoded),
    }


@torch.no_grad()
def _decoded_bytes(parts: dict[str, Any], frames: int, height: int, width: int) -> int:
    """Peak bytes of decoding a clip in tiles, without weights."""
    vae, scale = parts["vae"], spatial_compression(parts["vae"])
    vae.enable_tiling()
    latent_frames = (frames - 1) // adapter_for(parts["transformer"]).temporal_compression + 1
    size = 1, vae.config.latent_channels, latent_frames, height // scale, width // scale
    with LiveBytes(vae) as live:
        vae.decode(torch.empty(*size, dtype=HALF, device="meta"))
    return live.peak
