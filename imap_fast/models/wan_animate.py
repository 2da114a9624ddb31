"""Wan 2.2 Animate: Wan with the pose and the face of an actor."""

from __future__ import annotations

from typing import Any, ClassVar

from diffusers import WanAnimateTransformer3DModel
from diffusers.models.transformers.transformer_wan_animate import WanAttnProcessor

from imap_fast.models import wan


class TappedAttention(wan.TappedAttention):
    """The arithmetic of Animate's own `WanAttnProcessor`, which is that of Wan."""

    stock_processors = (WanAttnProcessor,)


class Adapter(wan.Adapter):
    """Wan 2.2 Animate; see `imap_fast.models.adapter.Adapter`."""

    model = WanAnimateTransformer3DModel
    tapped_attention = TappedAttention
    published_layers_of: ClassVar = {}

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self.reference_frames = 1  # the picture of the character, which the pipeline removes after the last step
