"""What is measured of the maps of a clip: where and when they find their concepts, and whether other noise agrees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from benchmarks.trials.captured import captured
from benchmarks.trials.maps import variant_maps
from benchmarks.trials.variants import MOST_NOISES, Variant
from imap_fast.evaluate.example import Example
from imap_fast.evaluate.localization import over_time
from imap_fast.text.words import BACKGROUND
from imap_fast.upsampling.interpolate import upsample_space, upsample_time
from imap_fast.upsampling.latent_time import LatentTime

MAPS = ("imap", "gramcol")
MEASURES = {
    "object spacetime_auc": "AUC",
    "motion spacetime_auc": "AUC",
    "motion temporal_auc": "AUC",
    "agreement": "Pearson's r",
}
"""The measures and their units. Agreement is the correlation of a concept's maps of two disjoint sets of noises."""

Values = dict[str, list[float]]
"""The values of each measure in one clip, one for each concept. NaN: not defined."""


def measured(
    pipe: Any, example: Example, variants: Mapping[str, Variant], *, step: int, top_k: int, layers: list[int]
) -> dict[tuple[str, str], Values]:
    """The measures of every map of every variant, in one clip: `{(variant, map): values}`.

    AUC is that of the first set of noises, which begins with seed 0, the default of `imap_fast.explain`.
    """
    seeds_of: dict[int, set[int]] = {}
    for variant in variants.values():
        for each in variant.steps or (step,):
            seeds_of.setdefault(each, set()).update(*noise_sets(variant))
    passes, grid = captured(pipe, example, {each: sorted(seeds) for each, seeds in seeds_of.items()}, layers=layers)
    time = LatentTime(pipe.vae_scale_factor_temporal, 1)
    found = {}
    for name, variant in variants.items():
        first, second = (
            variant_maps(variant, passes, seeds, step, top_k).unflatten(-1, grid) for seeds in noise_sets(variant)
        )
        for index, each in enumerate(MAPS):
            if each in variant.maps:
                values = localization(first[index], example, time)
                found[name, each] = values | {"agreement": agreement(first[index], second[index], example)}
    return found


def noise_sets(variant: Variant) -> tuple[range, range]:
    """The seeds of two disjoint sets of noises."""
    return range(variant.noises), range(MOST_NOISES, MOST_NOISES + variant.noises)


def localization(maps: Tensor, example: Example, time: LatentTime) -> Values:
    """The AUC of the maps of a clip, `[C, F, H, W]`, as in `imap_fast.evaluate.localization`."""
    frames = example.clip.frames
    times = time.frame_times(maps.shape[1], len(frames))
    saliency = upsample_space(upsample_time(maps.float(), times, len(frames)), *frames.shape[1:3]).numpy()
    by_label = dict(zip(example.concepts, saliency, strict=True))
    values: Values = {name: [] for name in MEASURES if name != "agreement"}
    for truth in example.truths:
        for measure, value in over_time(by_label[truth.label], truth).items():
            if f"{truth.kind} {measure}" in values:
                values[f"{truth.kind} {measure}"].append(value)
    return values


def agreement(first: Tensor, second: Tensor, example: Example) -> list[float]:
    """The correlation of two maps of each concept, `[C, F, H, W]`, without the background."""
    pairs = zip(example.concepts, first.flatten(1), second.flatten(1), strict=True)
    return [float(np.corrcoef(*(each.numpy() for each in pair))[0, 1]) for name, *pair in pairs if name != BACKGROUND]
