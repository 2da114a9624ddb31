"""Where windows meet in a video of the demo's world, the shipped model sees no seam."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import CogVideoXPipeline
from torch import Tensor

import imap_fast
from imap_fast.demo import world
from imap_fast.demo.build import NUM_FRAMES, SIDE
from imap_fast.demo.score import concept_masks
from imap_fast.demo.shipped_model import MODEL, best_settings
from imap_fast.explaining.blending import Blender
from imap_fast.metrics.ranking import auc
from imap_fast.video import Clip

pytestmark = pytest.mark.slow

SCENES = range(2)
OVERLAP, STRIDE = 2, 5  # latent frames
FRAMES = 65  # three windows


@pytest.fixture(scope="module")
def pipeline() -> CogVideoXPipeline:
    return CogVideoXPipeline.from_pretrained(str(MODEL))


def explain(pipeline, scene, frames: np.ndarray, **windows: int) -> imap_fast.SaliencyMaps:
    concepts = list(concept_masks(scene))
    return imap_fast.explain(pipeline, Clip(frames), scene.caption, concepts, **best_settings(), **windows)


def jumps(maps: Tensor) -> Tensor:
    """From each latent frame of `[F, C, H, W]` to the next, the mean over concepts: `[F - 1]`."""
    return maps.diff(dim=0).flatten(2).norm(dim=2).mean(1)


def test_a_still_image_jumps_no_more_across_a_seam_than_within_a_window(pipeline, monkeypatch) -> None:
    windows, add = [], Blender.add
    monkeypatch.setattr(
        Blender, "add", lambda stitch, begin, values: windows.append(values["gramcol"]) or add(stitch, begin, values)
    )
    across, within = [], []
    for seed in SCENES:
        scene = world.sample(seed, "held_out", num_frames=FRAMES)
        windows.clear()
        maps = explain(pipeline, scene, scene.frames[:1].repeat(FRAMES, 0), overlap=OVERLAP)
        assert len(windows) == 3
        # From the last latent frame before an overlap to the first behind it.
        seams = [begin + place for begin in (STRIDE, 2 * STRIDE) for place in range(-1, OVERLAP)]
        across.append(jumps(maps.gramcol.transpose(0, 1))[seams])
        within.append(torch.cat([jumps(window) for window in windows]))
    across, within = torch.cat(across), torch.cat(within)
    assert across.mean() <= within.mean()
    assert across.max() <= within.max()


def test_a_moving_shape_is_followed_across_a_seam(pipeline) -> None:
    """As well as in the middle of a window that is laid over the same frames, but for what scenes differ by."""
    across, inside = [], []
    for seed in SCENES:
        scene = world.sample(seed, "held_out", num_frames=FRAMES)
        moving = scene.objects[0]
        maps = explain(pipeline, scene, scene.frames, overlap=OVERLAP)
        whole = maps.upsample(FRAMES, SIDE, SIDE)[maps.index(moving.label)].numpy()
        for begin in (STRIDE, 2 * STRIDE):
            first = 4 * (begin - 2)
            alone = explain(pipeline, scene, scene.frames[first : first + NUM_FRAMES])
            middle = alone.upsample(NUM_FRAMES, SIDE, SIDE)[alone.index(moving.label)].numpy()
            for frame in range(4 * (begin - 1) + 1, 4 * (begin + OVERLAP - 1) + 1):
                across.append(auc(whole[frame], moving.mask[frame]))
                inside.append(auc(middle[frame - first], moving.mask[frame]))
    assert np.mean(across) > 0.7
    assert np.mean(across) >= np.mean(inside) - 0.05
