"""The pass of a real video through SkyReels V2."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from imap_fast.models.real_video.base import is_one_of
from imap_fast.models.real_video.wan import WanForward

FRAME_RATE = 24.0
FORCING = ("SkyReelsV2DiffusionForcingPipeline",)
"""Pipelines whose transformer takes a noise level for each frame."""


class SkyReelsV2Forward(WanForward):
    """See `VideoForward`. With diffusion forcing, all frames are noised to the same step."""

    pipelines = ("SkyReelsV2Pipeline", "SkyReelsV2ImageToVideoPipeline", *FORCING)
    image_pipelines = ("SkyReelsV2ImageToVideoPipeline",)
    is_published = False

    @property
    def clip(self) -> tuple[int, int, int]:
        return 97, 544, 960

    @property
    def fps(self) -> float:
        return FRAME_RATE

    def noised(self, step: int, window: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        latents, timestep = super().noised(step, window)
        if is_one_of(self.pipeline, FORCING):
            timestep = timestep.long()[:, None].expand(-1, latents.shape[2])
        return latents, timestep

    def further_inputs(self, window: dict[str, Tensor]) -> dict[str, Any]:
        if not is_one_of(self.pipeline, FORCING):
            return {}
        # 1 is the index of every rate but 16 frames per second. One serves all rows of a batch.
        return {"enable_diffusion_forcing": True, "fps": [1]}
