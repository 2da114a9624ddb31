"""Wan VACE: Wan with a branch of control blocks, whose attention is not read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import WanVACETransformer3DModel

from imap_fast.models import wan
from imap_fast.models.real_video.wan_vace import WanVACEForward


class Adapter(wan.Adapter):
    """Wan VACE; see `imap_fast.models.adapter.Adapter`."""

    model = WanVACETransformer3DModel
    published_layers_of: ClassVar = {}
    video_forward_class = WanVACEForward

    def begin_run(self, inputs: Mapping[str, Any]) -> None:
        super().begin_run(inputs)
        # Each reference image is a latent frame in front of the video. The pipeline takes one, a list, or a list of one
        # list.
        images = inputs["reference_images"]
        images = images[0] if isinstance(images, (list, tuple)) and isinstance(images[0], (list, tuple)) else images
        self.reference_frames = 0 if images is None else len(images) if isinstance(images, (list, tuple)) else 1
