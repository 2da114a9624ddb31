"""The latent frame in which a region was marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def marked_in(region: Mapping[str, Any], seconds: Tensor | None) -> int | None:
    """The latent frame of a region. None: nobody knows.

    Args:
        region: as `settings["regions"]` records it.
        seconds: the time of each latent frame, `[F]`. None: the video was generated.
    """
    if region.get("latent_frame") is not None:
        return region["latent_frame"]
    return None if seconds is None else int((seconds - region["seconds"]).abs().argmin())
