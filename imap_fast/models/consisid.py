"""ConsisID: CogVideoX with the identity of a face, which comes in between the blocks."""

from __future__ import annotations

from typing import ClassVar

from diffusers import ConsisIDTransformer3DModel

from imap_fast.models import cogvideox


class Adapter(cogvideox.Adapter):
    """ConsisID; see `imap_fast.models.adapter.Adapter`."""

    model = ConsisIDTransformer3DModel
    published_layers_of: ClassVar = {}

    @property
    def patch_size(self) -> tuple[int, int, int]:
        return (1, self.config.patch_size, self.config.patch_size)

    @property
    def frame_rate(self) -> float:
        return 8.0
