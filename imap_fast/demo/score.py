"""How well a saliency map points at the thing it is named after, where the truth is known to the pixel."""

from __future__ import annotations

import numpy as np

from imap_fast.demo.world import Scene
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.ranking import auc

BACKGROUND = "background"


def concept_masks(scene: Scene) -> dict[str, np.ndarray]:
    """The concepts to ask for in a scene, and where each one is: bool `[T, H, W]`.

    Every object by its name; every motion, which is where its object is while it lasts; and the background, all that is
    left.
    """
    masks = {thing.label: thing.mask for thing in scene.objects}
    anything = np.any(list(masks.values()), axis=0)
    motions = {thing.motion: thing.motion_mask for thing in scene.objects if thing.moving.any()}
    return masks | motions | {BACKGROUND: ~anything}


def score(
    maps: SaliencyMaps, masks: dict[str, np.ndarray], within: np.ndarray | None = None
) -> dict[str, dict[str, float]]:
    """The AUC of each concept's map, brought to the video's size: `{concept: {map: AUC}}`.

    Args:
        maps: of one video, with the concepts of `masks` among their labels.
        masks: where each concept is, bool `[T, H, W]`.
        within: the pixels that count, bool `[T, H, W]`; all by default. A concept with all or none of them is left out.
    """
    size = next(iter(masks.values())).shape
    within = np.ones(size, bool) if within is None else within
    upsampled = {name: maps.upsample(*size, map=name).numpy() for name in maps.maps}
    return {
        concept: {name: auc(values[maps.index(concept)][within], mask[within]) for name, values in upsampled.items()}
        for concept, mask in masks.items()
        if 0 < mask[within].sum() < within.sum()
    }
