"""The pass of a real video through Wan VACE, without anything that controls it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from imap_fast.models.real_video.wan import WanForward


class WanVACEForward(WanForward):
    """See `VideoForward`. As in a run with a prompt alone, the control is a grey video that is painted anew."""

    pipelines = ("WanVACEPipeline",)
    image_pipelines = ()
    is_published = False

    def encode(self, frames: np.ndarray) -> dict[str, Tensor]:
        window, pipeline = super().encode(frames), self.encoder.encoding_pipeline
        device, methods = window["latents"].device, type(self.pipeline)
        video, mask, images = methods.preprocess_conditions(
            pipeline, None, None, None, 1, self.height, self.width, len(frames), torch.float32, device
        )
        control = methods.prepare_video_latents(pipeline, video, mask, images, None, device)
        return {**window, "control": torch.cat([control, methods.prepare_masks(pipeline, mask, images)], dim=1)}

    def further_inputs(self, window: dict[str, Tensor]) -> dict[str, Any]:
        return {"control_hidden_states": window["control"].to(self.pipeline.transformer.dtype)}
