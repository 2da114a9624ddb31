"""Tiny stock EasyAnimate pipelines with random weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderKLMagvit,
    EasyAnimatePipeline,
    EasyAnimateTransformer3DModel,
    FlowMatchEulerDiscreteScheduler,
)
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast, Qwen2VLConfig, Qwen2VLForConditionalGeneration

from tests.architecture import Architecture
from tests.tiny import stir
from tests.tiny_hunyuan_video import byte_level_tokenizer


def tiny_transformer(**config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads, of which only the first has text projections of its own."""
    torch.manual_seed(0)
    config = {
        "num_attention_heads": 4,
        "attention_head_dim": 16,
        "in_channels": 4,
        "out_channels": 4,
        "patch_size": 2,
        "num_layers": 3,
        "mmdit_layers": 1,
        "time_embed_dim": 16,
        "text_embed_dim": 32,
        "add_norm_text_encoder": True,
    } | config
    return stir(EasyAnimateTransformer3DModel(**config).eval())


def chat_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with a chat template, which would pad in front by itself."""
    tokenizer = byte_level_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = "<|im_start|>a{{ messages[0]['content'][0]['text'] }}<|im_end|><|im_start|>dog"
    tokenizer.padding_side = "left"
    return tokenizer


def tiny_pipeline(**config: object) -> EasyAnimatePipeline:
    """A pipeline with `tiny_transformer(**config)`."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    tokenizer = chat_tokenizer()
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]},
        "pad_token_id": tokenizer.pad_token_id,
        "initializer_range": 0.5,
    }
    vision = {"depth": 1, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "patch_size": 8}
    pipeline = EasyAnimatePipeline(
        tokenizer=tokenizer,
        text_encoder=Qwen2VLForConditionalGeneration(Qwen2VLConfig(text_config=text, vision_config=vision)).eval(),
        vae=AutoencoderKLMagvit(
            latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=2
        ).eval(),
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def start(transformer: nn.Module, given: dict[str, Tensor], concepts: Tensor) -> Tensor:
    """Concepts and zeros, through the text projection."""
    length = given["encoder_hidden_states"].shape[1]
    return transformer.text_proj(F.pad(concepts, (0, 0, 0, length - len(concepts))))[None]


ARCHITECTURES = {
    "easyanimate": Architecture(
        tiny_pipeline, tiny_transformer, blocks="transformer_blocks", attention="attn1", start=start
    )
}
CALL = {"max_sequence_length": None, "negative_prompt": ""}
PIPELINES = {"easyanimate": ("easyanimate", tiny_pipeline, CALL)}
UNEXPLAINED: tuple[str, ...] = ()
GUIDED: dict[str, tuple] = {}  # in its batch, as in CogVideoX
