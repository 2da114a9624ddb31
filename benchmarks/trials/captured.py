"""What the variants are computed from: q, o and text keys of the layers read, from one forward pass of each noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imap_fast.evaluate.example import Example
from imap_fast.models.read_layer import ReadLayer
from imap_fast.models.real_video.noise import Noise
from imap_fast.models.registry import adapter_for
from imap_fast.tracing.trace import trace
from imap_fast.tracing.tracer import Tracer


@dataclass(frozen=True)
class Layer:
    """One layer of one forward pass.

    Attributes:
        query: q of the visual tokens, `[A, N, d]`.
        features: o of the visual tokens, `[A, N, d]`.
        key: κ of the concepts, and of the padding in the last row, `[A, C + 1, d]`.
        multiplicity: how many text keys of the model each row represents, fp32 `[C + 1]`.
        frames: F, the latent frames.
    """

    query: Tensor
    features: Tensor
    key: Tensor
    multiplicity: Tensor
    frames: int


Passes = Mapping[tuple[int, int], list[Layer]]
"""The layers that were read, by the seed of the noise and the step."""


class CapturingTracer(Tracer):
    """A trace that keeps what it reads, beside the maps of the product.

    Args:
        tracer: the tracer whose adapter, settings and concepts are used.

    Attributes:
        layers: of the last forward pass, by the row of the batch.
    """

    def __init__(self, tracer: Tracer) -> None:
        super().__init__(tracer.adapter, tracer.settings, tracer.concepts, guided=False)
        self.layers: dict[int, list[Layer]] = {}

    def _read_layer(self, read: ReadLayer) -> None:
        super()._read_layer(read)
        kept = Layer(
            query=read.query.contiguous(),
            features=read.features.contiguous(),
            key=read.text.key.contiguous(),
            multiplicity=read.text.multiplicity,
            frames=self.running_maps.grid[0],
        )
        self.layers.setdefault(read.video, []).append(kept)


@torch.no_grad()
def captured(
    pipe: Any, example: Example, seeds_of: Mapping[int, Iterable[int]], **trace_arguments: Any
) -> tuple[Passes, tuple[int, int, int]]:
    """The layers of a clip at some steps with some noises. The noises of a step are one batch.

    Args:
        pipe: a demo model.
        example: a clip of the demo world, in the size of the model.
        seeds_of: the seeds of the noises, by step.
        trace_arguments: of `imap_fast.trace`.

    Returns:
        The layers, and the grid `(F, H, W)`.
    """
    adapter = adapter_for(pipe)
    forward = adapter.video_forward(None, None, None)
    frames = example.clip.frames
    tracer = CapturingTracer(trace(pipe, list(example.concepts), maps=("gramcol",), **trace_arguments))
    passes: dict[tuple[int, int], list[Layer]] = {}
    with tracer, adapter.stopped_after(tracer.settings.layers[-1]):
        forward.encode_text(example.caption, frames[0])
        window = forward.encode(frames)
        for step, seeds in seeds_of.items():
            noises = [Noise(torch.Generator().manual_seed(seed)) for seed in seeds]
            rows = [forward.with_noise(window, 0, noise) for noise in noises]
            tracer.reset()
            tracer.layers = {}
            forward.forward(step, {name: torch.cat([row[name] for row in rows]) for name in rows[0]})
            passes |= {(seed, step): tracer.layers[row] for row, seed in enumerate(seeds)}
        grid = tracer.running_maps.grid
    return passes, grid
