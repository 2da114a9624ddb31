"""Tiny stock HunyuanVideo 1.5 pipelines with random weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderKLHunyuanVideo15,
    ClassifierFreeGuidance,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideo15ImageToVideoPipeline,
    HunyuanVideo15Pipeline,
    HunyuanVideo15Transformer3DModel,
)
from torch import Tensor, nn
from transformers import (
    ByT5Tokenizer,
    PreTrainedTokenizerFast,
    Qwen2_5_VLTextConfig,
    Qwen2_5_VLTextModel,
    SiglipImageProcessor,
    SiglipVisionConfig,
    SiglipVisionModel,
    T5Config,
    T5EncoderModel,
)

from tests.architecture import Architecture, Grid
from tests.tiny import RED, stir
from tests.tiny_hunyuan_video import byte_level_tokenizer

IMAGE, GLYPHS = 5, 6  # rows of an image, and of glyphs
CROPPED = 108  # tokens before the prompt, as with the vocabulary of Qwen


def tiny_transformer(**config: object) -> nn.Module:
    """A transformer of 3 layers of 4 heads."""
    torch.manual_seed(0)
    config = {
        "num_attention_heads": 4,
        "attention_head_dim": 16,
        "in_channels": 9,
        "out_channels": 4,
        "num_layers": 3,
        "num_refiner_layers": 1,
        "text_embed_dim": 32,
        "text_embed_2_dim": 16,
        "image_embed_dim": 16,
        "rope_axes_dim": (4, 6, 6),
        "target_size": 40,
    } | config
    return stir(HunyuanVideo15Transformer3DModel(**config).eval())


def chat_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer whose chat template puts `CROPPED` tokens before the prompt."""
    tokenizer = byte_level_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    # The long message of the system is left out: with so few words, it has more tokens than in Qwen.
    tokenizer.chat_template = "{{ '<s>' * " + str(CROPPED) + " }}{{ messages[1]['content'] }}<|im_end|><|im_start|>"
    return tokenizer


def tiny_pipeline(
    pipeline_class: type[DiffusionPipeline] = HunyuanVideo15Pipeline, *, guidance: float = 1.0, **config: object
) -> DiffusionPipeline:
    """A pipeline with `tiny_transformer(**config)`. Its text has 24 rows."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    tokenizer, tokenizer_2 = chat_tokenizer(), ByT5Tokenizer(extra_ids=0)
    qwen = Qwen2_5_VLTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        rope_scaling={"type": "mrope", "mrope_section": [1, 1, 2]},
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.5,
    )
    byt5 = T5Config(vocab_size=len(tokenizer_2), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    parts = {}
    if pipeline_class is HunyuanVideo15ImageToVideoPipeline:
        vision = SiglipVisionConfig(
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            image_size=16,
            patch_size=8,
        )
        parts["image_encoder"] = SiglipVisionModel(vision).eval()
        parts["feature_extractor"] = SiglipImageProcessor(size={"height": 16, "width": 16})
    pipeline = pipeline_class(
        tokenizer=tokenizer,
        text_encoder=Qwen2_5_VLTextModel(qwen).eval(),
        tokenizer_2=tokenizer_2,
        text_encoder_2=T5EncoderModel(byt5).eval(),
        transformer=transformer,
        vae=AutoencoderKLHunyuanVideo15(latent_channels=4, block_out_channels=(8,) * 5, layers_per_block=1).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0),
        guider=ClassifierFreeGuidance(guidance_scale=guidance),
        **parts,
    )
    pipeline.tokenizer_max_length, pipeline.tokenizer_2_max_length = 24, 16
    pipeline.vision_num_semantic_tokens = 4
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def inputs(batch: int, text: int, grid: Grid) -> dict[str, Tensor]:
    """Latents, an image, and texts and glyphs of other lengths in each video."""
    generator = torch.Generator().manual_seed(4)
    lengths = torch.tensor([[text - 5], [text - 9]])[:batch]
    glyphs = torch.tensor([[2], [4]])[:batch]
    return {
        "hidden_states": torch.randn(batch, 9, *grid, generator=generator),
        "encoder_attention_mask": (torch.arange(text) < lengths).float(),
        "encoder_hidden_states_2": torch.randn(batch, GLYPHS, 16, generator=generator),
        "encoder_attention_mask_2": (torch.arange(GLYPHS) < glyphs).float(),
        "image_embeds": torch.randn(batch, IMAGE, 16, generator=generator),
        "timestep": torch.full((batch,), 500.0),
    }


def prompt_rows(given: dict[str, Tensor], video: int) -> Tensor:
    """The prompt is behind the image and the glyphs, and its padding is at the end."""
    own, glyphs = (given[name][video].long().sum() for name in ("encoder_attention_mask", "encoder_attention_mask_2"))
    padding = len(given["encoder_attention_mask"][video]) - own
    total = IMAGE + GLYPHS + own + padding
    return torch.cat([torch.arange(IMAGE + glyphs, IMAGE + glyphs + own), torch.arange(total - padding, total)])


def start(transformer: nn.Module, given: dict[str, Tensor], concepts: Tensor) -> Tensor:
    """Concepts through the token refiner, with the embedding of their type, and then zeros."""
    length = given["encoder_hidden_states"].shape[1]
    padded = F.pad(concepts, (0, 0, 0, length - len(concepts)))[None]
    is_named = (torch.arange(length) < len(concepts))[None]
    rows = transformer.context_embedder(padded, given["timestep"], is_named) + transformer.cond_type_embed.weight[0]
    return torch.where(is_named[..., None], rows, 0)


ARCHITECTURES = {
    "hunyuan_video_15": Architecture(
        tiny_pipeline,
        tiny_transformer,
        blocks="transformer_blocks",
        attention="attn",
        text_rows="behind",
        prompt_rows=prompt_rows,
        inputs=inputs,
        start=start,
    )
}
CALL = {"max_sequence_length": None, "guidance_scale": None}
PIPELINES = {
    "hunyuan-next-text": ("hunyuan_video_15", lambda: tiny_pipeline(use_meanflow=True), CALL),
    "hunyuan-next-image": (
        "hunyuan_video_15",
        lambda: tiny_pipeline(HunyuanVideo15ImageToVideoPipeline, use_meanflow=True),
        {**CALL, "image": RED, "height": None, "width": None},
    ),
}
UNEXPLAINED: tuple[str, ...] = ()
GUIDED: dict[str, tuple] = {}  # the guider is a part of the pipeline
