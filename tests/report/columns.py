"""Maps whose single layers, steps and heads can be read from a picture.

Each layer in each step is hot in a column of patches of its own, and the more so the later it is. Each single head is
hot in a row of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from imap_fast.maps.saliency_maps import SaliencyMaps
from tests.report import moving

LAYERS, STEPS, HEADS = (2, 5), (10, 20, 30), ((2, 1), (5, 3))


def column(layer: int, step: int) -> int:
    """The hot column of a layer in a step, both as numbers."""
    return 2 + 2 * (len(STEPS) * LAYERS.index(layer) + STEPS.index(step))


def strength(layer: int, step: int) -> float:
    """How hot it is, up to 1."""
    return column(layer, step) / column(LAYERS[-1], STEPS[-1])


def row(head: int) -> int:
    """The hot row of the single head at a place among `HEADS`."""
    return 5 + 4 * head


def make_maps(
    keep: Sequence[str] = ("layers", "steps"), heads: Sequence[tuple[int, int]] = HEADS, **settings
) -> SaliencyMaps:
    """The maps, of every frame of `moving.make_clip`."""
    maps = moving.make_maps(**settings)
    kept = torch.zeros(len(LAYERS), len(STEPS), *maps.imap.shape)
    for row_of_layer, layer in zip(kept, LAYERS, strict=True):
        for plane, step in zip(row_of_layer, STEPS, strict=True):
            plane[..., column(layer, step)] = strength(layer, step)
    whole = kept.mean((0, 1))
    for axis, name in enumerate(("layers", "steps")):
        if name not in keep:
            kept = kept.mean(axis, keepdim=True)
    single = torch.zeros(len(heads), *whole.shape)
    for place, values in enumerate(single):
        values[..., row(place), :] = 1
    named = ({"keep": list(keep)} if keep else {}) | ({"heads": [list(head) for head in heads]} if heads else {})
    return replace(
        maps,
        maps={"imap": whole, "gramcol": whole.clone()},
        steps=STEPS,
        kept={"imap": kept, "gramcol": kept.clone()} if keep else None,
        single_heads=single if heads else None,
        settings=maps.settings | named,
    )
