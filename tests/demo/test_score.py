"""The AUC of maps against exact masks."""

import numpy as np
import pytest
import torch

from imap_fast.demo import world
from imap_fast.demo.score import concept_masks, score
from imap_fast.maps.saliency_maps import SaliencyMaps


@pytest.mark.slow
def test_the_masks_of_objects_and_background_partition_the_picture():
    scene = next(
        scene for scene in map(world.sample, range(99)) if [o.moving.any() for o in scene.objects] == [1, 1, 0]
    )
    masks = concept_masks(scene)
    labels, motions = [thing.label for thing in scene.objects], [thing.motion for thing in scene.objects[:2]]
    assert list(masks) == [*labels, *motions, "background"]
    assert (sum(masks[name].astype(int) for name in (*labels, "background")) == 1).all()


@pytest.mark.slow
def test_the_mask_of_a_motion_is_that_of_its_object_while_it_moves():
    scene = next(scene for scene in map(world.sample, range(99)) if scene.objects[0].span == "between")
    moving = scene.objects[0]
    mask = concept_masks(scene)[moving.motion]
    assert not mask[0].any()
    assert not mask[-1].any()
    np.testing.assert_array_equal(mask[moving.moving], moving.mask[moving.moving])


def test_the_ground_truth_as_a_map_scores_high_and_its_negative_low():
    scene = next(scene for scene in map(world.sample, range(99)) if len(scene.objects) > 1)
    masks = concept_masks(scene)
    # Latent frame 0 encodes video frame 0, and latent frame i the four frames from 4i − 3 on.
    truth = torch.stack(
        [
            torch.cat([values[:1], values[1:].unflatten(0, (-1, 4)).mean(1)])
            for values in (torch.from_numpy(mask).float() for mask in masks.values())
        ]
    )
    maps = SaliencyMaps(
        maps={"imap": truth, "gramcol": -truth},
        labels=tuple(masks),
        layers=(0,),
        steps=(0,),
        head_scores=torch.zeros(1, 2),
        selected_heads=torch.zeros(1, 1, dtype=torch.int64),
        settings={"temporal_compression": 4, "patch_size_t": 1},
    )
    for row in score(maps, masks).values():
        assert row["imap"] > 0.95
        assert row["gramcol"] < 0.05
    among = score(maps, masks, within=~masks["background"])
    assert set(among) == set(masks) - {"background"}, "no object's pixel is background"
    assert all(row["imap"] > 0.95 for row in among.values())
