"""The untrained pipeline of the demo: a small stock CogVideoX with random weights and a tokenizer of its words."""

from __future__ import annotations

import string
from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXDDIMScheduler, CogVideoXPipeline, CogVideoXTransformer3DModel
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram
from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

from imap_fast.demo.captions import WORDS

NUM_FRAMES, SIDE = 25, 96
LATENT_FRAMES = 7  # the VAE encodes the first frame alone and the others in groups of four
TEXT_LENGTH = 40  # tokens of a prompt with padding: the longest caption has 36 and an EOS token
TEXT_WIDTH = 96
# A transformer for training on a GPU: 9.5 M parameters, 19 MB in bf16, and a head of a size that its kernels have.
GPU_SIZE: dict[str, Any] = {"layers": 5, "heads": 10, "head_dim": 32}


def pipeline(
    seed: int = 0, *, layers: int = 4, heads: int = 8, head_dim: int = 16, vae_channels: tuple[int, ...] = (8, 24, 48)
) -> CogVideoXPipeline:
    """A CogVideoX pipeline with random weights, for clips of `NUM_FRAMES` × `SIDE` × `SIDE` pixels.

    The VAE divides height, width and time by 4, and a patch of the transformer has 2 × 2 latents: 7 latent frames of
    12 × 12 patches.

    Args:
        seed: of the random weights.
        layers: blocks of the transformer.
        heads: attention heads of a block.
        head_dim: channels of a head.
        vae_channels: channels of the VAE at each resolution, even numbers.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        words = tokenizer()
        text_encoder = T5EncoderModel(
            T5Config(
                vocab_size=len(words),
                d_model=TEXT_WIDTH,
                d_kv=TEXT_WIDTH // 4,
                d_ff=2 * TEXT_WIDTH,
                num_layers=2,
                num_heads=4,
                dropout_rate=0.0,
                feed_forward_proj="gated-gelu",
            )
        )
        vae = AutoencoderKLCogVideoX(
            down_block_types=("CogVideoXDownBlock3D",) * len(vae_channels),
            up_block_types=("CogVideoXUpBlock3D",) * len(vae_channels),
            block_out_channels=vae_channels,
            latent_channels=8,
            layers_per_block=1,
            norm_num_groups=2,
            sample_height=SIDE,
            sample_width=SIDE,
            scaling_factor=1.0,
        )
        transformer = CogVideoXTransformer3DModel(
            num_attention_heads=heads,
            attention_head_dim=head_dim,
            in_channels=8,
            out_channels=8,
            time_embed_dim=heads * head_dim // 2,
            text_embed_dim=TEXT_WIDTH,
            num_layers=layers,
            sample_width=SIDE // 4,
            sample_height=SIDE // 4,
            sample_frames=NUM_FRAMES,
            max_text_seq_length=TEXT_LENGTH,
            spatial_interpolation_scale=1.0,
        )
    scheduler = CogVideoXDDIMScheduler(
        clip_sample=False,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )
    return CogVideoXPipeline(words, text_encoder, vae, transformer, scheduler)


def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer like that of T5. Each word of the world is one token, other words are split into characters."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -1.0) for word in WORDS]
    pieces += [(character, -10.0) for character in "▁" + string.ascii_lowercase + string.digits + string.punctuation]
    words = Tokenizer(Unigram(pieces, unk_id=2))
    words.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    words.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    words.decoder = decoders.Metaspace()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=TEXT_LENGTH,
    )
