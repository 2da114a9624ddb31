"""A long video as overlapping windows of the clip length of the model.

Time is counted in latent frames of the maps, as if the causal VAE encoded the whole video at once: latent frame 0 is
video frame 0, and latent frame a is the video frames `span·(a−1)+1 … span·a`. A window that begins at latent frame a
begins at video frame `span·a`. So its latent frames cover the same video frames as in the whole video, except the
first: the VAE makes it from the last frame of its span alone. The blend gives it the smallest weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

Frame = TypeVar("Frame")


class Windows:
    """The positions of windows.

    Args:
        length: video frames in a window. Frames at the end that do not fill a latent frame are dropped.
        overlap: latent frames that a window shares with the previous one. None: 1, or 0 if a window has no more. More
            of them cost windows, and gave no better maps (docs/performance.md, "A long film").
        temporal_compression: video frames in a latent frame of the VAE.
        patch_size_t: latent frames of the VAE in a latent frame of the maps.

    Raises:
        ValueError: a length below 1, or an overlap as long as the window.
    """

    def __init__(self, length: int, overlap: int | None, temporal_compression: int, patch_size_t: int = 1) -> None:
        if length < 1:
            raise ValueError(f"window={length} is not possible; a window has at least 1 frame")
        self.temporal_compression, self.patch_size_t = temporal_compression, patch_size_t
        self.length = self.whole(length)
        self.overlap = min(1, self.latent_frames - 1) if overlap is None else overlap
        # Without overlap, only the last video frame of a window's first latent frame would be read.
        least = min(1, self.span - 1, self.latent_frames - 1)
        if not least <= self.overlap < self.latent_frames:
            raise ValueError(
                f"overlap={self.overlap} is not possible in a window of {self.latent_frames} latent frames; "
                f"give {least} to {self.latent_frames - 1}"
            )

    @property
    def compression(self) -> tuple[int, int]:
        """Video frames in a latent frame of the VAE, and latent frames of the VAE in one of the maps."""
        return self.temporal_compression, self.patch_size_t

    @property
    def span(self) -> int:
        """Video frames in a latent frame of the maps."""
        return self.temporal_compression * self.patch_size_t

    @property
    def latent_frames(self) -> int:
        """Latent frames of the maps in a window."""
        return -(-self._latents(self.length) // self.patch_size_t)

    @property
    def stride(self) -> int:
        """Latent frames from the start of a window to the start of the next one."""
        return self.latent_frames - self.overlap

    def whole(self, frames: int) -> int:
        """The largest number of video frames, at most `frames`, that fill latent frames of the VAE."""
        return (self._latents(frames) - 1) * self.temporal_compression + 1

    def _latents(self, frames: int) -> int:
        return (frames - 1) // self.temporal_compression + 1

    def missing(self, frames: int) -> int:
        """How many video frames a shot of this many lacks to fill its last latent frame of the maps."""
        return (self.length - frames) % (self.temporal_compression if frames <= self.length else self.span)

    def latent_means(self, values: Sequence[float]) -> Tensor:
        """The mean of the values of the video frames, such as their times, in each latent frame, fp64 `[F]`."""
        latents = self._latents(len(values))
        # If the latents do not fill the patches, the pipeline pads in front.
        padding = -latents % self.patch_size_t
        ends = [
            last * self.temporal_compression + 1
            for last in range(self.patch_size_t - 1 - padding, latents, self.patch_size_t)
        ]
        covered = [values[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
        return torch.tensor([sum(each) / len(each) for each in covered], dtype=torch.float64)

    def count(self, frames: int) -> int:
        """The number of windows that cover a video of `frames` frames."""
        return 1 + max(0, -(-((frames - self.length) // self.span) // self.stride))

    def resume_frame(self, done: int) -> int:
        """The first video frame that `split` needs if `done` windows are done: the first frame of the last of them."""
        return max(done - 1, 0) * self.stride * self.span

    def split(self, frames: Iterable[Frame], done: int = 0) -> Iterator[tuple[int, list[Frame]]]:
        """Split a stream of frames into windows. At most one window and one stride of frames are in memory.

        The last window is shifted back, so that it has full length. A video shorter than a window is one window.
        Frames at the end that do not fill a latent frame of the maps, fewer than `span`, are dropped.

        Args:
            frames: the frames of the video from `resume_frame(done)` on.
            done: the number of windows that are not yielded again.

        Yields:
            the latent frame at which a window begins, and its frames.
        """
        begin, yielded = max(done - 1, 0) * self.stride, done > 0
        held: list[Frame] = []
        step = self.stride * self.span
        for frame in frames:
            held.append(frame)
            if yielded and len(held) == self.length + step:
                del held[:step]
                begin, yielded = begin + self.stride, False
            if not yielded and len(held) == self.length:
                yield begin, held[:]
                yielded = True
        if held and not yielded:
            yield begin, held[: self.whole(len(held))]
        elif shift := max(0, len(held) - self.length) // self.span:
            yield begin + shift, held[shift * self.span :][: self.length]
