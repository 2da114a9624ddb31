"""Noise for the latent frames of a video, the same in every window that contains them."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor


class Noise:
    """Standard normal noise for windows of latents. A latent frame has the same noise in every window.

    The noise is drawn in blocks that are as long as a window, each from its own seed. So any window can be drawn at any
    time. The noise of the first window is what a pipeline draws for a clip of that length. For fp64 latents, it is what
    the pipeline draws in fp32.

    Args:
        generator: draws the first block. The seeds of the other blocks are derived from its initial seed.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator, self.state = generator, generator.get_state()

    def draw(self, latents: Tensor, begin: int, dim: int) -> Tensor:
        """Noise like `latents`, whose frames along `dim` begin at latent frame `begin` of the video."""
        length = latents.shape[dim]
        block, offset = divmod(begin, length)
        blocks = [self._block(block, latents)]
        if offset:
            blocks.append(self._block(block + 1, latents))
        return torch.cat(blocks, dim).narrow(dim, offset, length)

    def fingerprint(self) -> str:
        """SHA-256 of the state of the generator, which determines all noise."""
        return hashlib.sha256(self.state.numpy().tobytes() + str(self.generator.initial_seed()).encode()).hexdigest()

    def others(self, count: int) -> list[Noise]:
        """Other noises of the same video, each with a seed of its own, from a generator on the same device.

        Their seeds are derived from all that determines this noise, so those of two noises have nothing in common.
        """
        seeds = [_derived_seed(int(self.fingerprint(), 16), number) for number in range(1, count + 1)]
        return [Noise(torch.Generator(self.generator.device).manual_seed(seed)) for seed in seeds]

    def _block(self, block: int, like: Tensor) -> Tensor:
        if block == 0:
            generator = self.generator.set_state(self.state)
        else:
            seed = _derived_seed(self.generator.initial_seed(), block)
            generator = torch.Generator(self.generator.device).manual_seed(seed)
        # On the device of the generator, like the pipelines of diffusers. A generator draws other numbers in fp64, but
        # a comparison of dtypes needs the same noise in both.
        dtype = torch.float32 if like.dtype == torch.float64 else like.dtype
        return torch.randn(like.shape, generator=generator, device=generator.device, dtype=dtype).to(like)


def _derived_seed(*numbers: int) -> int:
    """A seed that depends on all bits of the numbers, of 63 bits, which torch accepts on every device."""
    (seed,) = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(seed >> np.uint64(1))
