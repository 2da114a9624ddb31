"""How much the VAE of a pipeline compresses."""

from __future__ import annotations

from typing import Any

NAMES = {
    "temporal": ("vae_scale_factor_temporal", "vae_temporal_compression_ratio", "vae_temporal_scale_factor"),
    "spatial": ("vae_scale_factor_spatial", "vae_spatial_compression_ratio", "vae_spatial_scale_factor"),
}
"""What pipelines of diffusers call it."""


def temporal_compression(pipeline: Any) -> int:
    """Frames in a latent frame."""
    return _compression(pipeline, "temporal")


def spatial_compression(pipeline: Any) -> int:
    """Pixels in a latent, in height and width."""
    return _compression(pipeline, "spatial")


def _compression(pipeline: Any, kind: str) -> int:
    return next(getattr(pipeline, name) for name in NAMES[kind] if hasattr(pipeline, name))
