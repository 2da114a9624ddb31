"""The demo world rendered by torch is the one rendered by NumPy, in any batch."""

import numpy as np
import pytest
import torch

from imap_fast.demo import world
from imap_fast.demo.layout import SPLITS, draw_layout
from imap_fast.demo.shapes import draw
from imap_fast.demo.torch_world import render

CPU = torch.device("cpu")
NEGLIGIBLE = 1e-9  # of a pixel's area: by how much the coverages of two renderers may differ


def layouts(seeds, split="train", num_frames=5):
    return [draw_layout(seed, split, num_frames) for seed in seeds]


def is_certain(thing, side):
    """Whether rounding cannot decide if a pixel is covered by half, bool `[T, H, W]`."""
    path, radius = thing.path, thing.radius * side * thing.path.growth
    coverage, _ = draw(thing.shape, thing.texture, side, path.centre * side, radius, path.angle)
    return np.abs(coverage - 0.5) > NEGLIGIBLE


@pytest.mark.slow
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("num_frames", "side"), [(25, 96), (1, 64), (5, 33), (2, 16), (9, 51)])
def test_both_renderers_draw_the_same(split, num_frames, side):
    drawn = layouts(range(100, 116), split, num_frames)
    assert {len(layout.specks) for layout in drawn} == {0, 36}
    frames, masks, moving = render(drawn, side=side, device=CPU)
    assert frames.dtype == torch.uint8
    for index, layout in enumerate(drawn):
        scene = world.sample(100 + index, split, num_frames=num_frames, side=side)
        assert np.abs(frames[index].numpy().astype(int) - scene.frames).max() <= 1
        assert (layout.caption, layout.background) == (scene.caption, scene.background)
        for slot, (placed, thing) in enumerate(zip(layout.objects, scene.objects, strict=True)):
            mask, active, certain = masks[index, slot], moving[index, slot], is_certain(placed, side)
            assert certain.mean() > 0.99
            np.testing.assert_array_equal(mask.numpy()[certain], thing.mask[certain])
            np.testing.assert_array_equal(active.numpy(), thing.moving)
            assert placed.description == thing.description
        assert not masks[index, len(scene.objects) :].any(), "an object that is not there has a mask"
        assert not moving[index, len(scene.objects) :].any()


def test_a_scene_does_not_depend_on_its_batch():
    drawn = layouts(range(8))
    together = render(drawn, side=24, device=CPU)
    for index, alone in enumerate(drawn):
        frames, masks, moving = render([alone], side=24, device=CPU)
        objects = len(alone.objects)
        assert (frames[0].int() - together.frames[index].int()).abs().max() <= 1
        certain = torch.from_numpy(np.stack([is_certain(thing, 24) for thing in alone.objects]))
        assert torch.equal(masks[0][certain], together.masks[index, :objects][certain])
        assert torch.equal(moving[0], together.moving[index, :objects])


def test_a_layout_knows_no_pixels():
    (layout,) = layouts([3])
    small, large = (render([layout], side=side, device=CPU).masks.double().mean((3, 4)) for side in (32, 96))
    torch.testing.assert_close(small, large, rtol=0.15, atol=0.0)


@pytest.mark.parametrize("side", [15, 0])
def test_a_picture_too_small_for_a_scene_is_refused(side):
    with pytest.raises(ValueError, match=f"side={side}: give at least 16"):
        render(layouts([0]), side=side, device=CPU)
