"""ChronoEdit: Wan as an editor, whose last frame is the edited image."""

from __future__ import annotations

from typing import ClassVar

from diffusers import ChronoEditTransformer3DModel
from diffusers.models.transformers.transformer_chronoedit import WanAttnProcessor

from imap_fast.models import wan
from imap_fast.models.real_video.chronoedit import ChronoEditForward


class TappedAttention(wan.TappedAttention):
    """The arithmetic of ChronoEdit's own `WanAttnProcessor`, which is that of Wan."""

    stock_processors = (WanAttnProcessor,)


class Adapter(wan.Adapter):
    """ChronoEdit; see `imap_fast.models.adapter.Adapter`."""

    model = ChronoEditTransformer3DModel
    tapped_attention = TappedAttention
    published_layers_of: ClassVar = {}
    video_forward_class = ChronoEditForward
