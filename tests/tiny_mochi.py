"""Tiny stock Mochi pipelines with random weights."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLMochi, FlowMatchEulerDiscreteScheduler, MochiPipeline, MochiTransformer3DModel
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel

from tests.architecture import Architecture, Grid, latents_of
from tests.tiny import stir, tiny_tokenizer

CHANNELS = 12  # of the latents, as many as its pipeline expects


def tiny_transformer(**config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads."""
    torch.manual_seed(0)
    config = {
        "num_attention_heads": 4,
        "attention_head_dim": 16,
        "in_channels": CHANNELS,
        "num_layers": 3,
        "pooled_projection_dim": 24,
        "text_embed_dim": 32,
        "time_embed_dim": 16,
        "max_sequence_length": 24,
    } | config
    return stir(MochiTransformer3DModel(**config).eval())


def tiny_pipeline(**config: object) -> MochiPipeline:
    """A pipeline with `tiny_transformer(**config)`. A latent is 6 frames of 8 × 8 pixels."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    tokenizer = tiny_tokenizer()
    encoder = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    vae = AutoencoderKLMochi(
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
        add_attention_block=(False,) * 5,
    )
    pipeline = MochiPipeline(
        tokenizer=tokenizer,
        text_encoder=T5EncoderModel(encoder).eval(),
        vae=vae.eval(),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(invert_sigmas=True),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def inputs(batch: int, text: int, grid: Grid) -> dict[str, Tensor]:
    """Latents, and texts of other lengths in each video."""
    lengths = torch.tensor([[text - 5], [text - 9]])[:batch]
    generator = torch.Generator().manual_seed(4)
    return {
        "hidden_states": torch.randn(batch, CHANNELS, *latents_of(grid), generator=generator),
        "encoder_attention_mask": torch.arange(text) < lengths,
    }


def start(transformer: nn.Module, given: dict[str, Tensor], concepts: Tensor) -> Tensor:
    """Concepts and zeros, through the caption projection."""
    rows = torch.zeros(1, *given["encoder_hidden_states"].shape[1:])
    rows[0, : len(concepts)] = concepts
    return transformer.time_embed.caption_proj(rows)


ARCHITECTURES = {
    "mochi": Architecture(
        tiny_pipeline,
        tiny_transformer,
        blocks="transformer_blocks",
        attention="attn1",
        text_rows="behind",
        calls_of_videos=True,
        inputs=inputs,
        start=start,
    )
}
PIPELINES = {"mochi": ("mochi", tiny_pipeline, {"num_frames": 13})}
UNEXPLAINED: tuple[str, ...] = ()
GUIDED: dict[str, tuple] = {}  # in its batch, as in CogVideoX
