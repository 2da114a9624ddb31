"""When the latent frames of a map happen, in video frames."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class LatentTime:
    """How latent frames relate to video frames.

    Attributes:
        temporal_compression: r, video frames in a latent frame of the VAE.
        patch_size_t: p, latent frames in a temporal patch of the transformer.
        rest_in_first_latent: where video frames are that do not fill a latent. True: in latent 0, as in the VAE of
            CogVideoX, which decodes an even number of latents to r frames each. False: after the last latent, unseen.
    """

    temporal_compression: int
    patch_size_t: int
    rest_in_first_latent: bool = False

    def frame_times(self, num_latent_frames: int, num_frames: int) -> Tensor:
        """The time of each latent frame: the mean of the video frames that it covers.

        A causal VAE encodes video frame 0 as latent 0 and the video frames r(i−1)+1 … ri as latent i. If the number of
        frames is not a multiple of r plus 1, up to r−1 frames are left: see `rest_in_first_latent`. A transformer with
        temporal patches takes p latents as one latent frame of the map. If the latents do not fill the patches,
        the pipeline pads them in front and removes the padding from the video (CogVideoX 1.5).

        Args:
            num_latent_frames: F, the latent frames of the map.
            num_frames: the frames of the video.

        Returns:
            fp64 `[F]`, in video frames, ascending.

        Raises:
            ValueError: a video of `num_frames` does not have F latent frames.
        """
        if num_frames < 1:
            raise ValueError(f"num_frames must be at least 1, not {num_frames}")
        r, p = self.temporal_compression, self.patch_size_t
        latents = (num_frames - 1) // r + 1
        padding = num_latent_frames * p - latents
        if not 0 <= padding < p:
            raise ValueError(
                f"{num_frames} video frames give {latents} latent frames, but the maps cover {num_latent_frames * p}; "
                "give the video that the maps were read from"
            )
        first = torch.arange(num_latent_frames, dtype=torch.float64) * p - padding
        last = first + p - 1
        rest = num_frames - 1 - r * (latents - 1) if self.rest_in_first_latent else 0
        # Latent i ≥ 1 begins at video frame r(i−1)+1 after the rest. Latent 0 has nothing before it.
        begin = (r * (first - 1) + 1 + rest).clamp(min=0)
        return (begin + r * last + rest) / 2

    def longest_video(self, num_latent_frames: int) -> int:
        """The largest number of video frames that a pipeline makes of this number of latent frames."""
        latents = num_latent_frames * self.patch_size_t
        rest = self.temporal_compression - 1 if self.rest_in_first_latent and latents % 2 == 0 else 0
        return self.temporal_compression * (latents - 1) + 1 + rest
