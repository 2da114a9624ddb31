"""HunyuanVideo Framepack: HunyuanVideo that makes a video in sections, beside an image and the frames made before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import HunyuanVideoFramepackTransformer3DModel
from torch import Tensor, nn

from imap_fast.models import hunyuan_video
from imap_fast.models.forward import Forward, Grid
from imap_fast.models.hunyuan_video import HunyuanVideoTap
from imap_fast.models.real_video.hunyuan_video_framepack import FRAME_RATE, FramepackForward


class FramepackTap(HunyuanVideoTap):
    """Knows where the prompt is among the text rows of a block: behind an image, and cut if it is alone in its batch.

    Attributes:
        image_rows: the number of rows of the image.
        cut_rows: the number of padding rows that a block does not have.
        is_read: which tokens of the prompt are no padding, fp32 `[V, T]`.
    """

    def begin(self, videos: slice, forward: Forward) -> None:
        super().begin(videos, forward)
        lengths = forward.arguments["encoder_attention_mask"].sum(1, keepdim=True, dtype=torch.int64)
        self.image_rows = forward.arguments["image_embeds"].shape[1]
        self.cut_rows = forward.text_length - int(lengths) if len(lengths) == 1 else 0
        self.is_read = (torch.arange(forward.text_length, device=lengths.device) < lengths[videos]).float()


class TappedAttention(hunyuan_video.TappedAttention):
    """The arithmetic of HunyuanVideo.

    Text that its mask leaves out does not count: a block has no rows of it if the batch is one video. Their keys are
    then read as zero.
    """

    tap: FramepackTap

    def prompt_length(self, text: Tensor) -> int:
        return text.shape[1] - self.tap.image_rows + self.tap.cut_rows

    def prompt_rows(self, text: Tensor, video: int) -> Tensor:
        if text.ndim == 2:
            return text[:, self.tap.image_rows :]
        return F.pad(text[:, self.tap.image_rows :], (0, 0, 0, self.tap.cut_rows))

    def prompt_counts(self, mask: Tensor | None, video: int) -> Tensor:
        return self.tap.is_read[video]

    def other_keys(self, visual: Tensor, text: Tensor, video: int) -> Tensor:
        return torch.cat([visual, text[:, : self.tap.image_rows]], dim=1)


class Adapter(hunyuan_video.Adapter):
    """HunyuanVideo Framepack; see `imap_fast.models.adapter.Adapter`.

    The image is the latent frame before the first section, and is read with it.
    """

    model = HunyuanVideoFramepackTransformer3DModel
    tapped_attention = TappedAttention
    tap_class = FramepackTap
    published_layers_of: ClassVar = {}
    makes_sections = True
    draws_first = ("prepare_image_latents",)
    video_forward_class = FramepackForward

    @property
    def frame_rate(self) -> float:
        return FRAME_RATE

    def forward_of(self, entry: nn.Module, arguments: Mapping[str, Any]) -> Forward:
        return replace(super().forward_of(entry, arguments), comes_before=goes_back(arguments))

    def grid_of(self, arguments: Mapping[str, Any]) -> tuple[Grid, tuple[slice, ...]]:
        """As in the base class. Frames made before are in front of the section, of which the last few are clean."""
        (frames, height, width), _ = super().grid_of(arguments)
        patches, clean = height * width, arguments["latents_clean"].shape[2]
        section = slice(-frames * patches, None)
        if not begins_video(arguments):
            return (frames, height, width), (section,)
        # Where the video goes on, the image is also the last frame of the history, next to the section.
        image = -((clean if goes_back(arguments) else 1) + frames) * patches
        return (1 + frames, height, width), (slice(image, image + patches), section)


def goes_back(arguments: Mapping[str, Any]) -> bool:
    """Whether a section comes before those that were made already ("inverted anti-drifting")."""
    return bool(arguments["indices_latents"][0] < arguments["indices_latents_history_2x"][0])


def begins_video(arguments: Mapping[str, Any]) -> bool:
    """Whether a section follows the image: by its place, or because no frames were made before."""
    if goes_back(arguments):
        return bool(arguments["indices_latents"][0] == arguments["indices_latents_clean"][0] + 1)
    return not arguments["latents_history_2x"].any()
