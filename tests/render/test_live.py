"""Strips of latent frames: a pixel for each patch."""

import numpy as np
import torch

from imap_fast.render.heatmap import COLOURS
from imap_fast.render.live import heat_strips

COLD, HOT = (np.asarray(COLOURS(level)[:3]) * 255 for level in (0, 255))


def test_frames_are_side_by_side():
    values = torch.zeros(3, 4, 5)
    values[1, 2, 3] = 100
    (strip,) = heat_strips([values], frames=3, most_patches=9, gap=2)
    assert strip.shape == (4, 3 * 5 + 2 * 2, 3)
    hot = [5 + 2 + 3, 2]
    assert np.allclose(strip[hot[1], hot[0]], HOT, atol=1)
    assert (strip[:, 5:7] == 255).all()
    assert np.allclose(strip[0, 0], COLD, atol=1)


def test_frames_are_evenly_spaced_with_the_first_and_the_last():
    values = torch.arange(9.0)[:, None, None].expand(9, 2, 2)
    (strip,) = heat_strips([values], frames=3, most_patches=9, gap=0)
    levels = strip[0, ::2].astype(int).sum(1)
    assert levels.argmin() == 0
    assert levels.argmax() == 2


def test_large_frames_are_averaged():
    (strip,) = heat_strips([torch.randn(1, 30, 45)], frames=1, most_patches=15)
    assert strip.shape == (10, 15, 3)


def test_what_is_not_finite_is_cold():
    values = torch.rand(1, 3, 3)
    values[0, 0, 0] = torch.nan
    (strip,) = heat_strips([values], frames=1, most_patches=9)
    assert np.allclose(strip[0, 0], COLD, atol=1)
