"""Tiny stock HunyuanVideo pipelines with random weights."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import (
    AutoencoderKLHunyuanVideo,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    HunyuanVideoImageToVideoPipeline,
    HunyuanVideoPipeline,
    HunyuanVideoTransformer3DModel,
)
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video import DEFAULT_PROMPT_TEMPLATE as text_template
from diffusers.pipelines.hunyuan_video.pipeline_hunyuan_video_image2video import (
    DEFAULT_PROMPT_TEMPLATE as image_template,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from tests.tiny import WORDS, stir

SPECIAL = ("<pad>", "<s>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<image>")


def byte_level_tokenizer(template: str = "{}", crop_start: int = 0) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer, like that of Llama, with a few words and those of `template`.

    It adds `<s>` in front until `template` has `crop_start` tokens up to its `{}`, as with the vocabulary of Llama.
    """
    begin = template.partition("{}")[0]
    level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words = {f"Ġ{word}" for word in WORDS} | {word for word, _ in level.pre_tokenize_str(begin)}
    pieces = [(token, 0.0) for token in SPECIAL] + [(byte, -9.0) for byte in sorted(level.alphabet())]
    pieces += [(word, -3.0) for word in sorted(words - set(level.alphabet()))]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    tokenizer.pre_tokenizer, tokenizer.decoder = level, decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    # With a letter after it, because spaces at the end are split differently.
    missing = crop_start - len(tokenizer.encode(begin + "a").ids[:-1])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join([*["<s>"] * missing, "$A"]), special_tokens=[("<s>", SPECIAL.index("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", padding_side="right", model_max_length=77
    )


def tiny_transformer(**config: object) -> HunyuanVideoTransformer3DModel:
    """A transformer of 3 dual-stream layers of 4 heads, and one single-stream layer."""
    torch.manual_seed(0)
    config = {
        "num_attention_heads": 4,
        "attention_head_dim": 16,
        "in_channels": 4,
        "out_channels": 4,
        "num_layers": 3,
        "num_single_layers": 1,
        "num_refiner_layers": 1,
        "text_embed_dim": 32,
        "pooled_projection_dim": 8,
        "rope_axes_dim": (4, 6, 6),
    } | config
    return stir(HunyuanVideoTransformer3DModel(**config).eval())


def tiny_pipeline(**config: object) -> HunyuanVideoPipeline:
    """A text-to-video pipeline with `tiny_transformer(**config)`."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    tokenizer = byte_level_tokenizer(text_template["template"], text_template["crop_start"])
    encoder = LlamaModel(llama_config(tokenizer)).eval()
    return assembled(HunyuanVideoPipeline, transformer, tokenizer, text_encoder=encoder)


def tiny_image_pipeline(**config: object) -> HunyuanVideoImageToVideoPipeline:
    """An image-to-video pipeline with `tiny_transformer(**config)`. Its text encoder reads 24 × 24 image patches."""
    transformer = tiny_transformer(**config)
    torch.manual_seed(1)
    tokenizer = byte_level_tokenizer(image_template["template"], image_template["crop_start"])
    vision = CLIPVisionConfig(
        hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=2, image_size=48, patch_size=2
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=llama_config(tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
    )
    return assembled(
        HunyuanVideoImageToVideoPipeline,
        transformer,
        tokenizer,
        text_encoder=LlavaForConditionalGeneration(config).eval(),
        image_processor=CLIPImageProcessor(size=48, crop_size=48),
    )


def llama_config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """The configuration of a Llama of 3 layers. The pipelines read the first layer."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.5,  # so that words differ, as after training
    )


def assembled(
    pipeline_class: type[DiffusionPipeline],
    transformer: HunyuanVideoTransformer3DModel,
    tokenizer: PreTrainedTokenizerFast,
    *,
    use_dynamic_shifting: bool = False,
    **parts: object,
) -> DiffusionPipeline:
    """A pipeline with the common parts, without a progress bar."""
    tokenizer_2 = byte_level_tokenizer()
    clip = CLIPTextConfig(
        vocab_size=len(tokenizer_2),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=SPECIAL.index("<s>"),
        eos_token_id=SPECIAL.index("<|eot_id|>"),
    )
    vae = AutoencoderKLHunyuanVideo(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4
    )
    pipeline = pipeline_class(
        tokenizer=tokenizer,
        tokenizer_2=tokenizer_2,
        text_encoder_2=CLIPTextModel(clip).eval(),
        transformer=transformer,
        vae=vae.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=7.0, use_dynamic_shifting=use_dynamic_shifting),
        **parts,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def refined_text(transformer: nn.Module, inputs: dict[str, Tensor], concepts: Tensor) -> Tensor:
    """Concepts and zeros, through the token refiner of HunyuanVideo, whose mask leaves out the zeros."""
    length = inputs["encoder_hidden_states"].shape[1]
    padded = F.pad(concepts, (0, 0, 0, length - len(concepts)))[None]
    return transformer.context_embedder(padded, inputs["timestep"], (torch.arange(length) < len(concepts))[None])
