"""When the latent frames of a map happen, in video frames."""

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, pairwise
from numbers import Integral

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
        shots: the first video frame of each shot, and the number of its frames that latents cover. The VAE encodes each
            shot as a clip of its own. Empty: the video is one shot.
        numbers: of a video of which not all frames passed the model: the mean number of the video frames in each latent
            frame. None: all passed.
        num_frames: of the video. None: unknown.
    """

    temporal_compression: int
    patch_size_t: int
    rest_in_first_latent: bool = False
    shots: tuple[tuple[int, int], ...] = ()
    numbers: tuple[float, ...] | None = None
    num_frames: int | None = None

    @property
    def cuts(self) -> tuple[int, ...]:
        """The video frames at which a shot begins, without the first one."""
        return tuple(first for first, _ in self.shots[1:])

    def latents_of_shots(self, num_latent_frames: int) -> list[int]:
        """The number of latent frames in each shot of a map of F latent frames. The last shot has the rest."""
        if self.numbers is not None:
            first = [bisect_left(self.numbers, cut) for cut in self.cuts]
        else:
            first = list(accumulate(self._latent_frames(covered) for _, covered in self.shots[:-1]))
        return [end - begin for begin, end in pairwise([0, *first, num_latent_frames])]

    def _latent_frames(self, num_frames: int) -> int:
        """The number of latent frames of the map that cover `num_frames`."""
        return -(-((num_frames - 1) // self.temporal_compression + 1) // self.patch_size_t)

    def frame_times(self, num_latent_frames: int, num_frames: int) -> Tensor:
        """The time of each latent frame: the mean of the video frames that it covers.

        A causal VAE encodes video frame 0 as latent 0 and the video frames r(i−1)+1 … ri as latent i. If the number of
        frames is not a multiple of r plus 1, up to r−1 frames are left: see `rest_in_first_latent`. A transformer with
        temporal patches takes p latents as one latent frame of the map. If the latents do not fill the patches,
        the pipeline pads them in front and removes the padding from the video (CogVideoX 1.5). All this holds for each
        shot.

        Args:
            num_latent_frames: F, the latent frames of the map.
            num_frames: the frames of the video.

        Returns:
            fp64 `[F]`, in video frames, ascending.

        Raises:
            ValueError: a video of `num_frames` does not have F latent frames.
        """
        if isinstance(num_frames, bool) or not isinstance(num_frames, Integral) or num_frames < 1:
            raise ValueError(f"num_frames must be a whole number from 1 on, not {num_frames!r}")
        if self.numbers is not None:
            if num_frames != self.num_frames:
                raise ValueError(
                    f"the maps cover {self.num_frames} frames of the video, not {num_frames}; give all of them, not "
                    "those that passed the model"
                )
            return torch.tensor(self.numbers, dtype=torch.float64)
        *earlier, (begin, _) = self.shots or ((0, num_frames),)
        *lengths, rest = self.latents_of_shots(num_latent_frames)
        times = [
            first + self._times_in_shot(latents, covered)
            for (first, covered), latents in zip(earlier, lengths, strict=True)
        ]
        if num_frames <= begin or rest < 1:
            raise ValueError(
                f"{num_frames} video frames and {num_latent_frames} latent frames do not fit the shots of the maps; "
                "give the video that the maps were read from"
            )
        return torch.cat([*times, begin + self._times_in_shot(rest, num_frames - begin)])

    def _times_in_shot(self, num_latent_frames: int, num_frames: int) -> Tensor:
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

    def latent_frame_of(self, frame: int, num_latent_frames: int, num_frames: int) -> int:
        """The latent frame that covers a video frame, in a clip without cuts of which all frames passed the model.

        Arguments and errors are those of `frame_times`. Frames after the last covered one are in its latent frame.
        """
        r, p = self.temporal_compression, self.patch_size_t
        self.frame_times(num_latent_frames, num_frames)
        latents = (num_frames - 1) // r + 1
        padding = num_latent_frames * p - latents
        rest = num_frames - 1 - r * (latents - 1) if self.rest_in_first_latent else 0
        latent = max(0, -(-(frame - rest) // r))
        return min(num_latent_frames - 1, (latent + padding) // p)

    def longest_video(self, num_latent_frames: int) -> int:
        """The largest number of video frames that a pipeline makes of this number of latent frames."""
        if self.numbers is not None and self.num_frames is not None:
            return self.num_frames
        begin = self.shots[-1][0] if self.shots else 0
        latents = self.latents_of_shots(num_latent_frames)[-1] * self.patch_size_t
        rest = self.temporal_compression - 1 if self.rest_in_first_latent and latents % 2 == 0 else 0
        return begin + self.temporal_compression * (latents - 1) + 1 + rest
