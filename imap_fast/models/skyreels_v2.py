"""SkyReels V2: Wan for long videos, also with frames at different noise levels (diffusion forcing)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from diffusers import SkyReelsV2Transformer3DModel
from diffusers.models.transformers.transformer_skyreels_v2 import SkyReelsV2AttnProcessor

from imap_fast.models import wan
from imap_fast.models.real_video.skyreels_v2 import FRAME_RATE, SkyReelsV2Forward


class TappedAttention(wan.TappedAttention):
    """The arithmetic of `SkyReelsV2AttnProcessor`, which is that of Wan."""

    stock_processors = (SkyReelsV2AttnProcessor,)


class Adapter(wan.Adapter):
    """SkyReels V2; see `imap_fast.models.adapter.Adapter`."""

    model = SkyReelsV2Transformer3DModel
    tapped_attention = TappedAttention
    published_layers_of: ClassVar = {}
    video_forward_class = SkyReelsV2Forward

    @property
    def frame_rate(self) -> float:
        return FRAME_RATE

    def frame_rate_of(self, arguments: Mapping[str, Any]) -> float:
        """As in the base class. The transformer is told 0 for 16 frames per second, and 1 for any other rate."""
        told = arguments.get("fps")
        return 16.0 if told is not None and told[0] == 0 else self.frame_rate
