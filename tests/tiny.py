"""Tiny stock CogVideoX pipelines with random weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderKLCogVideoX,
    CogVideoXDDIMScheduler,
    CogVideoXPipeline,
    CogVideoXTransformer3DModel,
    DiffusionPipeline,
)
from PIL import Image
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from tests.tiny_size import FRAMES, HEIGHT, WIDTH

WORDS = ("a", "the", "red", "blue", "circle", "square", "cat", "dog", "slide", "s", "ing", "run", "n", "on", "grass")
RED = Image.new("RGB", (WIDTH, HEIGHT), "red")
CALL = {
    "num_frames": FRAMES,
    "height": HEIGHT,
    "width": WIDTH,
    "num_inference_steps": 3,
    "max_sequence_length": 24,
    "output_type": "np",
}


def tiny_tokenizer() -> T5Tokenizer:
    """A T5 tokenizer with a few words, their pieces and single characters."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(f"▁{word}", -3.0) for word in WORDS] + [(word, -4.0) for word in WORDS if len(word) > 1]
    pieces += [(character, -9.0) for character in "abcdefghijklmnopqrstuvwxyz0123456789.,/$^<>&"]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def tiny_transformer(model: type[nn.Module] = CogVideoXTransformer3DModel, **config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads, like CogVideoX-2B except for `config`, or one that is derived from it."""
    torch.manual_seed(0)
    config = {
        "num_attention_heads": 4,
        "attention_head_dim": 16,
        "in_channels": 4,
        "out_channels": 4,
        "time_embed_dim": 16,
        "text_embed_dim": 32,
        "num_layers": 3,
        "sample_height": HEIGHT // 8,
        "sample_width": WIDTH // 8,
        "sample_frames": FRAMES,
        "max_text_seq_length": 24,
    } | config
    return stir(model(**config).eval())


def stir(transformer: nn.Module) -> nn.Module:
    """Enlarge gates and biases in place. Their initial values are so small that they would hide errors of the text."""
    with torch.no_grad():
        for name, parameter in transformer.named_parameters():
            if name.endswith("bias") or "norm" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return transformer


def projected_text(transformer: nn.Module, inputs: dict[str, Tensor], concepts: Tensor) -> Tensor:
    """Concepts and zeros, through the text projection of CogVideoX."""
    padded = F.pad(concepts, (0, 0, 0, inputs["encoder_hidden_states"].shape[1] - len(concepts)))
    return transformer.patch_embed.text_proj(padded)[None]


def tiny_pipeline(pipeline_class: type[DiffusionPipeline] = CogVideoXPipeline, **config: object) -> DiffusionPipeline:
    """A pipeline with `tiny_transformer(**config)`."""
    return assembled(pipeline_class, tiny_transformer(**config))


def assembled(pipeline_class: type[DiffusionPipeline], transformer: nn.Module) -> DiffusionPipeline:
    """A pipeline with a transformer and the other parts of CogVideoX, without a progress bar."""
    torch.manual_seed(1)
    tokenizer = tiny_tokenizer()
    encoder = T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    vae = AutoencoderKLCogVideoX(
        down_block_types=("CogVideoXDownBlock3D",) * 4,
        up_block_types=("CogVideoXUpBlock3D",) * 4,
        block_out_channels=(8, 8, 8, 8),
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=2,
        temporal_compression_ratio=4,
        sample_height=HEIGHT,
        sample_width=WIDTH,
    )
    pipeline = pipeline_class(
        tokenizer=tokenizer,
        text_encoder=T5EncoderModel(encoder).eval(),
        vae=vae.eval(),
        transformer=transformer,
        scheduler=CogVideoXDDIMScheduler(),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
