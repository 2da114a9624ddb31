"""The AUC of saliency maps against the exact masks of a scene."""

from __future__ import annotations

import numpy as np

from imap_fast.demo.world import Scene
from imap_fast.maps.saliency_maps import SaliencyMaps
from imap_fast.metrics.ranking import auc
from imap_fast.text.words import BACKGROUND


def concept_masks(scene: Scene) -> dict[str, np.ndarray]:
    """The concepts of a scene and the mask of each, bool `[T, H, W]`.

    The concepts are the names of all objects, all motions, and the background. The mask of a motion is that of its
    object in the frames in which the motion is active. The background is everything outside of all objects.
    """
    masks = {thing.label: thing.mask for thing in scene.objects}
    any_object = np.any(list(masks.values()), axis=0)
    motions = {thing.motion: thing.motion_mask for thing in scene.objects if thing.moving.any()}
    return masks | motions | {BACKGROUND: ~any_object}


def score(
    maps: SaliencyMaps, masks: dict[str, np.ndarray], within: np.ndarray | None = None
) -> dict[str, dict[str, float]]:
    """The AUC of each concept in each map, at the size of the video: `{concept: {map: AUC}}`.

    Args:
        maps: of one video, with the concepts of `masks` among their labels.
        masks: by concept, bool `[T, H, W]`.
        within: the pixels that count, bool `[T, H, W]`. None: all. A concept whose mask contains all or none of them is
            left out.
    """
    num_frames, height, width = next(iter(masks.values())).shape
    within = np.ones((num_frames, height, width), bool) if within is None else within
    upsampled = {name: maps.upsample(num_frames, height, width, map=name).numpy() for name in maps.maps}
    return {
        concept: {name: auc(values[maps.index(concept)][within], mask[within]) for name, values in upsampled.items()}
        for concept, mask in masks.items()
        if 0 < mask[within].sum() < within.sum()
    }
