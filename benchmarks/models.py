"""Full-size CogVideoX transformers with random weights, and their inputs. Time and memory do not depend on weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel
from torch import Tensor

from benchmarks.shapes import TEXT_TOKENS

TEXT_WIDTH = 4096


@dataclass(frozen=True)
class Model:
    """A transformer and its clip.

    Attributes:
        name: of the checkpoint that has this configuration.
        layers: the blocks that a trace reads. None: the published ones.
        latents: frames, height and width of the latents.
        config: of the transformer, where it differs from CogVideoX-2B, the default of diffusers.
    """

    name: str
    latents: tuple[int, int, int]
    config: dict[str, Any] = field(default_factory=dict)
    layers: tuple[int, ...] | None = None

    def transformer(self, device: str, dtype: torch.dtype) -> CogVideoXTransformer3DModel:
        """The transformer, created on its device."""
        default = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            with torch.device(device):
                return CogVideoXTransformer3DModel(**self.config).eval().requires_grad_(False)
        finally:
            torch.set_default_dtype(default)

    def inputs(self, device: str, dtype: torch.dtype, *, batch: int = 2, frames: int | None = None) -> dict[str, Any]:
        """Random arguments of a forward pass, by default of one guided video. `frames` are latent frames."""
        _, height, width = self.latents
        frames = self.latents[0] if frames is None else frames
        generator = None if device == "meta" else torch.Generator(device).manual_seed(0)

        def normal(*shape: int, dtype: torch.dtype = dtype) -> Tensor:
            return torch.randn(shape, generator=generator, device=device, dtype=dtype)

        text_width = self.config.get("text_embed_dim", TEXT_WIDTH)
        inputs = {
            "hidden_states": normal(batch, frames, 16, height, width),
            "encoder_hidden_states": normal(batch, TEXT_TOKENS, text_width),
            "timestep": torch.full((batch,), 500, device=device),
        }
        if self.config.get("use_rotary_positional_embeddings"):
            patches = frames // self.config.get("patch_size_t", 1) * height * width // 4
            angles = normal(patches, self.config.get("attention_head_dim", 64), dtype=torch.float32)
            inputs["image_rotary_emb"] = (angles.cos(), angles.sin())
        return inputs

    def concepts(self, count: int, device: str, dtype: torch.dtype) -> Tensor:
        """Random text embeddings of concepts, `[C, D_text]`."""
        return torch.randn(count, self.config.get("text_embed_dim", TEXT_WIDTH), device=device, dtype=dtype)


LARGE = {"num_attention_heads": 48, "num_layers": 42, "use_rotary_positional_embeddings": True}
MODELS = {
    model.name: model
    for model in (
        Model("2b", (13, 60, 90)),
        Model("5b", (13, 60, 90), LARGE),
        Model("1.5-5b", (22, 96, 170), LARGE | {"patch_size_t": 2, "patch_bias": False}),
        Model("2b-block", (13, 60, 90), {"num_layers": 1}, layers=(0,)),
        Model(
            "tiny",
            (3, 4, 6),
            {"num_attention_heads": 6, "attention_head_dim": 16, "num_layers": 3, "text_embed_dim": 32},
            layers=(0, 1),
        ),
    )
}
