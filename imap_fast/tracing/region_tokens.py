"""Where regions are among the visual tokens of a clip that passes a model whole."""

from __future__ import annotations

from collections.abc import Sequence

from imap_fast.models.adapter import Adapter
from imap_fast.models.vae_compression import spatial_compression
from imap_fast.tracing.regions import Region
from imap_fast.upsampling.latent_time import LatentTime

EARLY = 1e-6
"""The share of a frame by which a time may be early: 0.3 · 10 is less than 3."""


def region_tokens(
    adapter: Adapter, regions: Sequence[Region], grid: tuple[int, int, int], frame_rate: float
) -> list[list[int]]:
    """The visual tokens of each region, frame-major.

    Args:
        adapter: of the model, whose compression relates frames to latent frames.
        regions: in pixels of the video. Of a bare transformer, in patches.
        grid: `(F, H, W)`, latent frames and patches.
        frame_rate: of the clip.

    Raises:
        ValueError: a region is outside of the clip or of the picture.
    """
    frames, height, width = grid
    pixels = 1 if adapter.pipeline is None else spatial_compression(adapter.pipeline)
    rows, columns = (1, 1) if adapter.pipeline is None else adapter.patch_size[1:]
    size = height * rows * pixels, width * columns * pixels
    time = LatentTime(adapter.temporal_compression, adapter.patch_size[0], adapter.rest_in_first_latent)
    num_frames, tokens = length_of(time, frames), []
    for region in regions:
        frame = int(region.seconds * frame_rate + EARLY)
        if frame >= num_frames:
            seconds = num_frames / frame_rate
            raise ValueError(
                f"the region {region.label!r} is at {region.seconds:g} s, outside of the clip: it has {num_frames} "
                f"frames in {seconds:g} s"
            )
        latent = time.latent_frame_of(frame, frames, num_frames)
        tokens.append([latent * height * width + patch for patch in region.patches(size, size, (height, width))])
    return tokens


def length_of(time: LatentTime, frames: int) -> int:
    """The number of video frames of a clip that passes whole, from its F latent frames.

    With patches of p latent frames, the pipeline pads the latents in front if they do not fill the patches. Published
    lengths (81 and 161 frames of CogVideoX 1.5) all need one such frame, so it is taken to be there.
    """
    latents = time.patch_size_t * frames
    if time.patch_size_t > 1:
        return time.temporal_compression * (latents - 2) + 1
    return time.longest_video(frames)
