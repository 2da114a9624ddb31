"""LTX-Video: cross-attention to the text, and latents that are packed to tokens before the transformer."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar

from diffusers import LTXVideoTransformer3DModel
from diffusers.models.transformers.transformer_ltx import LTXVideoAttnProcessor
from torch import Tensor

from imap_fast.models.cross_attention import CrossAttention, CrossAttentionAdapter
from imap_fast.models.forward import Grid
from imap_fast.models.real_video.ltx import FRAME_RATE, LTXForward
from imap_fast.models.vae_compression import spatial_compression

NO_SIZE = (
    "the transformer was given no num_frames, height and width, which say where its tokens are; give them, or trace a "
    "pipeline that does"
)


def other_size(arguments: Mapping[str, Any], grid: Grid) -> ValueError:
    """The error of a forward pass whose tokens are not those of a video of this size."""
    tokens = arguments["hidden_states"].shape[1]
    return ValueError(
        f"the transformer was given {tokens} tokens, but num_frames, height and width are those of {grid[0]} latent "
        f"frames of {grid[1]} × {grid[2]} patches; give those of its latents, or trace a pipeline that does"
    )


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
        self._grid: Grid | None = None

    @property
    def embedding_width(self) -> int:
        return self.config.caption_channels

    @property
    def patch_size(self) -> Grid:
        return (self.config.patch_size_t, self.config.patch_size, self.config.patch_size)

    @property
    def frame_rate(self) -> float:
        return FRAME_RATE

    def frame_rate_of(self, arguments: Mapping[str, Any]) -> float:
        """As in the base class. It is in the distance of two latent frames in time."""
        if (scale := arguments.get("rope_interpolation_scale")) is not None:
            return self.temporal_compression / float(scale[0])
        (frames, height, width), (video,) = self.grid_of(arguments)
        if arguments.get("video_coords") is None or frames == 1:
            return self.frame_rate
        # The first latent frame is one frame, so the second begins with the next frame.
        seconds = arguments["video_coords"][0, 0, video][height * width]
        return round(1 / float(seconds), 3)

    def latents_prepared(self, inputs: Mapping[str, Any]) -> None:
        pixels = spatial_compression(self.pipeline)
        frames = (inputs["num_frames"] - 1) // self.temporal_compression + 1
        self._grid = self.patches_of(frames, inputs["height"] // pixels, inputs["width"] // pixels)

    def grid_of(self, arguments: Mapping[str, Any]) -> tuple[Grid, tuple[slice, ...]]:
        """As in the base class. A transformer that is given the coordinates of its tokens has the size of the run.

        Raises:
            ValueError: neither the arguments nor a run say how many frames and patches there are, or it is another
                number of tokens.
        """
        given = self.given_grid(arguments)
        grid = given or self._grid
        if grid is None:
            raise ValueError(NO_SIZE)
        # Where only coordinates are given, images and videos that condition the tokens are in front of them.
        before = arguments["hidden_states"].shape[1] - prod(grid)
        if before < 0 or (given and before):
            raise other_size(arguments, grid)
        return grid, (slice(before, None),)

    def given_grid(self, arguments: Mapping[str, Any]) -> Grid | None:
        """Latent frames and patches as the arguments of a forward pass say. None: they do not."""
        given = [arguments[name] for name in ("num_frames", "height", "width") if arguments.get(name) is not None]
        return self.patches_of(*given) if len(given) == 3 else None

    def patches_of(self, *size: int) -> Grid:
        """Latent frames and patches of latents of this size."""
        frames, height, width = (each // patch for each, patch in zip(size, self.patch_size, strict=True))
        return frames, height, width
