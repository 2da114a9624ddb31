"""Traces of two videos with marked regions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import imap_fast
from imap_fast import SaliencyMaps
from imap_fast.maps.names import REGION_MAPS, WITHIN_FEATURES
from imap_fast.models.read_layer import ReadLayer
from imap_fast.models.tap import Tap
from tests.architectures import ARCHITECTURES, Architecture

GRID = (3, 2, 3)
PATCHES = 6
LAYERS = (0, 2)
RATES = {"cogvideox": 8, "hunyuan_video": 24, "wan": 16}

# In a bare transformer, pixels are patches: columns 0 to 3, rows 0 to 2. Times are given in frames, 0 to 8.
REGIONS = {
    "point": (0, 1.5, 0.5),
    "box": (5, 1.0, 0.0, 3.0, 2.0),
    "mask": (4, np.array([[1, 0, 0], [0, 0, 1]], bool)),
}
TOKENS = {"point": (0, [1]), "box": (2, [1, 2, 4, 5]), "mask": (1, [0, 5])}
"""The latent frame and the patches of each region."""


def traced(architecture: Architecture, seen: list | None = None, **changed: object) -> SaliencyMaps:
    """The maps of two passes of two videos. `seen` receives the step, the layer, the video, q, k and o."""
    transformer, inputs = architecture.transformer(), architecture.draw(batch=2)
    maps = [name for name in REGION_MAPS if name in WITHIN_FEATURES or not architecture.prompt_only]
    rate = RATES[next(name for name in ARCHITECTURES if ARCHITECTURES[name] is architecture)]
    regions = {label: (frame / rate, *part) for label, (frame, *part) in REGIONS.items()}
    arguments = {"layers": LAYERS, "top_k": 2, "maps": ["gramcol", *maps], "regions": regions, **changed}
    arguments["match"] = arguments.get("match", "prompt" if architecture.prompt_only else "concepts")
    concepts = arguments.pop("concepts", architecture.concepts())
    tap_read, step = Tap.read, 0

    def observe(self, read: ReadLayer) -> None:
        if seen is not None:
            seen.append((step, read.layer, read.video, read.query, read.visual_key, read.features))
        tap_read(self, read)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tap, "read", observe)
        with torch.no_grad(), imap_fast.trace(transformer, concepts, **arguments) as tracer:
            for step in range(2):
                transformer(**{**inputs, "hidden_states": inputs["hidden_states"] + step})
    return tracer.maps
