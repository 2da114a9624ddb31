"""A small WanVACEPipeline with random weights, saved as published ones are."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import WanVACEPipeline, WanVACETransformer3DModel

from tests import tiny_wan
from tests.docs.hub import with_any_letters
from tests.tiny import stir


def save_tiny_vace(folder: Path) -> str:
    """Write the pipeline to a folder, whose path is returned."""
    parts = tiny_wan.tiny_pipeline().components
    torch.manual_seed(0)
    parts["transformer"] = stir(
        WanVACETransformer3DModel(
            num_attention_heads=4,
            attention_head_dim=16,
            in_channels=4,
            out_channels=4,
            text_dim=32,
            freq_dim=16,
            ffn_dim=32,
            num_layers=2,
            rope_max_seq_len=32,
            vace_layers=[0],
            vace_in_channels=4 * 2 + 8 * 8,  # what stays, what is painted, and the mask of each pixel
        ).eval()
    )
    with_any_letters(WanVACEPipeline(**parts)).save_pretrained(folder)
    return str(folder)
