"""LTX-Video: cross-attention to the text, and latents that are packed to tokens before the transformer."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

from diffusers import LTXVideoTransformer3DModel
from diffusers.models.transformers.transformer_ltx import LTXVideoAttnProcessor
from torch import Tensor

from imap_fast.models.cross_attention import CrossAttention, CrossAttentionAdapter
from imap_fast.models.real_video.ltx import FRAME_RATE, LTXForward
from imap_fast.models.vae_compression import spatial_compression
from imap_fast.text.prompt_tokens import PromptTokens

Grid = tuple[int, int, int]


class TappedAttention(CrossAttention):
    """The arithmetic of `LTXVideoAttnProcessor` in a cross-attention."""

    stock_processors: ClassVar[tuple[type, ...]] = (LTXVideoAttnProcessor,)

    def prepare_mask(self, mask: Tensor | None, text: Tensor) -> Tensor | None:
        if mask is None:
            return None
        mask = self.attention.prepare_attention_mask(mask, text.shape[1], len(text))
        return mask.view(len(text), self.attention.heads, -1, mask.shape[-1])


class Adapter(CrossAttentionAdapter):
    """LTX-Video; see `imap_fast.models.adapter.Adapter`."""

    model = LTXVideoTransformer3DModel
    tapped_attention = TappedAttention
    published_layers_of: ClassVar = {}
    published_compression = 8
    guides_in_batch = True
    video_forward_class = LTXForward

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self._size: Grid | None = None

    @property
    def embedding_width(self) -> int:
        return self.config.caption_channels

    @property
    def patch_size(self) -> Grid:
        return (self.config.patch_size_t, self.config.patch_size, self.config.patch_size)

    @property
    def frame_rate(self) -> float:
        return FRAME_RATE

    def latents_prepared(self, inputs: Mapping[str, Any]) -> None:
        pixels = spatial_compression(self.pipeline)
        frames = (inputs["num_frames"] - 1) // self.temporal_compression + 1
        self._size = (frames, inputs["height"] // pixels, inputs["width"] // pixels)

    def grid_of(self, arguments: Mapping[str, Any]) -> tuple[Grid, int]:
        """As in the base class. A transformer that is given the coordinates of its tokens has the size of the run.

        Raises:
            ValueError: neither the arguments nor a run say how many frames and patches there are.
        """
        given = [arguments[name] for name in ("num_frames", "height", "width") if arguments.get(name) is not None]
        size = given if len(given) == 3 else self._size
        if size is None:
            raise ValueError("call the transformer with num_frames, height and width, which say where its tokens are")
        frames, height, width = (each // patch for each, patch in zip(size, self.patch_size, strict=True))
        grid = frames, height, width
        # Images and videos that condition the tokens are in front of them.
        return grid, arguments["hidden_states"].shape[1] - prod(grid)

    def read_prompt(self, prompt: str, arguments: Mapping[str, Any]) -> PromptTokens:
        return PromptTokens.read(self.pipeline.tokenizer, prompt, max_length=arguments["max_sequence_length"])
