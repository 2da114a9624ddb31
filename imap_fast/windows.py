"""A long video as overlapping windows of the model's clip length.

Time is counted in latent frames of the maps, as if the video were encoded in one go by the causal VAE: latent frame 0
is video frame 0, latent frame a is the video frames `span·(a−1)+1 … span·a`. A window that begins at latent frame a
begins at video frame `span·a`, so its latent frames are those of the video: all cover the same video frames as in the
whole but the first, which the VAE makes of the last frame of its span alone, and which the blend weighs least.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

Frame = TypeVar("Frame")


@dataclass(frozen=True)
class Windows:
    """Where windows begin.

    Args:
        length: video frames in a window. Those that fill no latent frame are cut off.
        overlap: latent frames that a window shares with the one before. None: a third of a window, for a smooth blend
            at half as many windows again.
        temporal_compression: video frames in a latent frame of the VAE.
        patch_size_t: latent frames of the VAE in one of the maps.

    Raises:
        ValueError: a length below 1, or an overlap that leaves no step forward.
    """

    length: int
    overlap: int | None
    temporal_compression: int
    patch_size_t: int = 1

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ValueError(f"window={self.length} is not possible; a window has at least 1 frame")
        object.__setattr__(self, "length", self.whole(self.length))
        if self.overlap is None:
            object.__setattr__(self, "overlap", round(self.latent_frames / 3))
        # Without overlap nobody would see the frames of a window's first latent frame but the last of them.
        least = min(1, self.span - 1, self.latent_frames - 1)
        if not least <= self.overlap < self.latent_frames:
            raise ValueError(
                f"overlap={self.overlap} is not possible in a window of {self.latent_frames} latent frames; "
                f"give {least} to {self.latent_frames - 1}"
            )

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
        """Latent frames from the begin of a window to that of the next."""
        return self.latent_frames - self.overlap

    def whole(self, frames: int) -> int:
        """As many of so many video frames as fill latent frames of the VAE."""
        return (self._latents(frames) - 1) * self.temporal_compression + 1

    def _latents(self, frames: int) -> int:
        return (frames - 1) // self.temporal_compression + 1

    def latent_seconds(self, seconds: Sequence[float]) -> Tensor:
        """When each latent frame of the maps happens: the mean over its video frames, of whose times fp64 `[F]`."""
        latents = self._latents(len(seconds))
        # Where latents do not fill the patches, padding stands in front.
        padding = -latents % self.patch_size_t
        ends = [
            last * self.temporal_compression + 1
            for last in range(self.patch_size_t - 1 - padding, latents, self.patch_size_t)
        ]
        covered = [seconds[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
        return torch.tensor([sum(times) / len(times) for times in covered], dtype=torch.float64)

    def count(self, frames: int) -> int:
        """How many windows cover a video of so many frames."""
        return 1 + max(0, -(-((frames - self.length) // self.span) // self.stride))

    def resume_frame(self, done: int) -> int:
        """The video frame that `cut` is to be given first where `done` windows are done: the last one's first."""
        return max(done - 1, 0) * self.stride * self.span

    def cut(self, frames: Iterable[Frame], done: int = 0) -> Iterator[tuple[int, list[Frame]]]:
        """Cuts a stream of frames into windows, and holds one window and one step of frames at most.

        The last window is shifted back, so that it is a whole one too. A video shorter than a window is one by itself.
        At the end, frames that fill no latent frame of the maps are left out: fewer than `span`.

        Args:
            frames: those of the video from `resume_frame(done)` on.
            done: how many windows not to give again.

        Returns:
            the latent frame at which each window begins, and its frames.
        """
        begin, held, given = max(done - 1, 0) * self.stride, [], done > 0
        step = self.stride * self.span
        for frame in frames:
            held.append(frame)
            if given and len(held) == self.length + step:
                del held[:step]
                begin, given = begin + self.stride, False
            if not given and len(held) == self.length:
                yield begin, held[:]
                given = True
        if held and not given:
            yield begin, held[: self.whole(len(held))]
        elif shift := max(0, len(held) - self.length) // self.span:
            yield begin + shift, held[shift * self.span :][: self.length]


def ramp(frames: int) -> Tensor:
    """Weights of the later window over `frames` shared latent frames, fp64 `[frames]`: half a cosine from 0 to 1.

    The earlier window has the rest: the weights of a latent frame add up to 1.
    """
    place = torch.arange(1, frames + 1, dtype=torch.float64) / (frames + 1)
    return (1 - torch.cos(torch.pi * place)) / 2


class Stitch:
    """Joins what windows give into one stream of latent frames, a blend wherever windows overlap.

    Args:
        begin: the latent frame of the video at which `held` begins.
        held: the latent frames that a later window may still change, `[F, …]` by name: no more than a window has. All
            are blended but `seconds`: of those a later window knows its first latent frame's only in part.
    """

    def __init__(self, begin: int, held: dict[str, Tensor]) -> None:
        self.begin, self.held = begin, held

    def add(self, begin: int, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Takes a window that begins at latent frame `begin`, and gives the latent frames before it, now final."""
        before = begin - self.begin if self.held else 0
        held = self.held or {name: tensor[:0] for name, tensor in values.items()}
        final = {name: tensor[:before] for name, tensor in held.items()}
        self.begin, self.held = begin, {}
        for name, later in values.items():
            earlier = held[name][before:]
            if name != "seconds":
                weight = ramp(len(earlier)).to(later.dtype).view(-1, *[1] * (later.ndim - 1))
                earlier = torch.lerp(earlier, later[: len(earlier)], weight)
            self.held[name] = torch.cat([earlier, later[len(earlier) :]])
        return final
