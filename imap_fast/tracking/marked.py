"""The latent frame in which a region was marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def marked_in(region: Mapping[str, Any], seconds: Tensor | None, frames: int) -> int | None:
    """The latent frame of a region. None: nobody knows.

    Args:
        region: as `settings["regions"]` records it.
        seconds: the time of each latent frame, `[F]`. None: the video was generated.
        frames: F, latent frames.
    """
    if region.get("latent_frame") is not None:
        return min(region["latent_frame"], frames - 1)
    return None if seconds is None else int((seconds - region["seconds"]).abs().argmin())
