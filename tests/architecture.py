"""`Architecture`: a tiny model of one architecture, with everything that tests need."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DiffusionPipeline
from torch import Tensor, nn

from imap_fast.maps.names import MAP_NAMES
from tests.tiny_size import HEIGHT
from tests.tiny_size import WIDTH as WIDTH_OF_CLIPS

TEXT, WIDTH = 24, 32  # text tokens, and the width of their embeddings


Grid = tuple[int, int, int]


def latents_of(grid: Grid) -> Grid:
    """Frames, height and width of latents, of which a patch has 2 × 2."""
    return grid[0], 2 * grid[1], 2 * grid[2]


def last_rows(visual: int, grid: Grid) -> Tensor:
    """The places of the last visual tokens: references are before those of the video."""
    return torch.arange(visual - math.prod(grid), visual)


def first_rows(visual: int, grid: Grid) -> Tensor:
    """The places of the first visual tokens: references are behind those of the video."""
    return torch.arange(math.prod(grid))


@dataclass(frozen=True)
class Architecture:
    """A tiny model of one architecture.

    Attributes:
        pipeline: makes a pipeline.
        transformer: makes a transformer without a pipeline.
        blocks: attribute of the transformer with the blocks that are read.
        attention: attribute of a block with the attention that is read.
        size: height and width of its clips: 2 × 3 patches.
        prompt_only: whether only tokens of the prompt can be matched.
        channels_first: whether the channels of latents come before their frames.
        video_rows: makes the places of the tokens of the video among the visual ones, from the number of these and the
            grid of frames and patches.
        text_rows: where the rows of text are in the keys of a joint attention: "front" or "behind".
        text_call: which attention call of a block is that over the text, if it has several.
        calls_of_videos: whether each video has an attention call of its own, of the rows that are attended to.
        prompt_rows: makes the places of the tokens of the prompt and of its padding among the text rows, from the
            arguments of a forward pass and a video. None: all text rows are.
        inputs: makes the arguments of the forward pass besides latents, text and timestep, for a batch size and numbers
            of text tokens and the grid of frames and patches.
        start: makes the rows `[1, T, D]` of a concept stream before the first block from a transformer, the arguments
            of its forward pass, and concepts `[C, D_text]`.
        stream_uses_attention: whether a block adds its attention output to the concept stream.
    """

    pipeline: Callable[..., DiffusionPipeline]
    transformer: Callable[..., nn.Module]
    blocks: str
    attention: str
    size: tuple[int, int] = (HEIGHT, WIDTH_OF_CLIPS)
    prompt_only: bool = False
    channels_first: bool = True
    video_rows: Callable[[int, Grid], Tensor] = last_rows
    text_rows: str = "front"
    text_call: int = -1
    calls_of_videos: bool = False
    prompt_rows: Callable[[dict, int], Tensor] | None = None
    inputs: Callable[[int, int, Grid], dict[str, Any]] = lambda batch, text, grid: {}
    start: Callable[[nn.Module, dict, Tensor], Tensor] | None = None
    stream_uses_attention: bool = True

    @property
    def arguments(self) -> dict[str, object]:
        """Arguments of a trace: two layers, and all maps of the architecture."""
        chosen = {"layers": [0, 2], "top_k": 2, "maps": self.maps}
        return {**chosen, "match": "prompt"} if self.prompt_only else chosen

    @property
    def sizes(self) -> dict[str, int]:
        """The size as arguments."""
        return dict(zip(("height", "width"), self.size, strict=True))

    @property
    def maps(self) -> tuple[str, ...]:
        """The maps of the architecture."""
        return MAP_NAMES[:3] if self.prompt_only else MAP_NAMES

    def concepts(self, count: int = 3) -> Tensor | None:
        """Embeddings of concepts. None if only tokens of the prompt can be matched."""
        return None if self.prompt_only else torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(2))

    def draw(
        self, batch: int = 1, *, text: int = TEXT, padding: int = 0, latents: tuple[int, int, int] = (3, 4, 6)
    ) -> dict[str, Tensor]:
        """Random arguments of a forward pass, with `text` rows of text. The last `padding` rows are zero."""
        generator = torch.Generator().manual_seed(3)
        frames, height, width = latents
        noise = torch.randn(batch, 4, frames, height, width, generator=generator)
        rows = torch.randn(batch, text, WIDTH, generator=generator)
        rows[:, text - padding :] = 0
        return {
            "hidden_states": noise if self.channels_first else noise.transpose(1, 2),
            "encoder_hidden_states": rows,
            "timestep": 500 - 200 * torch.arange(batch),
            **self.inputs(batch, text, (frames, height // 2, width // 2)),
        }
