"""The pass of a real video through ChronoEdit, conditioned on its first frame."""

from __future__ import annotations

from imap_fast.models.real_video.wan import WanForward


class ChronoEditForward(WanForward):
    """See `VideoForward`."""

    pipelines = image_pipelines = ("ChronoEditPipeline",)
    is_published = False
