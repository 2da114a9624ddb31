"""A cache of the Hugging Face hub with a small model for each checkpoint that a page may name.

Everything that loads from the hub then works without a network: pipelines, single parts of them, configurations. A
small model has random weights, few and narrow heads, and as many layers as the numbers of the published ones need.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from diffusers import CogVideoXImageToVideoPipeline, CogVideoXPipeline, DiffusionPipeline, WanPipeline
from transformers import T5Tokenizer

from tests import tiny, tiny_hunyuan_video, tiny_wan

COMMIT = "0" * 40
FRAMES = 17
"""Frames of a clip of a small model: 5 latent frames."""

SIDE = 64
"""Pixels of its sides: 4 × 4 patches."""

TILE = 48
"""Pixels of a side of a tile of its VAE: a clip takes two by two. With this size diffusers' overlaps come out even."""

HEADS = 6  # one more than the motion heads of a layer
ROTARY = {"use_rotary_positional_embeddings": True}


def cogvideox(pipeline: type[DiffusionPipeline] = CogVideoXPipeline, **config: object) -> DiffusionPipeline:
    """A CogVideoX whose text is as long as that of the published ones."""
    sizes = {"sample_frames": FRAMES, "sample_height": SIDE // 8, "sample_width": SIDE // 8}
    sizes |= {"num_layers": 24, "num_attention_heads": HEADS, "max_text_seq_length": 226}
    small = tiny.tiny_pipeline(pipeline, **sizes, **config)
    small.vae.register_to_config(sample_height=2 * TILE, sample_width=2 * TILE)  # tiles are half of it
    return with_any_letters(small)


def wan(**config: object) -> DiffusionPipeline:
    return with_any_letters(
        tiny_wan.tiny_pipeline(WanPipeline, num_layers=26, num_attention_heads=HEADS, rope_max_seq_len=64, **config)
    )


def hunyuan_video() -> DiffusionPipeline:
    return tiny_hunyuan_video.tiny_pipeline(num_layers=20, num_attention_heads=HEADS)


def with_any_letters(pipeline: DiffusionPipeline) -> DiffusionPipeline:
    """The pipeline with a tokenizer that knows capitals and signs, too: pages have sentences."""
    pieces = json.loads(pipeline.tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    known = {piece for piece, _ in pieces}
    pieces += [(letter, -9.0) for letter in string.printable if not (letter.isspace() or letter in known)]
    pipeline.tokenizer = T5Tokenizer(vocab=[tuple(piece) for piece in pieces], extra_ids=0)
    pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer))
    return pipeline


IMAGE = {**ROTARY, "in_channels": 8}
SMALL: dict[str, Callable[[], DiffusionPipeline]] = {
    "2b": cogvideox,
    "5b": partial(cogvideox, **ROTARY),
    "5b-image": partial(cogvideox, CogVideoXImageToVideoPipeline, **IMAGE, use_learned_positional_embeddings=True),
    "1.5": partial(cogvideox, **ROTARY, patch_size_t=2),
    "hunyuan": hunyuan_video,
    "wan": wan,
    "wan-2.2": partial(wan, stages=2),
}
CHECKPOINTS = {
    "THUDM/CogVideoX-2b": "2b",
    "zai-org/CogVideoX-2b": "2b",
    "THUDM/CogVideoX-5b": "5b",
    "zai-org/CogVideoX-5b": "5b",
    "THUDM/CogVideoX-5b-I2V": "5b-image",
    "zai-org/CogVideoX-5b-I2V": "5b-image",
    "zai-org/CogVideoX1.5-5B": "1.5",
    "hunyuanvideo-community/HunyuanVideo": "hunyuan",
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers": "wan",
    "Wan-AI/Wan2.1-T2V-14B-Diffusers": "wan",
    "Wan-AI/Wan2.2-T2V-A14B-Diffusers": "wan-2.2",
}
"""The checkpoints, each with the name of its small model. A page that names another one needs a line here."""


def write(hub: Path, checkpoints: Iterable[str]) -> None:
    """Add checkpoints to a cache of the hub that does not have them yet."""
    for checkpoint in checkpoints:
        folder, small = hub / f"models--{checkpoint.replace('/', '--')}", hub / "small" / CHECKPOINTS[checkpoint]
        if folder.exists():
            continue
        if not small.exists():
            SMALL[small.name]().save_pretrained(small)
        (folder / "refs").mkdir(parents=True)
        (folder / "refs" / "main").write_text(COMMIT)
        (folder / "snapshots").mkdir()
        (folder / "snapshots" / COMMIT).symlink_to(small)
