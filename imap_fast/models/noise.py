"""Noise that belongs to the latent frames of a video, whichever window they are seen in."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor


class Noise:
    """Standard normal noise for windows of latents, the same for a latent frame in every window.

    It is drawn in blocks of as many latent frames as a window has, each from a seed of its own: any window can be
    drawn at any time, and the noise of the first window is what a pipeline draws for a clip of that length; in fp64,
    what it draws in fp32.

    Args:
        generator: of the first block; the others take their seeds from its initial one.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator, self.state = generator, generator.get_state()

    def draw(self, latents: Tensor, begin: int, dim: int) -> Tensor:
        """Noise like `latents`, whose frames along `dim` are the video's from `begin` on."""
        length = latents.shape[dim]
        block, offset = divmod(begin, length)
        blocks = [self._block(block, latents)]
        if offset:
            blocks.append(self._block(block + 1, latents))
        return torch.cat(blocks, dim).narrow(dim, offset, length)

    def fingerprint(self) -> str:
        """SHA-256 of what all noise follows from."""
        return hashlib.sha256(self.state.numpy().tobytes() + str(self.generator.initial_seed()).encode()).hexdigest()

    def _block(self, block: int, like: Tensor) -> Tensor:
        if block == 0:
            generator = self.generator.set_state(self.state)
        else:
            (seed,) = np.random.SeedSequence([self.generator.initial_seed(), block]).generate_state(1, np.uint64)
            # torch takes 63 bits on every device.
            generator = torch.Generator(self.generator.device).manual_seed(int(seed >> np.uint64(1)))
        # Where the generator is, like diffusers' pipelines. In fp64 a generator draws other numbers, and whoever asks
        # what rounding does needs the ones of fp32.
        dtype = torch.float32 if like.dtype == torch.float64 else like.dtype
        return torch.randn(like.shape, generator=generator, device=generator.device, dtype=dtype).to(like)
