"""How the latents of a VAE become those that a transformer takes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

NEUTRAL = {"shift_factor": 0.0, "latents_mean": 0.0, "latents_std": 1.0, "scaling_factor": 1.0}
"""The entries of a config of diffusers, and the values that change nothing."""


@dataclass(frozen=True)
class Normalization:
    """`(latents - offset) * factor` is what a transformer takes: one number, or one for each channel.

    Attributes:
        offset: the mean of the latents.
        factor: one over their standard deviation.
    """

    offset: tuple[float, ...]
    factor: tuple[float, ...]

    @classmethod
    def of(cls, vae: Any, channels: int) -> Normalization:
        """That of the config of a VAE. Without a config, or without these entries in it, latents are normalized.

        Args:
            vae: anything. Its `config` is a mapping, or an object with attributes.
            channels: of its latents.

        Raises:
            ValueError: an entry that normalizes no latents with this number of channels.
        """
        config = getattr(vae, "config", None)
        found = {}
        for name, neutral in NEUTRAL.items():
            value = config.get(name) if isinstance(config, Mapping) else getattr(config, name, None)
            if value is None and isinstance(vae, nn.Module):  # LTX's VAEs have buffers
                value = dict(vae.named_buffers(recurse=False)).get(name)
            values = found[name] = _numbers(value, neutral)
            divides = neutral == 1 and 0 in values
            if len(values) not in (1, channels) or divides or not all(map(math.isfinite, values)):
                raise ValueError(
                    f"the config of the {type(vae).__name__} has {name}={textwrap.shorten(str(value), 80)}, which "
                    f"normalizes no latents of {channels} channels; give one finite number or {channels}"
                )
        offset = tuple(shift + mean for shift, mean in _paired(found["shift_factor"], found["latents_mean"]))
        factor = tuple(scale / std for scale, std in _paired(found["scaling_factor"], found["latents_std"]))
        return cls(offset, factor)

    def converted(self, latents: Tensor, to: Normalization) -> Tensor:
        """Latents `[B, C, F, H, W]` as a VAE with another normalization gives them, in fp32.

        With the same normalization, they stay as they are.
        """
        if self == to:
            return latents
        latents = latents.float()
        ratio = tuple(own / other for own, other in _paired(self.factor, to.factor))
        offset, factor, origin = (
            latents.new_tensor(values)[:, None, None, None] for values in (self.offset, ratio, to.offset)
        )
        return (latents - offset) * factor + origin


def _numbers(value: Any, neutral: float) -> tuple[float, ...]:
    """A number or several, as a tuple. None is the neutral one, and what is no number gives no values."""
    if value is None:
        return (neutral,)
    try:
        return tuple(map(float, value)) if isinstance(value, Iterable) else (float(value),)
    except (TypeError, ValueError, RuntimeError):  # the last one by a tensor of several dimensions
        return ()


def _paired(one: tuple[float, ...], other: tuple[float, ...]) -> list[tuple[float, float]]:
    """The values of both by channel. A single one is that of every channel."""
    count = max(len(one), len(other))
    return [(one[index % len(one)], other[index % len(other)]) for index in range(count)]
